"""Each experiment of the gallery computes the same bits on any number of ranks and both engines."""

from __future__ import annotations

import pytest

import parcompute as pc
from tests.gallery.made import bits
from tests.helpers import ROOT

TERRAIN = "pkg://matplotlib/mpl-data/sample_data/topobathy.npz:topo"
SMALL = {
    "advection": [
        {"shape": (18, 15), "steps": 7},
        {"shape": (9, 20), "steps": 6, "profile": "disc"},
    ],
    "cavity": [{"cells": 16, "reynolds": 400.0, "steps": 4}],
    "euler2d": [
        {"shape": (16, 18), "steps": 8, "meeting": (0.4, 0.6)},
        {"shape": (17, 11), "steps": 7, "walls": ("closed", "periodic")},
    ],
    "gray_scott": [
        {"shape": (33, 26), "steps": 20},
        {"shape": (9, 12, 11), "du": 0.12, "steps": 8},
    ],
    "heat1d": [{"shape": (31,), "steps": 30}],
    "heat2d": [{"shape": (13, 18), "steps": 20}, {"shape": (12, 11), "walls": "reflecting"}],
    "heat3d": [{"shape": (9, 8, 11), "steps": 10}],
    "life": [{"shape": (41, 47), "steps": 40, "pattern": "gosper-gun", "torus": True}],
    "nas_mg": [{"steps": 2}],
    "poisson": [
        {"shape": (16, 12), "method": method, "steps": 2}
        for method in ("jacobi", "sor", "cg", "multigrid", "fmg")
    ],
    "prk_stencil": [{"shape": (17, 12), "steps": 7, "radius": 3}],
    "shallow_water": [
        {"shape": (26, 23), "steps": 20},
        {
            **{"problem": "sea", "terrain": TERRAIN, "shape": (91, 120), "fastest": 125.0},
            **{"high": (221271.0, 292680.0), "low": (0.0, 0.0), "steps": 9, "sponge": 5},
            **{"hump": 9.0, "source": (140600.0, 164600.0), "width": 9e3},
            **{"gauges": {"nanaimo": [134900.0, 157300.0]}},
        },
    ],
    "wave": [
        {"shape": (22, 25), "steps": 30, "order": 4, "absorbing": 5, "source": (0.25, 0.5)},
        {"shape": (16, 13, 14), "steps": 9, "order": 2, "absorbing": 3},
    ],
}
CASES = [(name, {"steps": 7, **values}) for name, some in SMALL.items() for values in some]


def all_bits(comm, engine):
    """Return what every experiment computes on these ranks."""
    return [bits(comm, engine, *case) for case in CASES]


def in_parts(comm, first):
    """Return what the `first` ranks compute together, and so do the others."""
    part = comm.Split(comm.Get_rank() < first)
    return part.Get_size(), all_bits(part, "numba")


@pytest.fixture(scope="module")
def reference():
    return all_bits(pc.serial(), "numpy")


@pytest.mark.parametrize("sizes", [[4, 4, 4, 4], [3, 3, 3, 1]], ids=["4", "3 and 1"])
def test_ranks_do_not_change_a_bit(launch, reference, sizes):
    """The ranks last: to read all the stencils takes them longer than to apply them."""
    parts = launch(in_parts, 4, (sizes[0],))
    assert [size for size, _ in parts] == sizes
    for _, found in parts:
        same = [a == b for a, b in zip(found, reference, strict=True)]
        assert same == [True] * len(CASES), [c for c, s in zip(CASES, same, strict=True) if not s]


def test_every_experiment_is_there():
    names = {path.stem for path in (ROOT / "experiments").glob("*.py")}
    assert set(SMALL) == names
