"""Equations for tests of solvers: matrices to compare with, and what runs on ranks."""

from __future__ import annotations

import numpy as np
from scipy import sparse

import parcompute as pc
from parcompute.algorithms import CELLS, POINTS, ConjugateGradients, Multigrid, Poisson
from parcompute.settings import Settings, use

WALLS = {
    "dirichlet": pc.Dirichlet(0.0),
    "neumann": pc.Neumann(0.0),
    "periodic": pc.Periodic(),
    "mixed": (pc.Dirichlet(0.0), pc.Robin(1.0, 0.3, 0.0)),
}


def poisson(comm, shape, walls, *, extent=1.0):
    """Return the fields u = 0 and f of random numbers with the mean 0."""
    sides = [WALLS[walls]] * len(shape)
    periods = walls == "periodic"
    grid = pc.Grid(shape, [(0.0, extent)] * len(shape), comm=comm, periods=periods)
    u, f = grid.field("u", boundary=sides), grid.field("f")
    values = np.random.default_rng(3).normal(size=shape)
    f[...] = values - values.mean()
    return u, f


def matrix(shape, walls, extent=1.0):
    """Return -div grad as a matrix, from its definition along each axis."""
    total = sparse.csr_matrix((np.prod(shape), np.prod(shape)))
    for axis, n in enumerate(shape):
        h = extent / n
        line = sparse.diags([-1.0, 2.0, -1.0], [-1, 0, 1], (n, n)).tolil()
        if walls == "periodic":
            line[0, n - 1] = line[n - 1, 0] = -1.0
        else:
            robin = (0.3 / h - 0.5) / (0.3 / h + 0.5)  # ghost / first cell where u + 0.3 du/dn = 0
            low, high = {"dirichlet": (-1, -1), "neumann": (1, 1), "mixed": (-1, robin)}[walls]
            line[0, 0] -= low
            line[n - 1, n - 1] -= high
        before, after = np.prod(shape[:axis], dtype=int), np.prod(shape[axis + 1 :], dtype=int)
        total += sparse.kron(sparse.kron(sparse.eye(before), line), sparse.eye(after)) / h**2
    return total.tocsc()


def solved_in_every_way(comm):
    """Return what multigrid and conjugate gradients make of some equations, as bytes.

    Agglomeration differs: coarse levels have all ranks, or fewer.
    """
    found = []
    for shape, walls, coarsening in (
        ((16, 12), "mixed", CELLS),
        ((8, 12), "periodic", CELLS),
        ((16, 8), "periodic", POINTS),
    ):
        ways = []
        for cells_per_rank in (1, 20):
            u, f = poisson(comm, shape, walls)
            options = {"coarsening": coarsening, "cells_per_rank": cells_per_rank}
            solver = Multigrid(Poisson, u, f, **options)
            solver.full()
            solver.cycle()
            ways.append(u[...].tobytes())
        found += [ways[0]] if len(set(ways)) == 1 else ["agglomeration changes the bits"]
    u, f = poisson(comm, (12, 10), "mixed")
    equation = Poisson(u, f)
    solver = ConjugateGradients(equation.apply, equation.residual, u, equation.scale)
    solver.start()
    for _ in range(8):
        solver.step()
    equation.jacobi(3, omega=0.8)
    found.append(u[...].tobytes())
    with use(Settings("numpy")):
        u, f = poisson(comm, (8, 4, 12), "dirichlet")
        Multigrid(Poisson, u, f, cells_per_rank=4).cycle()
    return [*found, u[...].tobytes()]
