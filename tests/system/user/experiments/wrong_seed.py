"""Wrong on purpose, for `verify`: initial values by a generator that is seeded for each rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def diffuse(u, *, r):
    return u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])


@dataclass
class WrongSeed(pc.Experiment):
    """Diffusion of noise that is another one for each number of ranks."""

    shape: tuple[int, int] = (24, 20)
    seed: int = 7
    steps: int = 10

    def setup(self, comm):
        grid = pc.Grid(self.shape, comm=comm)
        self.u = grid.field("u", boundary=pc.Reflecting())
        generator = np.random.default_rng(self.seed + comm.Get_rank())
        self.u.owned[...] = generator.random(grid.shape_local)

    def advance(self, n):
        diffuse(self.u, r=0.2, sweeps=n)
