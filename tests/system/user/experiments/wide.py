"""A field whose halo may be too wide for the blocks of the ranks."""

from __future__ import annotations

from dataclasses import dataclass

import parcompute as pc


@dataclass
class Wide(pc.Experiment):
    """Exchanges a halo of four cells."""

    shape: tuple[int, int] = (7, 7)
    steps: int = 1

    def setup(self, comm):
        self.u = pc.Grid(self.shape, comm=comm).field("u", halo=4)

    def step(self):
        self.u.exchange()
