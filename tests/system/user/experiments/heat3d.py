"""The heat equation in a box whose three axes end in three ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def diffuse(u, *, rz, ry, rx):
    return (
        u[0, 0, 0]
        + rz * (u[-1, 0, 0] - 2.0 * u[0, 0, 0] + u[1, 0, 0])
        + ry * (u[0, -1, 0] - 2.0 * u[0, 0, 0] + u[0, 1, 0])
        + rx * (u[0, 0, -1] - 2.0 * u[0, 0, 0] + u[0, 0, 1])
    )


@dataclass
class Heat3D(pc.Experiment):
    """Heat equation in the unit cube: z periodic, u = 0 at the y walls, no flux at the x walls.

    Exact solution: cos(2 pi z) sin(pi y) cos(pi x) exp(-6 pi^2 t).
    """

    shape: tuple[int, int, int] = (11, 13, 9)
    dt: float = 5e-4
    steps: int = 12
    time_units: str = "s"

    def setup(self, comm):
        grid = pc.Grid(self.shape, [(0, 1)] * 3, comm=comm, periods=(True, False, False))
        walls = (pc.Periodic(), pc.Dirichlet(0.0), pc.Reflecting())
        self.u = grid.field("u", boundary=walls)
        self.u.fill(mode)

    def advance(self, n):
        rz, ry, rx = (self.dt * cells**2 for cells in self.shape)
        diffuse(self.u, rz=rz, ry=ry, rx=rx, sweeps=n)

    def exact(self, time):
        decay = np.exp(-6 * np.pi**2 * time)
        return {"u": lambda z, y, x: decay * mode(z, y, x)}


def mode(z, y, x):
    """Return the initial values."""
    return np.cos(2 * np.pi * z) * np.sin(np.pi * y) * np.cos(np.pi * x)
