"""Boxes against masks of NumPy arrays."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parcompute import Box

SIDE = 7


@st.composite
def boxes(draw, ndim, count=2):
    """Boxes inside a cube of `SIDE` cells, empty ones too."""
    corners = st.tuples(*[st.integers(0, SIDE)] * ndim)
    pairs = [(draw(corners), draw(corners)) for _ in range(count)]
    return [Box(tuple(map(min, a, b)), tuple(map(max, a, b))) for a, b in pairs]


def mask(*parts):
    """How often each cell of the cube is covered."""
    counts = np.zeros((SIDE,) * len(parts[0].start), int)
    for part in parts:
        counts[part.slices] += 1
    return counts


any_boxes = st.integers(1, 3).flatmap(boxes)


@given(any_boxes)
def test_intersect(pair):
    a, b = pair
    assert np.array_equal(mask(a.intersect(b)), mask(a) * mask(b))
    assert a.intersect(b).size == np.count_nonzero(mask(a) & mask(b))


@given(any_boxes)
def test_minus_is_a_disjoint_cover(pair):
    a, b = pair
    parts = a.minus(b)
    assert all(part.size for part in parts)
    counted = mask(*parts) if parts else np.zeros_like(mask(a))
    assert np.array_equal(counted, mask(a) * (1 - mask(b)))


@given(any_boxes, st.integers(-3, 3))
def test_shift_and_grow(pair, by):
    box, _ = pair
    offset = (by,) * len(box.start)
    assert box.shift(offset).shift(tuple(-o for o in offset)) == box
    assert box.shift(offset).shape == box.shape == mask(box)[box.slices].shape
    if by >= 0:
        assert box.grow(offset).shape == np.pad(np.zeros(box.shape), by).shape


def test_of_shape_is_the_whole_array():
    array = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(array[Box.of_shape(array.shape).slices], array)
    assert Box.of_shape(array.shape).size == array.size


def test_a_box_that_ends_before_it_starts_is_empty():
    box = Box((3, 0), (1, 2))
    assert (box.shape, box.size, box.minus(Box((0, 0), (1, 1)))) == ((0, 2), 0, [])
