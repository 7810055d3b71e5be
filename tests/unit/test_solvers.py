"""Multigrid, sweeps and conjugate gradients, beside matrices of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import cg, spsolve

import parcompute as pc
from parcompute.algorithms import POINTS, ConjugateGradients, Multigrid, Poisson
from parcompute.algorithms.multigrid import coarse_dims
from parcompute.settings import Settings, use
from tests.unit import solving


def test_the_equation_is_the_matrix():
    for walls in solving.WALLS:
        u, f = solving.poisson(pc.serial(), (6, 8), walls)
        u[...] = np.random.default_rng(1).normal(size=(6, 8))
        r = u.like("r")
        Poisson(u, f).residual(r)
        expected = f[...].ravel() - solving.matrix((6, 8), walls) @ u[...].ravel()
        np.testing.assert_allclose(r[...].ravel(), expected, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("walls", ["dirichlet", "mixed"])
def test_sweeps_are_those_of_the_matrix(walls):
    shape = 6, 7
    u, f = solving.poisson(pc.serial(), shape, walls)
    a, b = solving.matrix(shape, walls).toarray(), f[...].ravel()
    x = np.zeros(a.shape[0])
    for _ in range(3):
        x += 0.7 * (b - a @ x) / a.diagonal()
    for _ in range(4):
        for colour in (0, 1):
            for i in range(x.size):
                if sum(divmod(i, shape[1])) % 2 == colour:
                    x[i] += 1.3 * (b[i] - a[i] @ x) / a[i, i]
    equation = Poisson(u, f)
    equation.jacobi(3, omega=0.7)
    equation.sor(4, omega=1.3)
    np.testing.assert_allclose(u[...].ravel(), x, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("walls", solving.WALLS)
def test_v_cycles_converge_at_the_same_rate_on_any_grid(walls):
    for n in (16, 48, 64):
        u, f = solving.poisson(pc.serial(), (n, n), walls)
        solver = Multigrid(Poisson, u, f)
        norms = [f.norm()]
        for _ in range(6):
            solver.cycle()
            norms.append(solver.residual().norm())
        factors = np.divide(norms[1:], norms[:-1])
        assert factors.max() < 0.12, (n, factors)


@pytest.mark.parametrize("walls", ["dirichlet", "mixed"])
def test_multigrid_solves_what_the_matrix_says(walls):
    shape = 32, 16
    u, f = solving.poisson(pc.serial(), shape, walls, extent=2.0)
    expected = spsolve(solving.matrix(shape, walls, 2.0), f[...].ravel())
    solver = Multigrid(Poisson, u, f, before=2, after=2)
    solver.full()
    for _ in range(22):  # cells are twice as high as wide, which takes more cycles
        solver.cycle()
    np.testing.assert_allclose(u[...].ravel(), expected, rtol=1e-9, atol=1e-11)


def test_values_on_walls():
    grid = pc.Grid((16, 16), [(0, 1), (0, 1)], comm=pc.serial())
    u, f = grid.field("u", boundary=pc.Dirichlet(lambda y, x: 3 * x - y)), grid.field("f")
    solver = Multigrid(Poisson, u, f)
    solver.full()
    for _ in range(11):
        solver.cycle()
    y, x = grid.coordinates_local()
    np.testing.assert_allclose(u.owned, 3 * x - y, rtol=1e-10, atol=1e-10)


def test_full_multigrid_reaches_the_error_of_the_differences_at_once():
    errors = []
    for n in (32, 64):
        grid = pc.Grid((n, n), [(0, 1), (0, 1)], comm=pc.serial())
        u, f = grid.field("u"), grid.field("f")
        f.fill(lambda y, x: 5 * np.pi**2 * np.sin(np.pi * y) * np.sin(2 * np.pi * x))
        Multigrid(Poisson, u, f).full()
        y, x = grid.coordinates_local()
        errors.append(abs(u.owned - np.sin(np.pi * y) * np.sin(2 * np.pi * x)).max())
    assert errors[1] < 2.0 * (np.pi * 2 / 64) ** 2 / 12  # twice that of the differences
    assert errors[0] / errors[1] > 3.5


def test_conjugate_gradients_are_those_of_scipy():
    shape = 9, 8
    u, f = solving.poisson(pc.serial(), shape, "mixed")
    equation = Poisson(u, f)
    a = solving.matrix(shape, "mixed")
    for precondition in (None, equation.scale):
        u[...] = 0.0
        solver = ConjugateGradients(equation.apply, equation.residual, u, precondition)
        solver.start()
        inverse = None if precondition is None else np.diag(1.0 / a.diagonal())
        for count in range(1, 15):
            solver.step()
            expected, _ = cg(a, f[...].ravel(), rtol=1e-14, M=inverse, maxiter=count)
            np.testing.assert_allclose(u[...].ravel(), expected, rtol=1e-7, atol=1e-9)
    u[...] = 0.0
    solver.start()
    for _ in range(80):
        solver.step()
    np.testing.assert_allclose(u[...].ravel(), spsolve(a, f[...].ravel()), rtol=1e-10)


def test_the_same_bits_on_any_ranks(launch):
    expected = solving.solved_in_every_way(pc.serial())
    with use(Settings("numpy")):
        assert solving.solved_in_every_way(pc.serial()) == expected
    for ranks in (2, 3):
        assert launch(solving.solved_in_every_way, ranks) == [expected] * ranks


def test_coarse_levels_have_fewer_ranks():
    class Seven:
        Get_size = staticmethod(lambda: 7)
        Get_rank = staticmethod(lambda: 0)

    grid = pc.Grid((28, 32), comm=Seven(), dims=(7, 1))
    assert coarse_dims(grid, 1) == (7, 1)
    assert coarse_dims(grid, 50) == (2, 2)
    assert coarse_dims(grid, 10**6) == (1, 1)
    assert coarse_dims(pc.Grid((4, 14), comm=Seven(), dims=(1, 7)), 1) == (1, 7)
    assert coarse_dims(pc.Grid((6, 8), comm=Seven(), dims=(1, 7)), 1) == (2, 3)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((24, 32), {"levels": 5}, r"multiples of 16; the grid \[24, 32\] allows 4"),
        ((32, 32), {"levels": 0}, "from 1 level on"),
        ((254, 256), {}, r"can only be halved to \[127, 128\]"),
    ],
)
def test_sizes_that_cannot_be_halved(shape, options, message):
    u, f = solving.poisson(pc.serial(), shape, "dirichlet")
    with pytest.raises(pc.ConfigError, match=message):
        Multigrid(Poisson, u, f, **options)


def test_fields_that_multigrid_cannot_solve_for():
    grid = pc.Grid((8,), comm=pc.serial())
    for options in ({"at": "face"}, {"dtype": int}, {"halo": 0}):
        with pytest.raises(pc.ConfigError, match="floats at cell centres with a halo of 1 or more"):
            Multigrid(Poisson, grid.field("u", **options), grid.field("f"))
    with pytest.raises(pc.ConfigError, match="Multigrid on points needs a grid that is periodic"):
        Multigrid(Poisson, grid.field("u"), grid.field("f"), coarsening=POINTS)
    u = grid.field("u", boundary=pc.Custom(lambda ghost, inner, t: None))
    with pytest.raises(pc.ConfigError, match="got Custom"):
        Multigrid(Poisson, u, grid.field("f"))
