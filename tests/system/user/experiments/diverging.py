"""A field that is no longer finite after three steps."""

from __future__ import annotations

from dataclasses import dataclass

import parcompute as pc


@dataclass
class Diverging(pc.Experiment):
    """Sets one cell to a value that is not finite in its third step."""

    value: float = float("nan")
    steps: int = 10

    def setup(self, comm):
        self.temperature = pc.Grid((16, 8), comm=comm).field("temperature")
        self.done = 0

    def step(self):
        self.done += 1
        if self.done == 3:
            self.temperature[13, 5] = self.value
