"""The Euler equations: the exact shock tube, a smooth wave, conservation, symmetry, bits."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from tests.gallery.made import mean_error, of_config, refused, solved

FIELDS = ("density", "momentum_x", "energy")


def test_sods_tube_converges_to_the_exact_solution():
    errors = []
    for n in (100, 200, 400):
        tube = solved(of_config("sod", shape=[4, n], size=[4 / n, 1.0], steps=n))
        assert tube.dt * tube.steps == pytest.approx(0.2)
        errors.append([mean_error(tube, name) for name in FIELDS])
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 0.75), (errors, orders)
    assert np.all(orders < 1.3)
    assert np.all(np.array(errors[-1]) < 5e-3)


def density_wave(n, steps):
    """Move a sine of density over a periodic square; return the L1 error."""
    one = [1.0, 1.0, 1.0, 1.0]
    states = dict.fromkeys(("upper_left", "upper_right", "lower_left", "lower_right"), one)
    gas = of_config(
        "euler2d",
        **states,
        shape=[n, n],
        walls=["periodic"] * 2,
        fastest=2.3,
        steps=steps,
        cfl=0.2 / steps * 2 * n * 2.3,
    )

    def rho(y, x, t):
        return 1 + 0.2 * np.sin(2 * np.pi * (y + x - 2 * t))

    with use(Settings(time_tile=1)):
        gas.setup(pc.serial())
        for k, field in enumerate(gas.gas):
            field.fill(lambda y, x, k=k: gas.conserved(rho(y, x, 0), 1.0, 1.0, 1.0)[k])
        gas.advance(steps)
    y, x = gas.gas[0].coordinates_local()
    return np.abs(gas.gas[0].owned - rho(y, x, gas.dt * steps)).mean()


def test_smooth_flow_converges_at_second_order():
    errors = [density_wave(n, n) for n in (32, 64, 128)]
    assert np.log2(errors[-2] / errors[-1]) > 1.85, errors


def totals(gas):
    return [gas.measure()[field.name] for field in gas.gas]


@pytest.mark.parametrize(
    ("walls", "kept"), [("periodic", [0, 1, 2, 3]), ("closed", [0, 3])], ids=["periodic", "closed"]
)
def test_what_is_conserved(walls, kept):
    gas = of_config("euler2d", shape=[24, 20], walls=[walls] * 2, meeting=[0.5, 0.5], steps=60)
    gas.setup(pc.serial())
    before = np.array(totals(gas))
    after = np.array(totals(solved(gas)))
    assert np.abs(gas.gas[1].owned).max() > 0.1
    np.testing.assert_allclose(after[kept], before[kept], rtol=1e-13)


def test_both_axes_are_treated_alike():
    gas = solved(of_config("euler2d", shape=[40, 40], steps=60))
    density, my, mx, energy = (field.owned for field in gas.gas)
    np.testing.assert_allclose(density, density.T, rtol=1e-12)
    np.testing.assert_allclose(energy, energy.T, rtol=1e-12)
    np.testing.assert_allclose(my, mx.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cfl": 1.1}, "cfl=1.1 is unstable: MUSCL-Hancock needs 0 < cfl <= 1"),
        ({"gamma": 1.0}, "gamma must be larger than 1, got 1.0"),
        ({"size": [1.0, 0.0]}, "size must be positive, got [1.0, 0.0]"),
        ({"walls": ["open", "shut"]}, "walls are of open, closed, periodic, got 'shut'"),
        ({"fastest": 1.0}, "fastest=1.0 is too slow: between the states there are waves of 2.09"),
        ({"lower_left": [0.1, 1.0, 1.0, -1.0]}, "must be positive, got 0.1 and -1.0"),
        ({"lower_left": [0.5, 1.0, -30.0, 0.3]}, "a vacuum forms"),
    ],
)
def test_what_is_refused(changes, message):
    assert message in refused("euler2d", **changes)


def test_a_step_that_is_too_long_ends_in_a_sentence():
    states = {
        f"{row}_{column}": [1.0, v, u, 0.1]
        for row, v in (("upper", -3.0), ("lower", 3.0))
        for column, u in (("left", 3.0), ("right", -3.0))
    }
    gas = of_config(
        "euler2d", **states, shape=[16, 16], meeting=[0.5, 0.5], fastest=None, cfl=1.0, steps=40
    )
    with pytest.raises(pc.DivergenceError, match=r"at step 40: Courant number .* \(at most 1\)"):
        solved(gas)
