"""Programs with a mistake in them, chosen by ``experiment.kind``."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import parcompute as pc


@dataclass
class Odd(pc.Experiment):
    """A mistake."""

    kind: str = "none"
    steps: int = 4

    def setup(self, comm):
        self.comm = comm
        grid = pc.Grid((8, 6), comm=comm)
        other = pc.Grid((16, 12), comm=comm) if self.kind == "two grids" else grid
        self.u = grid.field("u")
        self.more = [other.field("u" if self.kind == "one name" else "v")]
        self.measured = 0
        threads = [os.environ.get(f"{name}_NUM_THREADS") for name in ("OMP", "OPENBLAS", "MKL")]
        Path(f"threads-{comm.Get_rank()}").write_text(" ".join(map(str, threads)))

    def step(self):
        if self.kind == "exit" and self.comm.Get_rank() == 1:
            Path("raised").write_text(str(time.time()))
            sys.exit()
        if self.kind == "refuses" and self.comm.Get_rank() == 1:
            Path("raised").write_text(str(time.time()))
            raise pc.ConfigError("odd")

    def measure(self):
        self.measured += 1
        if self.kind == "measures step":
            return {"step": 1.0}
        if self.kind == "measures change":
            return {f"m{self.measured}": 1.0}
        return {}
