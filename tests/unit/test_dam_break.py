"""The exact dam break, against Stoker's equation, jump conditions and conservation."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from parcompute.algorithms.dam_break import DamBreak

CASES = [(0.005, 0.001), (10.0, 5.0), (2.0, 0.01), (1.0, 0.999)]


@pytest.mark.parametrize(("left", "right"), CASES)
def test_between_the_waves(left, right):
    dam, g = DamBreak(left, right), 9.81
    c = np.sqrt(g * dam.middle)
    # Delestre et al. (2013), equation for c_m: of sixth degree, found without iteration of ours
    a, b = g * right, np.sqrt(g * left)
    roots = np.roots([1, 0, -9 * a, 16 * a * b, -(8 * a * b**2 + a**2), 0, a**3])
    real = roots[np.abs(roots.imag) < 1e-6 * b].real
    inside = real[(real > np.sqrt(a) * (1 + 1e-9)) & (real < b)]
    assert np.min(np.abs(inside - c)) < 1e-6 * b
    # the bore carries mass and momentum as the water beside it does
    mass = dam.middle * dam.u - dam.shock * (dam.middle - right)
    force = dam.middle * dam.u**2 + g * (dam.middle**2 - right**2) / 2
    assert abs(mass) < 1e-12 * left * b
    assert force == pytest.approx(dam.shock * dam.middle * dam.u, rel=1e-9)


@pytest.mark.parametrize(("left", "right"), [*CASES, (3.0, 0.0)])
def test_water_and_momentum_are_conserved(left, right):
    dam = DamBreak(left, right)
    edges = np.linspace(-2, 2, 400_001) * dam.fastest
    width = edges[1] - edges[0]
    depth, speed = dam((edges[1:] + edges[:-1]) / 2)
    np.testing.assert_allclose(width * depth.sum(), edges[-1] * (left + right), rtol=1e-5)
    force = 9.81 * (left**2 - right**2) / 2
    np.testing.assert_allclose(width * (depth * speed).sum(), force, rtol=1e-3)


def test_over_a_dry_bed_the_front_has_twice_the_speed_of_the_waves():
    dam = DamBreak(1.0, 0.0)
    assert dam.shock == dam.fastest == 2 * np.sqrt(9.81)
    depth, speed = dam([0.0, 0.999 * dam.shock, 1.001 * dam.shock])
    assert depth[0] == pytest.approx(4 / 9)
    assert speed[0] == pytest.approx(2 / 3 * np.sqrt(9.81))
    assert 0 < depth[1] < 1e-6
    assert depth[2] == 0


@pytest.mark.parametrize("depths", [(1.0, 2.0), (1.0, -0.1), (1.0, 1.0)])
def test_what_is_refused(depths):
    with pytest.raises(pc.ConfigError, match="needs more water on the left"):
        DamBreak(*depths)
