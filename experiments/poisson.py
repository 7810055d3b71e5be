"""Poisson's equation on the unit interval, square or cube, by five methods.

Run with ``python -m parcompute run +exp=poisson``; about a second. ``experiment.method`` is jacobi,
sor, cg, multigrid (V-cycles) or fmg (full multigrid first); a step is one iteration of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

import parcompute as pc
from parcompute import reductions
from parcompute.algorithms import ConjugateGradients, Multigrid, Poisson


def bump(x):
    """Return x (1 - x) e^x, which is 0 on both walls."""
    return x * (1 - x) * np.exp(x)


def curvature(x):
    """Return minus its second derivative."""
    return x * (3 + x) * np.exp(x)


METHODS = ("jacobi", "sor", "cg", "multigrid", "fmg")


@dataclass
class PoissonEquation(pc.Experiment):
    """Poisson's equation -lap u = f, u = 0 on the walls, by one of five iterative methods.

    Second-order differences on cells. f is that of the exact solution, the product over the axes of
    x (1 - x) e^x. Methods: Briggs, Henson & McCormick, A Multigrid Tutorial, 2000.
    """

    shape: tuple[int, ...] = (256, 256)  # cells [x], [y, x] or [z, y, x]
    method: str = "multigrid"  # jacobi, sor, cg, multigrid or fmg
    tolerance: float = 1e-8  # |f - A u| / |f| at which u changes no more [-]
    sweeps: tuple[int, int] = (2, 1)  # of red-black Gauss-Seidel, before and after a correction
    steps: int = 12  # iterations

    @property
    def order(self):
        """That of the differences, which is seen once the iteration has converged."""
        return 2 if self.method in ("multigrid", "fmg") else None

    def validate(self):
        if self.method not in METHODS:
            raise pc.ConfigError(
                f"experiment.method must be one of {', '.join(METHODS)}, got '{self.method}'."
            )
        if min(self.sweeps) < 0 or sum(self.sweeps) == 0:
            raise pc.ConfigError(
                f"experiment.sweeps must be two numbers from 0 on, at least one of them positive, "
                f"got {list(self.sweeps)}."
            )
        reachable = np.finfo(float).eps * max(self.shape) ** 2
        if not self.tolerance >= reachable:
            raise pc.ConfigError(
                f"experiment.tolerance={self.tolerance} is below the rounding errors of "
                f"{max(self.shape)} cells: use at least {reachable:.1e}."
            )

    def reduced(self):
        return {"shape": tuple(min(n, 48) for n in self.shape)}

    def setup(self, comm):
        self.grid = pc.Grid(self.shape, [(0, 1)] * len(self.shape), comm=comm)
        self.u = self.grid.field("u", boundary=pc.Dirichlet(0.0))
        self.f = self.grid.field("f")
        self.f.fill(self.source)
        self.equation = Poisson(self.u, self.f)
        self.r = self.u.like("residual")
        self.relative = 1.0  # |f - A u| / |f|
        if self.method == "cg":
            self.solver = ConjugateGradients(
                self.equation.apply, self.equation.residual, self.u, self.equation.scale
            )
            self.solver.start()
            self.search = [self.solver.r, self.solver.p]  # fields of the experiment: saved
        elif self.method in ("multigrid", "fmg"):
            before, after = self.sweeps
            self.solver = Multigrid(Poisson, self.u, self.f, before=before, after=after)

    def step(self):
        if self.relative <= self.tolerance:
            return
        match self.method:
            case "jacobi":
                self.equation.jacobi(1)
            case "sor":
                self.equation.sor(1, omega=self.equation.best_omega)
            case "cg":
                self.solver.step()
            case "fmg" if self.relative == 1.0:
                self.solver.full()
            case _:
                self.solver.cycle()
        self.relative = self.residual().norm() / self.f.norm()

    def residual(self):
        """Return f - A u."""
        if self.method == "cg":
            return self.solver.r
        self.equation.residual(self.r)
        return self.r

    def measure(self):
        error = np.abs(self.u.owned - self.solution(*self.u.coordinates_local()))
        return {"residual": self.relative, "error": reductions.largest(self.grid.comm, error)}

    def source(self, *x):
        """Return f, in which one factor after the other is differentiated twice."""
        return sum(prod(curvature(b) if b is a else bump(b) for b in x) for a in x)

    def solution(self, *x):
        """Return the exact solution."""
        return prod(bump(a) for a in x)

    def exact(self, time):
        return {"u": self.solution}
