"""Wrong on purpose, for `verify`: two sweeps after one exchange, with a halo of one cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@dataclass
class WrongHalo(pc.Experiment):
    """Diffusion on NumPy blocks, two sweeps in a step: the second one needs a second layer."""

    shape: tuple[int, int] = (24, 20)
    steps: int = 10

    def setup(self, comm):
        grid = pc.Grid(self.shape, comm=comm)
        self.u = grid.field("u", halo=1, boundary=pc.Reflecting())
        self.u.fill(lambda y, x: np.sin(y) * np.cos(0.3 * x) + 2.0)

    def step(self):
        self.u.exchange()
        for _ in range(2):
            self.u.fill_ghosts()
            u = self.u.padded
            around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
            self.u.owned[...] = 0.2 * around + 0.2 * u[1:-1, 1:-1]
