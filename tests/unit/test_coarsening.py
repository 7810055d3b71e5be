"""Values between levels: weights beside NumPy and SciPy, and plans of moves on many ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator
from scipy.signal import convolve

from parcompute.algorithms import CELLS, POINTS
from parcompute.algorithms.moves import MovePlan
from parcompute.box import Box
from parcompute.decomposition import Decomposition
from parcompute.settings import Settings, use

SHAPES = [(5,), (4, 3), (3, 2, 4)]
ENGINES = ("numpy", "numba")
RNG = np.random.default_rng(0)


def restricted(coarsening, fine, counts, engine="numpy"):
    with use(Settings(engine)):
        coarse = np.zeros(counts, fine.dtype)
        coarsening.restrict(fine, coarse)
    return coarse


def interpolated(coarsening, coarse, start, engine="numpy"):
    with use(Settings(engine)):
        fine = start.copy()
        coarsening.interpolate(coarse, fine)
    return fine


@pytest.mark.parametrize("counts", SHAPES)
def test_cells_are_restricted_to_their_mean(counts):
    fine = RNG.normal(size=[2 * n for n in counts])
    pairs = fine.reshape([k for n in counts for k in (n, 2)])
    mean = pairs.mean(axis=tuple(range(1, pairs.ndim, 2)))
    np.testing.assert_allclose(restricted(CELLS, fine, counts), mean, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("counts", SHAPES)
def test_points_are_restricted_by_full_weighting(counts):
    fine = RNG.normal(size=[2 * n + 1 for n in counts])
    weights = np.array([0.25, 0.5, 0.25])
    for _ in counts[1:]:
        weights = np.multiply.outer(weights, [0.25, 0.5, 0.25])
    places = tuple(slice(0, None, 2) for _ in counts)
    expected = convolve(fine, weights, mode="valid")[places]
    np.testing.assert_allclose(restricted(POINTS, fine, counts), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("counts", SHAPES)
@pytest.mark.parametrize(("coarsening", "shift"), [(CELLS, 0.25), (POINTS, 0.5)])
def test_interpolation_is_linear(coarsening, shift, counts):
    coarse = RNG.normal(size=[n + 2 for n in counts])
    start = RNG.normal(size=[2 * n for n in counts])
    linear = RegularGridInterpolator([np.arange(n + 2) for n in counts], coarse)
    along = [1.0 - shift + 0.5 * np.arange(2 * n) for n in counts]  # of fine values, in coarse ones
    expected = start + linear(tuple(np.meshgrid(*along, indexing="ij")))
    found = interpolated(coarsening, coarse, start)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("coarsening", "counts", "dtype"),
    [(CELLS, (7, 9), "float32"), (CELLS, (3, 2, 4), "float64"), (POINTS, (3, 2, 4), "float64")],
)
def test_machine_code_has_the_bits_of_numpy(coarsening, counts, dtype):
    fine = RNG.normal(size=[2 * n + 1 for n in counts]).astype(dtype)
    coarse = RNG.normal(size=[n + 2 for n in counts]).astype(dtype)
    start = RNG.normal(size=[2 * n for n in counts]).astype(dtype)
    assert np.array_equal(*(restricted(coarsening, fine, counts, e) for e in ENGINES))
    assert np.array_equal(*(interpolated(coarsening, coarse, start, e) for e in ENGINES))


@given(
    dims=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    shape=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    wanted=st.lists(
        st.tuples(*[st.integers(-3, 9), st.integers(0, 5)] * 2), min_size=6, max_size=8
    ),
    periodic=st.tuples(st.booleans(), st.booleans()),
)
@settings(max_examples=30)
def test_every_wanted_value_comes_from_its_holder(dims, shape, wanted, periodic):
    """Plans of all ranks together fill each target with what numpy.take says."""
    blocks = Decomposition.plan(shape, dims[0] * dims[1], dims=dims)
    ranks = range(len(wanted))
    nothing = Box((0, 0), (0, 0))
    owned = [blocks.box(r) if r < blocks.topology.size else nothing for r in ranks]
    periods = [n * p for n, p in zip(shape, periodic, strict=True)]
    within = [(-n, 2 * n) if p else (0, n) for n, p in zip(shape, periodic, strict=True)]
    existing = Box(*zip(*within, strict=True))
    targets = [Box((y, x), (y + ny, x + nx)).intersect(existing) for y, ny, x, nx in wanted]
    plans = [MovePlan.build(r, owned, targets, periods) for r in ranks]
    whole = np.arange(np.prod(shape)).reshape(shape)
    for rank, target in enumerate(targets):
        found = np.full(target.shape, -1)
        for peer in ranks:
            sent = [piece.box for piece in plans[peer].sends if piece.peer == rank]
            received = [piece.box for piece in plans[rank].receives if piece.peer == peer]
            for source, box in zip(sent, received, strict=True):
                assert source.intersect(owned[peer]) == source
                found[box.shift(tuple(-i for i in target.start)).slices] = whole[source.slices]
        lines = zip(target.start, target.stop, shape, strict=True)
        places = np.ix_(*(np.arange(a, max(a, b)) % n for a, b, n in lines))
        np.testing.assert_array_equal(found, whole[places])
