"""Wrong on purpose, for `verify`: ghosts are filled, but the halo is never exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@dataclass
class WrongExchange(pc.Experiment):
    """Diffusion on NumPy blocks, without the exchange that it needs.

    With `once` there is one in setup(): the halo is right in the first step, and old in the second.
    """

    shape: tuple[int, int] = (24, 20)
    once: bool = False
    steps: int = 10

    def setup(self, comm):
        grid = pc.Grid(self.shape, comm=comm)
        self.u = grid.field("u", boundary=pc.Reflecting())
        self.u.fill(lambda y, x: np.sin(y) * np.cos(0.3 * x) + 2.0)
        if self.once:
            self.u.exchange()

    def step(self):
        self.u.fill_ghosts()
        u = self.u.padded
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        self.u.owned[...] = 0.2 * around + 0.2 * u[1:-1, 1:-1]
