"""Every experiment of the gallery has the same bits on any number of ranks and on both engines."""

from __future__ import annotations

import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from tests.unit.gallery import after

CASES = [
    *(
        ("poisson", 2, {"shape": (16, 12), "method": method})
        for method in ("jacobi", "sor", "cg", "fmg")
    ),
    ("cavity", 4, {"cells": 16, "reynolds": 400.0}),
    ("nas_mg", 1, {}),
]


@pytest.fixture(scope="module")
def on_one_rank():
    return after(pc.serial(), CASES)


def test_the_same_bits_on_the_numpy_engine(on_one_rank):
    with use(Settings("numpy")):
        assert after(pc.serial(), CASES) == on_one_rank


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_same_bits_on_ranks(ranks, on_one_rank):
    for found in pc.launch(after, ranks, (CASES,)):
        differing = [c for c, a, b in zip(CASES, found, on_one_rank, strict=True) if a != b]
        assert differing == []
