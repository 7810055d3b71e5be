"""Random kernels: the numba engine equals the numpy engine, and Python, to the last bit.

``PARCOMPUTE_TEST_EXAMPLES=300`` makes so many kernels in each test, other ones in every run; pytest
says in the end how many there were, if it runs in one process (``--numprocesses=0``).
"""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st

import parcompute as pc
from parcompute.settings import Settings, use
from tests.unit.kernels import assert_same_bits, by_loop, reduce_all
from tests.unit.random_kernels import (
    ANY,
    FLOATS,
    TIMEOUT,
    UNSIGNED,
    WHOLE,
    Kind,
    by_numpy,
    examples,
    program,
    same,
    values,
    whole,
)

pytestmark = [
    pytest.mark.timeout(TIMEOUT),
    pytest.mark.usefixtures("threads_for_few_cells", "stages_of_small_values"),
]
CLOCK = pc.Clock(2, 0.07)


@settings(**examples(6))
@given(
    st.randoms(use_true_random=True),
    st.integers(1, 3),
    st.sampled_from([FLOATS, WHOLE, UNSIGNED, ANY]),
    st.integers(1, 2),
)
def test_any_kernel_on_both_engines(compared, random, ndim, dtypes, sweeps):
    kinds = random.sample(["max", "min", "sum"], random.randint(0, 3))
    kind = Kind(ndim, dtypes=dtypes, tame=False, special=True, custom=True, reach=3, sweeps=2)
    made = program(random, kind.reducing(*kinds))
    note(str(made))
    expected, reduced = by_numpy(made, sweeps, CLOCK)
    for threads in (1, 2):
        applications = made.bind(pc.serial())
        with use(Settings(time_tile=1, threads=threads)), np.errstate(all="ignore"):
            found = pc.sweep(applications, sweeps=sweeps, clock=CLOCK)
        assert same(whole(applications), expected)
        assert repr(found) == repr(reduced)
    compared(made)


@settings(**examples(4))
@given(st.randoms(use_true_random=True), st.integers(1, 3))
def test_any_kernel_is_what_python_computes(compared, random, ndim):
    kind = Kind(ndim, tame=False, special=True, python=True, series=False, cells=(0, 2))
    made = program(random, kind)
    note(str(made))
    (stencil,), (application,) = made.stencils, made.bind(pc.serial())
    with np.errstate(all="ignore"):
        for field in application.fields:
            field.exchange(time=CLOCK.time(0))
    scalars = dict(zip(stencil.scalar_names, application.values(0, CLOCK.time(0)), strict=True))
    try:
        expected = by_loop(stencil, application.fields, scalars)
    except (ZeroDivisionError, IndexError):  # of two scalars; of a read that no result needs
        return
    pc.sweep([application], clock=CLOCK)
    faces = [field.owned.copy() for field in application.results]
    for field, cells in zip(application.results, expected, strict=True):
        field.owned[...] = cells
        field.ghosts.set_faces(field.padded, CLOCK.time(1))
    for field, cells in zip(application.results, faces, strict=True):
        assert_same_bits(field.owned, cells)
    compared(made)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zeros_beyond_a_wall_keep_their_sign(zero):
    for engine in ("numpy", "numba"):
        u = pc.Grid((3,), comm=pc.serial()).field("u", boundary=pc.Fixed(zero))
        with use(Settings(engine)):
            left(u)
        assert np.signbit(u.owned).tolist() == [math.copysign(1.0, zero) < 0, False, False]


@pc.stencil
def left(u):
    return u[-1]


TINY, HUGE = 5e-324, 1.7976931348623157e308


@given(st.lists(st.floats(), min_size=1, max_size=60), st.integers(1, 5))
@example([HUGE, HUGE, -HUGE, TINY], 2)
@example([HUGE, HUGE], 1)
@example([-0.0, -0.0], 1)
@example([0.0, -0.0, -0.0], 3)
@example([1e16, 1.0, -1e16], 2)
@example([math.inf, 1.0, -math.inf], 1)
@example([math.nan, math.inf], 1)
@example([-math.nan], 1)
@example([TINY] * 3 + [2.0**53, 1.0], 5)
@example([1e308] * 30 + [-1e308] * 30 + [TINY], 5)
def test_reductions_of_any_numbers(numbers, columns):
    rows = -(-len(numbers) // columns)
    cells = np.array(numbers + numbers[:1] * (rows * columns - len(numbers)))
    expected = reduced_by_python(cells)
    for chosen in (Settings("numpy"), Settings(), Settings(threads=2)):
        u = pc.Grid((rows, columns), comm=pc.serial()).field("u")
        u[...] = cells.reshape(rows, columns)
        with use(chosen):
            found = reduce_all(u)
        np.testing.assert_array_equal(found, expected)
        signed = ~np.isnan(expected)  # the sign of NaN means nothing
        np.testing.assert_array_equal(np.signbit(found)[signed], np.signbit(expected)[signed])


def reduced_by_python(cells):
    """Return the largest, the smallest (of zeros the positive) and the rounded sum (-0 of -0)."""
    with np.errstate(invalid="ignore"):
        special = float(cells[~np.isfinite(cells)].sum())
    finite = sum(map(Fraction, cells[np.isfinite(cells)].tolist()))
    try:
        total = float(finite)
        assert not np.isfinite(cells).all() or total == pytest.approx(total)
    except OverflowError:
        total = math.inf if finite > 0 else -math.inf
    if not cells.any() and np.signbit(cells).all():
        total = -0.0
    return [cells.max() + 0.0, cells.min() + 0.0, special if special else total]


@pytest.mark.parametrize("scale", [1.0, 1e-310, 1e300])
def test_sums_are_those_of_fsum(scale):
    rng = np.random.default_rng(3)
    u = pc.Grid((40, 50), comm=pc.serial()).field("u")
    u[...] = rng.normal(size=(40, 50)) * scale * 10.0 ** rng.integers(-12, 5, (40, 50))
    expected = math.fsum(u.owned.ravel())
    for chosen in (Settings("numpy"), Settings(threads=1), Settings(threads=2)):
        with use(chosen):
            assert reduce_all(u)[2] == expected


def test_a_program_is_the_same_for_a_seed():
    kind = Kind(2, calls=3, dtypes=ANY)
    assert program(Random(5), kind).calls[0].source == program(Random(5), kind).calls[0].source
    a, b = (values(np.random.default_rng(1), (9,), "float32", True) for _ in range(2))
    assert same([a], [b])
