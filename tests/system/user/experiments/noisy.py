"""Fields of several types that begin as noise, for ensembles; a file can be a trap on the way."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import parcompute as pc


@dataclass
class Noisy(pc.Experiment):
    """A real, a complex and a whole field; the file `trap` holds SEED STEP fail|stop|nan."""

    shape: tuple[int, int] = (7, 6)
    seed: int = 4
    rate: float = 0.5
    steps: int = 8
    trap: str = ""

    def setup(self, comm):
        grid = pc.Grid(self.shape, ((0, 0.7), (2, 1)), comm=comm, units="m")
        noise = pc.random.Stream(self.seed, "noisy")
        self.u = grid.field("u", units="K", long_name="temperature")
        self.z = grid.field("z", dtype=complex, at=("face", "centre"))
        self.k = grid.field("k", dtype=np.int16)
        self.u.owned[...] = noise.normal(self.u, 300.0, 5.0)
        self.z.owned[...] = noise.normal(self.z, step=1) + 1j * noise.normal(self.z, step=2)
        self.k.owned[...] = 100 * noise.uniform(self.k, step=3)

    def step(self):
        self._spring()
        self.u.owned[...] += self.rate * np.sin(self.u.owned)
        self.z.owned[...] *= 1j * self.rate
        self.k.owned[...] += 1

    def _spring(self):
        words = Path(self.trap).read_text().split() if os.path.exists(self.trap) else ["", "", ""]
        if words[:2] != [str(self.seed), str(self.steps_done)]:
            return
        if words[2] == "fail":
            raise ValueError("boom")
        if words[2] == "stop":
            os.kill(os.getpid(), signal.SIGUSR1)
        else:
            self.u.owned[...] = np.nan

    def measure(self):
        return {"mean": self.u.mean(), "odd": bool(self.seed % 2)}
