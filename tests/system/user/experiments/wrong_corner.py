"""Wrong on purpose, for `verify`: a nine-point formula reads corners that nothing sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@dataclass
class WrongCorner(pc.Experiment):
    """Smoothing over nine cells, with ghosts that are set by hand beside the owned cells only.

    With `exchanged` the ghosts are right, but the halo is exchanged without its corners.
    """

    shape: tuple[int, int] = (24, 20)
    exchanged: bool = False
    steps: int = 10

    def setup(self, comm):
        self.grid = pc.Grid(self.shape, comm=comm)
        self.u = self.grid.field("u", boundary=pc.Reflecting())
        self.u.fill(lambda y, x: np.sin(y) * np.cos(0.3 * x) + 2.0)

    def step(self):
        u = self.u.padded
        if self.exchanged:
            self.u.exchange(corners=False)
        else:
            self.grid.exchanger(self.u.halo, corners=False).exchange(u)
            self.set_ghosts(u)
        rows = u[:-2] + u[1:-1] + u[2:]
        self.u.owned[...] = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0

    def set_ghosts(self, u):
        (top, bottom), (left, right) = self.grid.walls
        if top:
            u[0, 1:-1] = u[1, 1:-1]
        if bottom:
            u[-1, 1:-1] = u[-2, 1:-1]
        if left:
            u[1:-1, 0] = u[1:-1, 1]
        if right:
            u[1:-1, -1] = u[1:-1, -2]
