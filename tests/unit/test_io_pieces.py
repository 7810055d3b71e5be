"""Parts of arrays on their way to a file, against NumPy."""

from __future__ import annotations

import os
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parcompute as pc
from parcompute.io.pieces import Piece, Place, contiguous_runs, cut, write_at, write_pieces

shapes = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)


@st.composite
def boxes(draw):
    """Draw a shape, and a box in it that may be empty."""
    shape = draw(shapes)
    spans = [sorted((draw(st.integers(0, n)), draw(st.integers(0, n)))) for n in shape]
    return shape, pc.Box(tuple(a for a, _ in spans), tuple(b for _, b in spans))


@given(boxes(), st.sampled_from([np.float64, np.float32, np.int16, np.bool_]))
def test_contiguous_runs_make_the_array(case, dtype):
    shape, box = case
    values = np.arange(1, prod(shape) + 1).reshape(shape).astype(dtype)
    written, expected = np.zeros(shape, dtype), np.zeros(shape, dtype)
    expected[box.slices] = values[box.slices]
    file = written.reshape(-1).view(np.uint8)
    block = np.ascontiguousarray(values[box.slices])
    for offset, run in contiguous_runs(block, box, shape):
        start = offset * written.itemsize
        file[start : start + len(run)] = run
    np.testing.assert_array_equal(written, expected)


def test_whole_rows_are_one_run():
    block = np.zeros((3, 4, 5))
    assert len(contiguous_runs(block, pc.Box.of_shape((3, 4, 5)), (3, 4, 5))) == 1
    assert len(contiguous_runs(block, pc.Box((2, 0, 0), (5, 4, 5)), (9, 4, 5))) == 1
    assert len(contiguous_runs(block, pc.Box((2, 1, 0), (5, 5, 5)), (9, 6, 5))) == 3
    assert len(contiguous_runs(block, pc.Box((2, 1, 1), (5, 5, 6)), (9, 6, 7))) == 12


@given(boxes(), st.integers(1, 16), st.integers(1, 4000))
def test_cut_tiles_the_box(case, itemsize, most):
    shape, box = case
    count = np.zeros(shape, int)
    for part in cut(box, itemsize, most):
        assert part.size > 0
        count[part.slices] += 1
        one_row = part.size == part.shape[-1] == box.shape[-1]
        assert part.size * itemsize <= most or one_row
    expected = np.zeros(shape, int)
    expected[box.slices] = 1
    np.testing.assert_array_equal(count, expected)


@given(boxes())
def test_cut_leaves_whole_what_is_small_enough(case):
    _, box = case
    assert list(cut(box, 8, 8 * box.size)) == ([box] if box.size else [])


def test_cut_makes_as_few_parts_as_it_may():
    parts = list(cut(pc.Box((1, 0, 0), (8, 4, 5)), 8, 3 * 160))
    assert [part.shape for part in parts] == [(3, 4, 5), (3, 4, 5), (1, 4, 5)]


@given(boxes(), st.data())
def test_parts_of_a_piece(case, data):
    shape, box = case
    whole = np.arange(prod(shape)).reshape(shape)
    piece = Piece("u", pc.Box.of_shape(shape), box, np.ascontiguousarray(whole[box.slices]))
    starts = [data.draw(st.integers(a, b)) for a, b in zip(box.start, box.stop, strict=True)]
    inside = pc.Box(tuple(starts), box.stop)
    part = piece.part(inside)
    assert part.flags.c_contiguous
    np.testing.assert_array_equal(part, whole[inside.slices])


def test_write_pieces(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"u": rng.normal(size=(3, 5, 7)), "v": rng.integers(0, 99, (3, 6)).astype(np.int16)}
    places = {"u": Place(64, (3, 5, 7), 8), "v": Place(64 + 8 * 105, (3, 6), 2)}
    boxes = {
        "u": [
            pc.Box((1, 0, 0), (2, 5, 3)),
            pc.Box((1, 0, 3), (2, 5, 7)),
            pc.Box((2,) * 3, (2,) * 3),
        ],
        "v": [pc.Box((0, 1), (3, 4))],
    }
    pieces = [
        Piece(name, pc.Box.of_shape(arrays[name].shape), box, arrays[name][box.slices].copy())
        for name, of_name in boxes.items()
        for box in of_name
    ]
    path = tmp_path / "raw"
    path.write_bytes(bytes(64 + 8 * 105 + 2 * 18))
    file = os.open(path, os.O_RDWR)
    write_pieces(file, places, pieces)
    os.close(file)
    raw = path.read_bytes()
    assert raw[:64] == bytes(64)
    for name, place in places.items():
        expected = np.zeros_like(arrays[name])
        for box in boxes[name]:
            expected[box.slices] = arrays[name][box.slices]
        got = np.frombuffer(raw, expected.dtype, expected.size, place.offset)
        np.testing.assert_array_equal(got.reshape(place.shape), expected)


def test_write_at_raises_what_the_system_says(tmp_path):
    (tmp_path / "a").touch()
    file = os.open(tmp_path / "a", os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        write_at(file, 0, b"x")
    os.close(file)
