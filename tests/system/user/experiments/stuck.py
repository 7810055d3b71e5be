"""Hangs on one rank, while the others wait for it in a halo exchange."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

import parcompute as pc


@dataclass
class Stuck(pc.Experiment):
    """Stops for good where it is told, in its third step at the latest."""

    where: str = "step"  # setup or step
    how: str = "sleep"  # sleep; or in C, which lets no Python run
    who: int = 1  # rank
    steps: int = 1000

    def setup(self, comm):
        self.rank = comm.Get_rank()
        self.done = 0
        self.hang("setup")
        self.u = pc.Grid((16, 16), comm=comm).field("u")

    def step(self):
        self.done += 1
        if self.done == 3:
            self.hang("step")
        time.sleep(0.01)
        self.u.exchange()

    def hang(self, where):
        Path(f"pid-{self.rank}").write_text(str(os.getpid()))
        if where == self.where and self.rank == self.who:
            Path("stuck").write_text(repr(time.time()))
            self.forever()

    def forever(self):
        if self.how == "sleep":
            time.sleep(3600)
        ctypes.PyDLL(None).sleep(3600)
