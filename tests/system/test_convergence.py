"""heat2d converges to its exact solution at second order, and tells its true error."""

from __future__ import annotations

import numpy as np
import pytest

from tests.system.cli import Made, Workshop

GRIDS = {16: 20, 32: 80, 64: 320}  # cells along an axis -> steps to the same time


def true_error(made: Made) -> np.ndarray:
    """Return last snapshot minus exact solution, on the coordinates of the file."""
    y, x, time = (made.dataset(name) for name in ("y", "x", "time"))
    mode = np.outer(np.sin(np.pi * y), np.sin(np.pi * x))
    return made.u[-1] - mode * np.exp(-2 * np.pi**2 * 0.5 * time[-1])


@pytest.fixture(scope="module")
def runs(workshop: Workshop) -> list[Made]:
    """Return heat2d on finer and finer grids."""
    always = ("+exp=heat2d", "backend=serial", "experiment.alpha=0.5", "output.every=0")
    sizes = [(f"experiment.shape=[{n},{n}]", f"experiment.steps={k}") for n, k in GRIDS.items()]
    return workshop.make_all(*((*always, *size) for size in sizes))


@pytest.mark.parametrize("norm", ["max", "rms"])
def test_order_of_convergence(runs, norm):
    times = [made.dataset("time")[-1] for made in runs]
    np.testing.assert_allclose(times, 0.2 * 20 / 16**2 / 0.5, rtol=1e-12)
    errors = np.array([made.record["report"]["errors"]["u"][norm] for made in runs])
    orders = np.log2(errors[:-1] / errors[1:])
    np.testing.assert_allclose(orders, 2.0, rtol=0.05)


def test_the_errors_in_the_record_are_true(runs):
    for made in runs:
        error, told = true_error(made), made.record["report"]["errors"]["u"]
        assert told["max"] == pytest.approx(np.abs(error).max(), rel=1e-9)
        assert told["rms"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-9)
