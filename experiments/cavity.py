"""Flow in a square box whose lid slides: incompressible Navier-Stokes by a projection method.

Run with ``python -m parcompute run +exp=cavity``; some 20 seconds, to the steady state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc
from parcompute.algorithms import Multigrid, Poisson


@pc.stencil
def predict(u, v, *, dt, h, nu):
    """Advance the momentum without pressure; u and v on the left and the lower faces of cells."""
    right, left = (u[0, 0] + u[0, 1]) / 2, (u[0, -1] + u[0, 0]) / 2  # u at centres
    upper, lower = (v[0, 0] + v[1, 0]) / 2, (v[-1, 0] + v[0, 0]) / 2  # v at centres
    # u v at corners: lower left, upper left and lower right of the cell
    here = (u[-1, 0] + u[0, 0]) / 2 * ((v[0, -1] + v[0, 0]) / 2)
    above = (u[0, 0] + u[1, 0]) / 2 * ((v[1, -1] + v[1, 0]) / 2)
    beside = (u[-1, 1] + u[0, 1]) / 2 * ((v[0, 0] + v[0, 1]) / 2)
    return (
        u[0, 0]
        + dt * nu / h**2 * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4 * u[0, 0])
        - dt / h * (right**2 - left**2 + above - here),
        v[0, 0]
        + dt * nu / h**2 * (v[-1, 0] + v[1, 0] + v[0, -1] + v[0, 1] - 4 * v[0, 0])
        - dt / h * (upper**2 - lower**2 + beside - here),
    )


@pc.stencil
def outflow(u, v, *, h):
    """Return the divergence of each cell."""
    return (u[0, 1] - u[0, 0] + v[1, 0] - v[0, 0]) / h


@pc.stencil
def project(u, v, p, *, dt, h):
    """Take off the gradient of the pressure."""
    return (
        u[0, 0] - dt / h * (p[0, 0] - p[0, -1]),
        v[0, 0] - dt / h * (p[0, 0] - p[-1, 0]),
    )


@dataclass
class Cavity(pc.Experiment):
    """Lid-driven cavity: incompressible flow in a unit square whose lid slides at speed 1.

    u_t + div(u u) = -grad p + nu lap u, div u = 0, nu = 1 / Re; no slip. Centred differences on
    a staggered grid (Harlow & Welch, Phys. Fluids 8, 1965), explicit Euler, projection by multigrid
    (Chorin, Math. Comp. 22, 1968). In the steady state nothing depends on the time step. Reference:
    Ghia, Ghia & Shin, J. Comput. Phys. 48, 1982, tables I and V.
    """

    cells: int = 64  # along each side
    reynolds: float = 100.0  # lid speed times side / viscosity [-]
    cfl: float = 0.8  # time step / its limit of stability [-]
    cycles: int = 1  # V-cycles of a step, from the pressure of the step before
    steps: int = 4000

    def validate(self):
        if not self.reynolds > 0:
            raise pc.ConfigError(f"experiment.reynolds must be positive, got {self.reynolds}.")
        if not 0 < self.cfl <= 1:
            raise pc.ConfigError(
                f"experiment.cfl={self.cfl} is unstable: it needs 0 < cfl <= 1; make it smaller."
            )
        if self.cycles < 1:
            raise pc.ConfigError(f"experiment.cycles must be 1 or more, got {self.cycles}.")

    def reduced(self):
        return {"cells": 48, "steps": 30}

    @property
    def h(self):
        return 1.0 / self.cells

    @property
    def dt(self):
        """Time step: stable diffusion, and centred advection (Hirt, J. Comput. Phys. 2, 1968)."""
        nu = 1.0 / self.reynolds
        return self.cfl * min(self.h**2 / (4 * nu), 2 * nu)

    def setup(self, comm):
        self.grid = pc.Grid((self.cells, self.cells), [(0, 1), (0, 1)], comm=comm)
        still, lid = pc.Dirichlet(0.0), pc.Dirichlet(1.0)
        self.u = self.grid.field(
            "u", at=("centre", "face"), boundary=[(still, lid), still], long_name="velocity along x"
        )
        self.v = self.grid.field(
            "v", at=("face", "centre"), boundary=still, long_name="velocity along y"
        )
        self.p = self.grid.field("p", boundary=pc.Neumann(0.0), long_name="pressure")
        self.f = self.grid.field("f")  # right-hand side of -lap p = f
        self.pressure = Multigrid(Poisson, self.p, self.f)

    def step(self):
        predict(self.u, self.v, dt=self.dt, h=self.h, nu=1.0 / self.reynolds)
        outflow(self.u, self.v, out=self.f, h=-self.h * self.dt)  # f = -div u / dt
        for _ in range(self.cycles):
            self.pressure.cycle()
        project(self.u, self.v, self.p, dt=self.dt, h=self.h)

    def measure(self):
        line = self.centre_line()
        y, x, _ = self.vortex()
        outflow(self.u, self.v, out=self.f, h=self.h)
        return {
            "u_centre": float(line[self.cells // 2 - 1 : self.cells // 2 + 1].mean()),
            "u_min": lowest(line)[1],
            "vortex_y": y,
            "vortex_x": x,
            "divergence": self.f.norm() * self.h,
        }

    def centre_line(self):
        """Return u at x = 1/2 for each y."""
        return self.u[:, self.cells // 2]

    def vortex(self):
        """Return y, x and stream function of the middle of the primary vortex."""
        psi = np.cumsum(self.u[...], axis=0) * self.h  # at the upper left corner of each cell
        row, column = np.unravel_index(psi.argmin(), psi.shape)
        (y, value), (x, _) = lowest(psi[:, column]), lowest(psi[row])
        return (y + 1) * self.h, x * self.h, value


def lowest(values):
    """Return place and value of the minimum of a parabola through the three lowest points."""
    k = int(np.clip(np.argmin(values), 1, len(values) - 2))
    a, b, c = values[k - 1 : k + 2]
    if a - 2 * b + c <= 0:  # no minimum inside, as in a fluid at rest
        return float(k), float(b)
    offset = (a - c) / (2 * (a - 2 * b + c))
    return float(k + offset), float(b - (a - c) * offset / 4)
