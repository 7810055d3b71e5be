"""Wrong on purpose, for `verify`: partial sums of floats are added up by allreduce."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def diffuse(u, *, r):
    return u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])


@dataclass
class WrongSum(pc.Experiment):
    """Diffusion whose total is rounded in an order that depends on the ranks."""

    shape: tuple[int, int] = (24, 20)
    steps: int = 10

    def setup(self, comm):
        self.comm = comm
        grid = pc.Grid(self.shape, comm=comm)
        self.u = grid.field("u", boundary=pc.Reflecting())
        self.u.fill(lambda y, x: np.sin(y) * np.cos(0.3 * x) + 2.0)

    def advance(self, n):
        diffuse(self.u, r=0.2, sweeps=n)

    def measure(self):
        return {"peak": self.u.max(), "total": self.comm.allreduce(float(self.u.owned.sum()))}
