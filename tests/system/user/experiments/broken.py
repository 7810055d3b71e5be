"""Fails on one rank, while the others wait for it in a halo exchange, or on all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import parcompute as pc


@pc.stencil
def shift(u):
    return u[-1, 0]


@dataclass
class Broken(pc.Experiment):
    """Raises where it is told, in its third step at the latest."""

    where: str = "step"  # setup or step
    who: int = 1  # rank; -1: all
    steps: int = 10

    def setup(self, comm):
        self.rank = comm.Get_rank()
        self.done = 0
        self.fail("setup")
        self.u = pc.Grid((16, 16), comm=comm).field("u")

    def step(self):
        self.done += 1
        if self.done == 3:
            self.fail("step")
        shift(self.u)

    def fail(self, where):
        if where == self.where and self.who in (-1, self.rank):
            Path("raised").write_text(repr(time.time()))
            raise ValueError("boom")
        if where == "setup":
            time.sleep(0.1)  # so that the others go on after the failure
