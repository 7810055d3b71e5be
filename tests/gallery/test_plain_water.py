"""The shallow water that is measured beside ours computes the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import parcompute as pc
from benchmarks.workloads.cases import Case
from benchmarks.workloads.plain_water import Water
from tests.gallery.made import made

_CASE = Case("shallow_water", "water", {"shape": (64, 48)}, 20, 64)


def plain(comm: Any) -> list[np.ndarray]:
    sea = Water.of(_CASE, comm)
    for _ in range(_CASE.steps):
        sea.step()
    return [a[3:-2, 3:-2] for a in (sea.h, sea.v, sea.u)]


@pytest.fixture(scope="module")
def ours() -> list[np.ndarray]:
    sea = made("shallow_water", steps=_CASE.steps, **_CASE.parameters)
    return [field.owned for field in (sea.h, sea.v, sea.u)]


@pytest.mark.parametrize("ranks", [1, 2])
def test_shallow_water_by_hand_is_ours(ranks, ours):
    parts = pc.launch(plain, ranks)
    for rows, expected in zip(zip(*parts, strict=True), ours, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(np.concatenate(rows), expected, rtol=0, atol=1e-12 * scale)
