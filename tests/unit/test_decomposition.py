"""Topology and decomposition: every cell has one owner, and nothing grows with the ranks."""

from __future__ import annotations

import tracemalloc
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parcompute import CartTopology, ConfigError, Decomposition, HaloPlan
from parcompute.decomposition import block, block_of
from parcompute.topology import best_dims, check_dims


@st.composite
def decompositions(draw, largest=12):
    """Decompositions with random shape, dims and periods."""
    shape = draw(st.lists(st.integers(1, largest), min_size=1, max_size=3).map(tuple))
    dims = tuple(draw(st.integers(1, min(n, 5))) for n in shape)
    periods = tuple(draw(st.booleans()) for _ in shape)
    return Decomposition(shape, CartTopology(dims, periods))


def owners(decomposition):
    """Return the rank that owns each cell, found by painting the boxes; -1 where none does."""
    painted = np.full(decomposition.shape_global, -1)
    for rank in range(decomposition.topology.size):
        cells = painted[decomposition.box(rank).slices]
        assert (cells == -1).all()
        cells[...] = rank
    return painted


@given(decompositions())
def test_blocks_are_disjoint_and_cover(decomposition):
    painted = owners(decomposition)
    assert (painted >= 0).all()
    assert all(decomposition.owner(index) == rank for index, rank in np.ndenumerate(painted))


@given(decompositions())
def test_blocks_differ_by_at_most_one_cell(decomposition):
    shapes = [decomposition.box(rank).shape for rank in range(decomposition.topology.size)]
    for sizes in zip(*shapes, strict=True):
        assert 1 <= min(sizes) <= max(sizes) <= min(sizes) + 1


@given(st.integers(1, 10**12), st.data())
def test_block_of_inverts_block_at_any_size(extent, data):
    parts = data.draw(st.integers(1, min(extent, 10**7)))
    cell = data.draw(st.integers(0, extent - 1))
    start, stop = block(block_of(cell, parts, extent), parts, extent)
    assert start <= cell < stop


@given(decompositions())
def test_ranks_are_numbered_as_numpy_does(decomposition):
    topology = decomposition.topology
    for rank in range(topology.size):
        coords = np.unravel_index(rank, topology.dims)
        assert topology.coords(rank) == coords
        assert topology.rank(coords) == rank


@given(decompositions())
def test_neighbours_are_symmetric(decomposition):
    topology = decomposition.topology
    for rank in range(topology.size):
        for step in product((-1, 0, 1), repeat=len(topology.dims)):
            other = topology.neighbour(rank, step)
            if other is not None:
                assert topology.neighbour(other, tuple(-s for s in step)) == rank


@given(decompositions())
def test_neighbours_are_those_of_a_rolled_or_padded_array(decomposition):
    topology = decomposition.topology
    ranks = np.arange(topology.size).reshape(topology.dims)
    for axis, periodic in enumerate(topology.periods):
        ends = [(0, 0)] * ranks.ndim
        ends[axis] = (1, 1)
        if periodic:
            ranks = np.pad(ranks, ends, mode="wrap")
        else:
            ranks = np.pad(ranks, ends, constant_values=-1)
    for rank in range(topology.size):
        around = ranks[tuple(slice(c, c + 3) for c in topology.coords(rank))]
        for step in product((-1, 0, 1), repeat=ranks.ndim):
            expected = int(around[tuple(s + 1 for s in step)])
            got = topology.neighbour(rank, step)
            assert (-1 if got is None else got) == expected


def cut_faces(decomposition):
    """Pairs of neighbouring cells with different owners, counted in the painted array."""
    painted, cut = owners(decomposition), 0
    for axis, periodic in enumerate(decomposition.topology.periods):
        if periodic:
            cut += np.count_nonzero(painted != np.roll(painted, 1, axis))
        else:
            cut += np.count_nonzero(np.diff(painted, axis=axis))
    return cut


@given(
    st.lists(st.integers(1, 10), min_size=1, max_size=3).map(tuple), st.integers(1, 24), st.data()
)
def test_best_dims_have_the_least_halo_surface(shape, size, data):
    periods = tuple(data.draw(st.booleans()) for _ in shape)
    candidates = [
        Decomposition(shape, CartTopology(dims, periods))
        for dims in product(*(range(1, n + 1) for n in shape))
        if prod(dims) == size
    ]
    assume(candidates)
    best = Decomposition.plan(shape, size, periods)
    assert best.topology.size == size
    assert cut_faces(best) == min(map(cut_faces, candidates))


@pytest.mark.parametrize(
    ("size", "shape", "dims"),
    [
        (4, (100, 100), (2, 2)),
        (4, (1000, 10), (4, 1)),
        (4, (10, 1000), (1, 4)),
        (2, (64, 64), (2, 1)),  # a tie goes to the slow axis, whose halo is contiguous
        (8, (64, 64, 64), (2, 2, 2)),
        (7, (5, 100), (1, 7)),
        (12, (512, 512, 16), (4, 3, 1)),
    ],
)
def test_best_dims_of_known_cases(size, shape, dims):
    assert best_dims(size, shape, (False,) * len(shape)) == dims


def test_a_million_ranks_are_planned_without_anything_that_grows():
    size, rank = 1_000_000, 765_432
    decomposition = Decomposition.plan((10_000, 10_007, 9_999), size, (True, False, True))
    tracemalloc.start()
    plan = HaloPlan.build(decomposition, rank, (2, 2, 2), corners=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decomposition.topology.size == size
    assert decomposition.owner(decomposition.box(rank).start) == rank
    assert len(plan.transfers) <= 26
    assert peak < 100_000  # bytes; a list of all ranks would take megabytes


def test_more_ranks_than_cells_are_refused():
    with pytest.raises(ConfigError, match=r"17 ranks cannot share a grid of shape \[4, 4\]"):
        Decomposition.plan((4, 4), 17)


def test_a_prime_count_of_ranks_must_fit_one_axis():
    with pytest.raises(ConfigError, match=r"7 ranks cannot share"):
        Decomposition.plan((6, 6), 7)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ((2,), "each of the 2 axes"),
        ((2, 1, 1), "each of the 2 axes"),
        ((-2, -2), "positive number"),
        ((0, 4), "positive number"),
        ((2, 3), "needs 6 ranks, but there are 4"),
        ((1, 4), "4 ranks along axis 1, which has only 3 cells"),
    ],
)
def test_pinned_dims_must_suit(dims, message):
    with pytest.raises(ConfigError, match=message):
        Decomposition.plan((9, 3), 4, dims=dims)


def test_pinned_dims_are_taken():
    assert check_dims((1, 4), 4, (9, 9)) == (1, 4)
    assert Decomposition.plan((9, 9), 4, dims=(1, 4)).topology.dims == (1, 4)
