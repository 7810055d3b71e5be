"""The experiment poisson: its exact solution, and how fast each method gets there."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from tests.gallery.made import advance, error, made, refused


@pytest.mark.parametrize("shape", [(16,), (16, 24), (8, 8, 8)])
def test_it_converges_to_the_exact_solution_at_second_order(shape):
    errors = []
    for factor in (1, 2):
        finer = tuple(factor * n for n in shape)
        run = made("poisson", shape=finer, tolerance=1e-12, steps=16)
        errors.append(error(run))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(run.order, rel=0.05)


@pytest.mark.parametrize(("method", "most"), [("multigrid", 8), ("fmg", 6)])
def test_cycles_do_not_depend_on_the_number_of_cells(method, most):
    for n in (32, 64, 128):
        run = made("poisson", shape=(n, n), method=method, steps=most)
        assert run.measure()["residual"] <= run.tolerance


def test_all_methods_agree():
    found = {}
    for method, steps in (("jacobi", 1200), ("sor", 80), ("cg", 50), ("multigrid", 12), ("fmg", 9)):
        run = made("poisson", shape=(16, 16), method=method, tolerance=1e-9, steps=steps)
        assert run.measure()["residual"] <= 1e-9, method
        found[method] = run.u[...]
    for values in found.values():
        np.testing.assert_allclose(values, found["cg"], rtol=1e-7)


def test_it_changes_no_more_at_the_tolerance():
    run = made("poisson", shape=(16, 16), tolerance=1e-3, steps=20)
    before = run.u[...]
    advance(run, 5)
    np.testing.assert_array_equal(run.u[...], before)
    assert 1e-4 < run.measure()["residual"] <= 1e-3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "magic"}, "must be one of jacobi, sor, cg, multigrid, fmg, got 'magic'"),
        ({"sweeps": (0, 0)}, "at least one of them positive, got [0, 0]"),
        ({"tolerance": 1e-13}, "below the rounding errors of 256 cells: use at least 1.5e-11"),
    ],
)
def test_bad_parameters(parameters, message):
    assert message in refused("poisson", **parameters)


def test_a_grid_that_cannot_be_halved():
    with pytest.raises(pc.ConfigError, match=r"can only be halved to \[125, 100\]"):
        made("poisson", shape=(250, 200))
