"""The exact Riemann solver, HLLC and the limiters, against published values and conservation."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from parcompute.algorithms.hllc import hllc
from parcompute.algorithms.limiters import minmod, monotonized_central
from parcompute.algorithms.riemann import Gas, RiemannProblem

# Toro (2009), tables 4.1 and 4.3: left, right, then p, u and both densities between the waves
TORO = [
    ((1.0, 0.0, 1.0), (0.125, 0.0, 0.1), (0.30313, 0.92745, 0.42632, 0.26557)),
    ((1.0, -2.0, 0.4), (1.0, 2.0, 0.4), (0.00189, 0.0, 0.02185, 0.02185)),
    ((1.0, 0.0, 1000.0), (1.0, 0.0, 0.01), (460.894, 19.5975, 0.57506, 5.99924)),
    ((1.0, 0.0, 0.01), (1.0, 0.0, 100.0), (46.0950, -6.19633, 5.99242, 0.57511)),
    (
        (5.99924, 19.5975, 460.894),
        (5.99242, -6.19633, 46.0950),
        (1691.64, 8.68975, 14.2823, 31.0426),
    ),
]


@pytest.mark.parametrize(("left", "right", "expected"), TORO)
def test_toros_tables(left, right, expected):
    problem = RiemannProblem(Gas(*left), Gas(*right))
    beside = [float(problem(problem.u + side * 1e-9)[0]) for side in (-1, 1)]
    np.testing.assert_allclose([problem.p, problem.u, *beside], expected, rtol=5e-6, atol=5e-6)


def conserved(rho, u, p, gamma=1.4):
    return np.array([rho, rho * u, p / (gamma - 1) + rho * u * u / 2])


def flux(rho, u, p, gamma=1.4):
    energy = p / (gamma - 1) + rho * u * u / 2
    return np.array([rho * u, rho * u * u + p, (energy + p) * u])


@pytest.mark.parametrize(("left", "right", "_"), TORO)
def test_the_solution_conserves_mass_momentum_and_energy(left, right, _):
    problem = RiemannProblem(Gas(*left), Gas(*right))
    reach = 1.1 * problem.fastest
    edges = np.linspace(-reach, reach, 400_001)
    found = conserved(*problem((edges[1:] + edges[:-1]) / 2)).sum(axis=1) * (edges[1] - edges[0])
    expected = reach * (conserved(*left) + conserved(*right)) - flux(*right) + flux(*left)
    scale = reach * np.maximum(np.abs(conserved(*left)), np.abs(conserved(*right)))
    np.testing.assert_allclose(found / scale.max(), expected / scale.max(), rtol=0, atol=1e-4)


def test_a_vacuum_and_negative_pressures_are_refused():
    with pytest.raises(pc.ConfigError, match=r"from 11.83.* on a vacuum forms"):
        RiemannProblem(Gas(1.0, -6.0, 1.0), Gas(1.0, 6.0, 1.0))
    with pytest.raises(pc.ConfigError, match=r"must be positive, got 1.0 and -1.0"):
        RiemannProblem(Gas(1.0, 0.0, -1.0), Gas(1.0, 0.0, 1.0))


@pytest.mark.parametrize("u", [-3.0, -0.3, 0.0, 0.4, 2.5])
def test_hllc_of_equal_states_is_the_flux(u):
    rho, v, p = 1.3, 0.7, 0.9
    mass, normal, energy = flux(rho, u, p)
    expected = mass, normal, mass * v, energy + mass * v * v / 2
    found = hllc((rho, u, v, p), (rho, u, v, p), 1.4)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


def test_hllc_keeps_contacts_and_is_upwind_beyond_sound():
    still = hllc((1.0, 0.0, 2.0, 0.5), (9.0, 0.0, -1.0, 0.5), 1.4)
    np.testing.assert_allclose(still, (0.0, 0.5, 0.0, 0.0), atol=1e-16)
    moving = hllc((1.0, 0.2, 0.0, 0.5), (9.0, 0.2, 0.0, 0.5), 1.4)
    np.testing.assert_allclose(np.delete(moving, 2), flux(1.0, 0.2, 0.5), rtol=1e-14)
    fast = hllc((1.0, 5.0, 0.0, 1.0), (0.2, 4.0, 0.0, 0.5), 1.4)
    np.testing.assert_allclose(np.delete(fast, 2), flux(1.0, 5.0, 1.0), rtol=1e-14)


@pytest.mark.parametrize("limiter", [minmod, monotonized_central])
def test_limiters_lie_between_their_bounds(limiter):
    for a, b in np.random.default_rng(0).normal(size=(200, 2)).tolist():
        slope = limiter(a, b)
        assert slope == limiter(b, a) == -limiter(-a, -b)
        if a * b <= 0:
            assert slope == 0
        else:  # Sweby's region of total variation diminishing schemes
            assert min(abs(a), abs(b)) <= abs(slope) <= 2 * min(abs(a), abs(b))
    assert limiter(1.0, 1.0) == 1.0
    assert (minmod(1.0, 3.0), monotonized_central(1.0, 3.0)) == (1.0, 2.0)
