"""The experiment cavity, beside tables of the steady flow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import parcompute as pc
from tests.gallery.made import made, refused

# Ghia, Ghia & Shin, J. Comput. Phys. 48, 1982, table I, Re 100: u at (1/2, y)
GHIA = """
0.0547 -0.03717  0.0625 -0.04192  0.0703 -0.04775  0.1016 -0.06434  0.1719 -0.10150
0.2813 -0.15662  0.4531 -0.21090  0.5000 -0.20581  0.6172 -0.13641  0.7344  0.00332
0.8516  0.23151  0.9531  0.68717  0.9609  0.73722  0.9688  0.78871  0.9766  0.84123
"""


@pytest.fixture(scope="module")
def steady():
    """Return the flow at Re 100 on two grids at t = 16, when it changes by some 1e-5 a unit."""
    found = {}
    for cells in (16, 32):
        found[cells] = made("cavity", cells=cells, cfl=1.0, steps=800)
    return found


def test_the_velocity_is_that_of_ghia(steady):
    fine = steady[32]
    y, u = np.array(GHIA.split(), float).reshape(-1, 2).T
    at = [0.0, *fine.u.coordinates_global(0), 1.0]
    found = CubicSpline(at, [0.0, *fine.centre_line(), 1.0])(y)
    assert abs(found - u).max() < 0.01  # of the speed of the lid


def test_the_vortex_is_that_of_ghia(steady):
    y, x, psi = steady[32].vortex()  # table V, on 129 x 129 points
    assert (x, y) == pytest.approx((0.6172, 0.7344), abs=1 / 128)
    assert psi == pytest.approx(-0.103423, rel=0.015)


def test_extrapolated_to_fine_grids_it_is_that_of_marchi(steady):
    """Marchi, Suero & Araki, J. Braz. Soc. Mech. Sci. 31, 2009: 1024 x 1024 cells, extrapolated.

    Their numbers for Re 100 are 1.5 % beyond those of Ghia et al.
    """
    for name, expected in (("u_centre", -0.209149), ("u_min", -0.214042)):
        coarse, fine = (steady[cells].measure()[name] for cells in (16, 32))
        assert (4 * fine - coarse) / 3 == pytest.approx(expected, rel=0.005)
        assert abs(coarse - expected) > 3 * abs(fine - expected)


def test_nothing_flows_through_walls_or_out_of_cells(steady):
    fine = steady[32]
    assert fine.measure()["divergence"] < 1e-8
    np.testing.assert_array_equal(fine.u[:, 0], 0.0)
    np.testing.assert_array_equal(fine.v[0, :], 0.0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cfl": 1.5}, "cfl=1.5 is unstable: it needs 0 < cfl <= 1"),
        ({"reynolds": 0.0}, "must be positive, got 0.0"),
        ({"cycles": 0}, "must be 1 or more, got 0"),
    ],
)
def test_bad_parameters(parameters, message):
    assert message in refused("cavity", **parameters)


def test_a_grid_that_cannot_be_halved():
    with pytest.raises(pc.ConfigError, match=r"can only be halved to \[65, 65\]"):
        made("cavity", cells=130)
