"""Halo plans against `numpy.pad`: the boxes of all ranks are moved by hand, without messages."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcompute import Box, CartTopology, ConfigError, Decomposition, HaloPlan

EMPTY = -1.0


@st.composite
def cases(draw):
    """Draw a decomposition, a width that fits it, and whether corners are wanted."""
    ndim = draw(st.integers(1, 3))
    dims = tuple(draw(st.integers(1, 3)) for _ in range(ndim))
    width = tuple(draw(st.integers(0, 3)) for _ in range(ndim))
    shape = tuple(d * max(1, w) + draw(st.integers(0, 4)) for d, w in zip(dims, width, strict=True))
    periods = tuple(draw(st.booleans()) for _ in range(ndim))
    return Decomposition(shape, CartTopology(dims, periods)), width, draw(st.booleans())


def exchange(decomposition, width, corners):
    """Return the global array and the padded blocks of all ranks after an exchange by hand."""
    size = decomposition.topology.size
    whole = np.arange(np.prod(decomposition.shape_global), dtype=float)
    whole = whole.reshape(decomposition.shape_global)
    boxes = [decomposition.box(rank) for rank in range(size)]
    blocks = [
        np.pad(whole[b.slices], [(w, w) for w in width], constant_values=EMPTY) for b in boxes
    ]
    plans = [HaloPlan.build(decomposition, rank, width, corners=corners) for rank in range(size)]
    mail = {}
    for plan in plans:
        for t in plan.transfers:
            key = (plan.rank, t.peer, t.send_tag)
            assert key not in mail
            mail[key] = blocks[plan.rank][t.send.slices].copy()
    for plan in plans:
        for t in plan.transfers:
            blocks[plan.rank][t.recv.slices] = mail.pop((t.peer, plan.rank, t.recv_tag))
    assert not mail
    return whole, blocks


def expected(whole, decomposition, width):
    """Return the padded global array: wrapped, or `EMPTY` beyond a wall."""
    for axis, (w, periodic) in enumerate(zip(width, decomposition.topology.periods, strict=True)):
        ends = [(0, 0)] * whole.ndim
        ends[axis] = (w, w)
        if periodic:
            whole = np.pad(whole, ends, mode="wrap")
        else:
            whole = np.pad(whole, ends, constant_values=EMPTY)
    return whole


@given(cases())
def test_blocks_are_those_of_the_padded_array(case):
    decomposition, width, corners = case
    whole, blocks = exchange(decomposition, width, corners)
    reference = expected(whole, decomposition, width)
    for rank, block in enumerate(blocks):
        window = reference[decomposition.box(rank).grow((0,) * len(width), _twice(width)).slices]
        if not corners:  # what lies beyond two faces must not have been touched
            window = np.where(_off_axis(block.shape, width), EMPTY, window)
        np.testing.assert_array_equal(block, window)


def _twice(width):
    return tuple(2 * w for w in width)


def _off_axis(shape, width):
    outside = [
        (np.arange(n) < w) | (np.arange(n) >= n - w) for n, w in zip(shape, width, strict=True)
    ]
    return sum(np.meshgrid(*outside, indexing="ij"), np.zeros(shape, int)) > 1


@given(cases())
def test_every_message_is_expected_with_its_size(case):
    decomposition, width, corners = case
    size = decomposition.topology.size
    plans = [HaloPlan.build(decomposition, rank, width, corners=corners) for rank in range(size)]
    sent = [(p.rank, t.peer, t.send_tag, t.send.shape) for p in plans for t in p.transfers]
    received = [(t.peer, p.rank, t.recv_tag, t.recv.shape) for p in plans for t in p.transfers]
    assert sorted(sent) == sorted(received)
    assert len(set(sent)) == len(sent)


@given(cases())
def test_sent_cells_are_owned_and_filled_cells_are_not(case):
    decomposition, width, corners = case
    for rank in range(decomposition.topology.size):
        plan = HaloPlan.build(decomposition, rank, width, corners=corners)
        owned = Box.of_shape(decomposition.box(rank).shape).shift(width)
        for t in plan.transfers:
            assert t.send.intersect(owned) == t.send
            assert t.recv.intersect(owned).size == 0
            assert t.send.size > 0


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_ring_of_ranks_is_take_wrap(ranks, width):
    cells = 3 * ranks + 1
    decomposition = Decomposition((cells,), CartTopology((ranks,), (True,)))
    whole, blocks = exchange(decomposition, (width,), False)
    for rank, block in enumerate(blocks):
        box = decomposition.box(rank)
        around = np.arange(box.start[0] - width, box.stop[0] + width)
        np.testing.assert_array_equal(block, whole.take(around, mode="wrap"))


@pytest.mark.parametrize(("corners", "count"), [(False, 6), (True, 26)])
def test_an_inner_rank_has_one_transfer_for_each_direction(corners, count):
    decomposition = Decomposition((9, 9, 9), CartTopology((3, 3, 3), (False,) * 3))
    plan = HaloPlan.build(decomposition, 13, (1, 1, 1), corners=corners)
    assert len(plan.transfers) == count
    assert plan.remote_sides() == ((True, True),) * 3


def test_sides_without_a_message_are_not_remote():
    decomposition = Decomposition((8, 8, 8), CartTopology((1, 2, 2), (True, False, True)))
    plan = HaloPlan.build(decomposition, 0, (1, 1, 1))
    assert plan.remote_sides() == ((False, False), (False, True), (True, True))


@pytest.mark.parametrize("periods", list(product([False, True], repeat=2)))
def test_a_halo_wider_than_any_block_is_refused_on_every_rank(periods):
    decomposition = Decomposition((7, 9), CartTopology((3, 1), periods))  # rows 2, 2 and 3
    for rank in range(3):
        with pytest.raises(ConfigError, match=r"3 cells wide.*3 ranks on 7 cells.*only 2"):
            HaloPlan.build(decomposition, rank, (3, 1))


@pytest.mark.parametrize("width", [(1,), (1, 1, 1), (1, -1)])
def test_a_halo_needs_a_width_for_each_axis(width):
    decomposition = Decomposition((7, 9), CartTopology((1, 1), (False, False)))
    with pytest.raises(ConfigError, match="0 or more for each of the 2 axes"):
        HaloPlan.build(decomposition, 0, width)
