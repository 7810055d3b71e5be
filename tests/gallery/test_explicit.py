"""Heat, waves, advection, the research kernel: exact solutions and orders of convergence."""

from __future__ import annotations

import csv
import math
import re

import numpy as np
import pytest

import parcompute as pc
from parcompute.run.driver import run_rank
from parcompute.run.spec import Output, RunSpec
from tests.gallery.made import advance, error, made, refused
from tests.helpers import ROOT


def orders(errors):
    """Return the observed orders of convergence between grids that halve the spacing."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def test_heat1d_converges_at_second_order():
    # one day; steps grow as the square of the cells
    errors = [
        error(made("heat1d", shape=(n,), steps=27 * (n // 25) ** 2 * 5)) for n in (25, 50, 100)
    ]
    np.testing.assert_allclose(orders(errors), 2.0, rtol=0.05)


def test_heat3d_converges_at_second_order():
    errors = [error(made("heat3d", shape=(n, n, n), steps=10 * (n // 8) ** 2)) for n in (8, 16, 32)]
    np.testing.assert_allclose(orders(errors), 2.0, rtol=0.05)


def test_heat3d_conserves_heat():
    run = made("heat3d", shape=(10, 12, 14), steps=50)
    run.u.owned[...] += 1.0
    before = run.u.sum()
    advance(run, 50)
    assert run.u.sum() == pytest.approx(before, rel=1e-14)


TIMES = {2: (8, 0.02), 4: (8, 0.01), 6: (6, 0.002), 8: (6, 0.0002)}
"""For each order the coarser grid, and a step in time so short that the error in space is seen."""


@pytest.mark.parametrize("order", TIMES)
@pytest.mark.parametrize("ndim", [2, 3])
def test_wave_has_the_order_of_its_differences(order, ndim):
    coarse, cfl = TIMES[order]

    def run(n):
        steps = round(0.05 * 2 * n / math.sqrt(ndim) / cfl)  # a twentieth of a period
        mode = {"initial": "mode", "absorbing": 0, "frequency": 0.0, "speeds": (1.0, 1.0)}
        place = {"shape": (n,) * ndim, "spacing": 1.0, "source": (0.5,) * ndim}
        return error(made("wave", **mode, **place, order=order, cfl=cfl, steps=steps), "pressure")

    np.testing.assert_allclose(orders([run(coarse), run(2 * coarse)]), order, rtol=0.05)


def test_receivers_of_a_point_source_record_the_retarded_potential(tmp_path):
    # in three dimensions u = s(t - r/c) / (4 pi r c^2), before anything comes back
    medium = {"speeds": [2000.0, 2000.0], "absorbing": 0, "frequency": 15.0}
    place = {"shape": [48, 48, 48], "source": [0.5, 0.5, 0.5]}
    parameters = {**medium, **place, "steps": 100}
    output = Output(measure_every=2, fields=["pressure"])
    path = ROOT / "experiments" / "wave.py"
    spec = RunSpec("wave", "wave", str(path), parameters, str(tmp_path), {}, output=output)
    run_rank(pc.serial(), spec, "serial")
    with (tmp_path / "diagnostics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["step"]) for row in rows] == list(range(0, 101, 2))

    run = made("wave", **parameters | {"steps": 0})
    distance = 9 * run.spacing  # of the receiver in cell 33
    times = np.array([float(row["time"]) for row in rows])
    retarded = [run.ricker(t - distance / 2000.0) for t in times]
    expected = np.array(retarded) / (4 * math.pi * distance)
    assert np.abs(expected).max() > 5e-4
    found = [float(row["receiver_33"]) for row in rows]
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


def test_wave_is_absorbed_at_the_walls():
    def left(absorbing):
        place = {"shape": (100, 100), "source": (0.5, 0.5), "speeds": (2000.0, 2000.0)}
        return made("wave", **place, absorbing=absorbing, frequency=25.0, steps=500).u.norm()

    assert left(30) < 0.03 * left(0)


def test_advection_by_weno_converges_at_fifth_order():
    # steps that shrink as h^(5/3), so that the third order in time is not seen
    def run(n):
        steps = round(32 * (n / 16) ** (5 / 3))
        cfl = 0.3 * 3 * n / steps
        return error(made("advection", shape=(n, n), steps=steps, cfl=cfl))

    np.testing.assert_allclose(orders([run(n) for n in (32, 64)]), 5.0, rtol=0.05)


def test_advection_upwind_converges_at_first_order():
    errors = [
        error(made("advection", shape=(n, n), steps=n // 4, scheme="upwind")) for n in (128, 256)
    ]
    np.testing.assert_allclose(orders(errors), 1.0, rtol=0.05)


def test_advection_of_a_jump_stays_within_its_limits():
    run = made("advection", shape=(64, 64), steps=80, profile="disc")
    assert run.u.min() > -0.02
    assert run.u.max() < 1.02
    start = made("advection", shape=(64, 64), steps=0, profile="disc")
    assert run.u.sum() == pytest.approx(start.u.sum(), rel=1e-13)


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_research_kernel_has_its_closed_form(radius):
    run = made("prk_stencil", shape=(40, 33), steps=25, radius=radius)
    assert run.measure()["mean_abs"] == pytest.approx(2 * (25 + 1), rel=1e-8)
    np.testing.assert_allclose(run.out.owned, 52.0, rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("heat1d", {"r": 0.6}, "0 < r <= 0.5"),
        ("heat1d", {"depth": -1.0}, "must be positive"),
        ("heat3d", {"r": 0.2}, "0 < r <= 1/6"),
        ("heat3d", {"alpha": 0.0}, "must be positive"),
        ("wave", {"cfl": 0.5}, "0 < cfl <= 0.453"),
        ("wave", {"order": 3}, "must be 2, 4, 6 or 8, got 3"),
        ("wave", {"shape": (30, 30)}, "2 or 3 entries, both alike"),
        ("wave", {"absorbing": 64}, "less than half of the cells"),
        ("wave", {"source": (0.5, 1.0, 0.5)}, r"in \[0, 1\)"),
        ("wave", {"speeds": (0.0, 1.0)}, "must be positive"),
        ("wave", {"initial": "noise"}, "rest or mode"),
        ("advection", {"cfl": 1.5}, "0 < cfl <= 1"),
        ("advection", {"wind": (-1.0, 1.0)}, "must be positive"),
        ("advection", {"scheme": "central"}, "one of weno5, upwind"),
        ("prk_stencil", {"radius": 0}, "from 1 to 8"),
    ],
)
def test_what_makes_no_sense_is_refused(name, parameters, reason):
    assert re.search(reason, refused(name, **parameters))
