"""Advection around a ring: one axis, a step() for a single step, all defaults of the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def upwind(u, *, c):
    return u[0] - c * (u[0] - u[-1])


@dataclass
class Advect1D(pc.Experiment):
    """Advection u_t + u_x = 0 on a ring of length 1 (upwind, exact for courant = 1)."""

    shape: tuple[int] = (61,)
    courant: float = 1.0
    steps: int = 20

    @property
    def dt(self):
        return self.courant / self.shape[0]

    def setup(self, comm):
        grid = pc.Grid(self.shape, [(0.0, 1.0)], comm=comm, periods=True)
        self.u = grid.field("u", boundary=pc.Periodic(), units="kg", long_name="tracer")
        self.u.fill(hill)

    def step(self):
        upwind(self.u, c=self.courant)

    def exact(self, time):
        return {"u": lambda x: hill((x - time) % 1.0)}


def hill(x):
    """Return a smooth hill in the middle of the ring."""
    return np.exp(-50.0 * (x - 0.5) ** 2)
