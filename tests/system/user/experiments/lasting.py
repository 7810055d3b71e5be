"""A run that lasts until somebody ends it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import parcompute as pc


@dataclass
class Lasting(pc.Experiment):
    """Leaves the process id of each rank in the current folder, and goes on for hours."""

    steps: int = 1_000_000

    def setup(self, comm):
        self.rank = comm.Get_rank()
        self.u = pc.Grid((16, 16), comm=comm).field("u")
        self.seen = False

    def step(self):
        if not self.seen:
            draft = Path(f"draft-{self.rank}")
            draft.write_text(str(os.getpid()))
            draft.replace(f"pid-{self.rank}")
            self.seen = True
        self.u.exchange()
        time.sleep(0.01)
