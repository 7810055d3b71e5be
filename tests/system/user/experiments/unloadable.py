"""Cannot be imported by rank 1, and by nobody if the file ``nobody`` exists."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from multiprocessing import current_process
from pathlib import Path

import parcompute as pc

_RANKS = (
    current_process().name.removeprefix("rank-"),
    os.environ.get("PMI_RANK"),
    os.environ.get("OMPI_COMM_WORLD_RANK"),
)

if "1" in _RANKS or Path("nobody").exists():
    Path("raised").write_text(repr(time.time()))
    raise ValueError("boom")


@dataclass
class Unloadable(pc.Experiment):
    """Does nothing where it can be imported."""

    steps: int = 10

    def setup(self, comm):
        self.u = pc.Grid((16, 16), comm=comm).field("u")

    def step(self):
        self.u.exchange()
