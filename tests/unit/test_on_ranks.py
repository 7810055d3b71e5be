"""Fields on the serial engine and on processes: like NumPy, and the same bits on any rank count."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

import parcompute as pc
from tests.unit import on_ranks

RANKS = [2, 3, 4]


@pytest.fixture(scope="module")
def run(launch):
    """Return a function: the result of a function by rank; one rank is the serial engine."""
    return lambda function, ranks, *args: (
        [function(pc.serial(), *args)] if ranks == 1 else launch(function, ranks, args)
    )


@pytest.mark.parametrize("ranks", [1, *RANKS])
def test_exchange_is_numpy_pad(run, ranks):
    assert run(on_ranks.exchange_like_numpy_pad, ranks, 60) == [60] * ranks


@pytest.mark.parametrize("ranks", [1, *RANKS])
def test_every_boundary_has_the_same_bits_on_any_dims(run, ranks):
    assert run(on_ranks.boundaries_like_one_rank, ranks, 80) == [80] * ranks


@pytest.mark.parametrize("ranks", [1, 3])
def test_a_wider_halo(run, ranks):
    assert run(on_ranks.widened, ranks) == [True] * ranks


@pytest.mark.parametrize("ranks", [1, 3])
def test_global_indexing_is_numpy_indexing(run, ranks):
    assert run(on_ranks.index_like_numpy, ranks, 40) == [40] * ranks


@pytest.mark.parametrize("ranks", [1, 3])
def test_scatter_and_gather(run, ranks):
    assert run(on_ranks.scatter_and_gather, ranks) == [ranks] * ranks


def test_reductions_have_the_same_bits(run):
    (expected,) = run(on_ranks.reductions, 1)
    for ranks in (3, 4):
        assert run(on_ranks.reductions, ranks) == [expected] * ranks


@pytest.mark.parametrize("ranks", [1, 3])
def test_an_exchange_of_many_arrays(run, ranks):
    assert run(on_ranks.many_arrays, ranks) == [True] * ranks


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_exchange_is_started_and_finished_in_turns(run, ranks):
    never, twice = "finish() was called without start()", "start() was called twice"
    for messages in run(on_ranks.misuse, ranks):
        assert all(
            part in message for part, message in zip([never, twice, never], messages, strict=True)
        )


@pytest.fixture(scope="module")
def on_one_rank():
    return {number: values for number, _, values in on_ranks.stencils(pc.serial())}


@pytest.mark.parametrize("sizes", [(5,), (4, 1), (3, 2)], ids=str)
def test_stencils_have_the_same_bits_on_any_dims(launch, sizes, on_one_rank):
    """The same five ranks: to load the kernels takes them longer than to run them."""
    found = launch(on_ranks.stencils_in_parts, sum(sizes), (sizes[0],))
    parts = [results for results in found if results]
    assert len(parts) == len(sizes)
    for results in parts:
        assert {number for number, _, _ in results} == set(on_one_rank)
    for number, dims, values in chain(*parts):
        stencil, shape, periods = on_ranks.STENCIL_CASES[number]
        assert values == on_one_rank[number], (stencil.name, shape, periods, dims)


def test_the_numpy_engine_has_the_same_bits_on_ranks(launch, on_one_rank):
    for number, dims, values in launch(on_ranks.stencils, 3, ("numpy",))[0]:
        assert values == on_one_rank[number], (on_ranks.STENCIL_CASES[number], dims)


@pytest.mark.parametrize("ranks", [2, 3])
def test_random_programs_have_the_same_bits_on_any_dims(launch, ranks):
    results = launch(on_ranks.random_programs, ranks, (range(4),))[0]
    assert len(results) > 12
    assert [case for *case, equal in results if not equal] == []


def test_what_stencils_reduce_has_the_same_bits(run):
    (expected,) = run(on_ranks.reduced_by_stencils, 1)
    half = np.frombuffer(expected).reshape(-1, 2, 3)
    assert half[:, 0].tobytes() == half[:, 1].tobytes()
    for ranks in (3, 4):
        assert run(on_ranks.reduced_by_stencils, ranks) == [expected] * ranks


def test_a_cold_kernel_cache_with_three_ranks_at_once(tmp_path):
    env = {"PARCOMPUTE_CACHE_DIR": str(tmp_path)}
    (expected, _) = on_ranks.diffuse_once(pc.serial())
    cold = pc.launch(on_ranks.diffuse_once, 3, env=env)
    assert [values for values, _ in cold] == [expected] * 3
    assert [numba for _, numba in cold] == [True, False, False]
    (machine_code,) = tmp_path.glob("kernels/diffuse_*.o")
    stamp = machine_code.stat().st_mtime_ns
    warm = pc.launch(on_ranks.diffuse_once, 3, env=env)
    assert warm == [(expected, False)] * 3
    assert machine_code.stat().st_mtime_ns == stamp


def test_machine_code_from_the_cache_needs_no_numba():
    (expected, _) = on_ranks.elementary_functions(pc.serial())  # fills the cache
    assert pc.launch(on_ranks.elementary_functions, 2) == [(expected, False)] * 2
