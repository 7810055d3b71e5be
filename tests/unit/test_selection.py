"""Global indexing against NumPy's, without ranks and on the serial engine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import parcompute as pc
from parcompute import CartTopology, Decomposition
from parcompute.selection import Selection

shapes = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)


@st.composite
def cases(draw):
    """Draw a shape, a basic index of it, and ranks along each axis."""
    shape = draw(shapes)
    key = draw(arrays.basic_indices(shape, allow_newaxis=False))
    dims = tuple(draw(st.integers(1, min(n, 4))) for n in shape)
    return shape, key, dims


def numbered(shape):
    return np.arange(1.0, np.prod(shape) + 1).reshape(shape)


@given(cases())
def test_parts_of_all_ranks_make_the_selection(case):
    shape, key, dims = case
    whole = numbered(shape)
    chosen = Selection.parse(key, shape)
    result = np.zeros(chosen.shape)
    decomposition = Decomposition(shape, CartTopology(dims, (False,) * len(shape)))
    for rank in range(decomposition.topology.size):
        box = decomposition.box(rank)
        place, local = chosen.within(box)
        assert (result[place] == 0).all()
        result[place] = whole[box.slices][local]
    np.testing.assert_array_equal(result.reshape(chosen.shape_result), whole[key])


@given(cases())
def test_get(case):
    shape, key, _ = case
    u = pc.Grid(shape, comm=pc.serial()).field("u")
    whole = numbered(shape)
    u.owned[...] = whole
    got = u[key]
    assert np.shape(got) == whole[key].shape
    np.testing.assert_array_equal(got, whole[key])


@given(cases())
def test_set(case):
    shape, key, _ = case
    u = pc.Grid(shape, comm=pc.serial()).field("u")
    whole = np.zeros(shape)
    value = numbered(whole[key].shape)
    u[key] = value
    whole[key] = value
    np.testing.assert_array_equal(u.owned, whole)
    u[key] = -1.0
    whole[key] = -1.0
    np.testing.assert_array_equal(u.owned, whole)


@pytest.mark.parametrize(
    "key",
    [9, -10, (0, 5), (..., ...), (0, 0, 0), None, 1.5, "x", [1, 2], np.array([1, 2])],
    ids=repr,
)
def test_other_indices_are_refused(key):
    with pytest.raises(IndexError):
        Selection.parse(key, (9, 5))


def test_a_step_of_zero_is_refused_as_numpy_does():
    with pytest.raises(ValueError, match="step cannot be zero"):
        Selection.parse(slice(None, None, 0), (9,))


def test_numpy_integers_are_indices():
    assert Selection.parse((np.int64(3), np.uint8(1)), (9, 5)) == Selection.parse((3, 1), (9, 5))
