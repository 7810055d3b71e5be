"""Pieces of a run: they grow while they are short."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from parcompute.comm.serial import serial
from parcompute.run.pieces import Pieces


def test_they_grow_to_a_hundredth_of_the_run():
    pieces = Pieces(serial(), 4000, 300.0)
    first, second = list(pieces.between(0, 140)), list(pieces.between(140, 222))
    assert first == [1, 1, 2, 4, 8, 16, 32, 40, 36]
    assert second == [40, 40, 2]


def test_those_of_a_short_run_are_long_enough_for_time_tiles():
    pieces = Pieces(serial(), 100, None)
    assert list(pieces.between(0, 100)) == [1, 1, 2, 4, 8, 16, 32, 32, 4]


@pytest.mark.parametrize(
    ("outputs", "expected"), [([0, 1, 2, 3, 4], [1, 1, 1, 1]), ([0, 4], [1, 1, 2])]
)
def test_they_make_every_step_once(outputs, expected):
    pieces = Pieces(serial(), 4, None)
    made = [n for a, b in pairwise(outputs) for n in pieces.between(a, b)]
    assert made == expected


def test_they_stay_short_where_steps_are_slow():
    pieces = Pieces(serial(), 10_000, 0.4)  # pieces of 0.04 s at most
    made = []
    for count in pieces.between(0, 30):
        made.append(count)
        time.sleep(0.015 * count)
    assert made[:2] == [1, 1]
    assert max(made) <= 2
    assert sum(made) == 30
