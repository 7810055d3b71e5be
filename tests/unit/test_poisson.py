"""The experiment poisson: its exact solution, and how fast each method gets there."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from tests.unit.gallery import made


def test_it_converges_to_the_exact_solution_at_second_order():
    for shapes in ([(16,), (32,)], [(16, 24), (32, 48)], [(8, 8, 8), (16, 16, 16)]):
        errors = []
        for shape in shapes:
            experiment = made("poisson", shape=shape, tolerance=1e-12)
            experiment.advance(16)
            exact = experiment.exact(0.0)["u"](*experiment.u.coordinates_local())
            errors.append(np.sqrt(np.mean((experiment.u.owned - exact) ** 2)))
        assert errors[0] / errors[1] == pytest.approx(2**experiment.order, rel=0.05), shapes


@pytest.mark.parametrize(("method", "most"), [("multigrid", 8), ("fmg", 6)])
def test_cycles_do_not_depend_on_the_number_of_cells(method, most):
    for n in (32, 64, 128):
        experiment = made("poisson", shape=(n, n), method=method)
        experiment.advance(most)
        assert experiment.measure()["residual"] <= experiment.tolerance


def test_all_methods_agree():
    found = {}
    for method, steps in (("jacobi", 1200), ("sor", 80), ("cg", 50), ("multigrid", 12), ("fmg", 9)):
        experiment = made("poisson", shape=(16, 16), method=method, tolerance=1e-9)
        experiment.advance(steps)
        assert experiment.measure()["residual"] <= 1e-9, method
        found[method] = experiment.u[...]
    for values in found.values():
        np.testing.assert_allclose(values, found["cg"], rtol=1e-7)


def test_it_changes_no_more_at_the_tolerance():
    experiment = made("poisson", shape=(16, 16), tolerance=1e-3)
    experiment.advance(20)
    before = experiment.u[...]
    experiment.advance(5)
    np.testing.assert_array_equal(experiment.u[...], before)
    assert 1e-4 < experiment.measure()["residual"] <= 1e-3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "magic"}, "must be one of jacobi, sor, cg, multigrid, fmg, got 'magic'"),
        ({"sweeps": (0, 0)}, r"at least one of them positive, got \[0, 0\]"),
        ({"tolerance": 1e-13}, "below the rounding errors of 256 cells: use at least 1.5e-11"),
        ({"shape": (250, 200)}, r"can only be halved to \[125, 100\]"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(pc.ConfigError, match=message):
        made("poisson", **parameters)
