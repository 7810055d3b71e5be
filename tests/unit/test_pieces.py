"""Pieces of a run: they grow while they are short."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from parcompute.comm.serial import serial
from parcompute.run.pieces import Pieces


def test_they_grow_to_a_hundredth_of_the_run():
    pieces = Pieces(serial(), 1000, 300.0)
    first, second = list(pieces.between(0, 40)), list(pieces.between(40, 62))
    assert first == [1, 1, 2, 4, 8, 10, 10, 4]
    assert second == [10, 10, 2]


@pytest.mark.parametrize("outputs", [[0, 1, 2, 3, 4], [0, 4]])
def test_they_make_every_step_once(outputs):
    pieces = Pieces(serial(), 4, None)
    made = [n for a, b in pairwise(outputs) for n in pieces.between(a, b)]
    assert made == [1, 1, 1, 1]


def test_they_stay_short_where_steps_are_slow():
    pieces = Pieces(serial(), 10_000, 0.4)  # pieces of 0.04 s at most
    made = []
    for count in pieces.between(0, 30):
        made.append(count)
        time.sleep(0.015 * count)
    assert made[:2] == [1, 1]
    assert max(made) <= 2
    assert sum(made) == 30
