"""Runs that the tests of a cluster make, and what they left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py

from tests.system.cli import COMPLETE

FOLDER = "made"  # the run directory, in the current folder
HEAT = ("+exp=heat2d", "experiment.shape=[61,47]", "experiment.steps=100", "output.every=40")
RUN = ("-m", "parcompute", "run")

_BROKEN = '''\
"""Fails on one rank, while the others wait for it in a halo exchange."""

import os
import signal
from dataclasses import dataclass

import parcompute as pc


@pc.stencil
def shift(u):
    return u[-1, 0]


@dataclass
class Broken(pc.Experiment):
    """Ends rank 1 in its third step."""

    steps: int = 10

    def setup(self, comm):
        self.rank = comm.Get_rank()
        self.u = pc.Grid((16, 16), comm=comm).field("u", boundary=pc.Dirichlet(0.0))
        self.done = 0

    def step(self):
        self.done += 1
        if self.rank == 1 and self.done == 3:
            {how}
        shift(self.u)
'''


def heat(folder: str = FOLDER) -> list[str]:
    """Return the arguments of Python for a small run whose shape no number of ranks divides."""
    return [*RUN, *HEAT, f"hydra.run.dir={folder}"]


def checksum(run: Path) -> str:
    """Return a digest of all snapshots of `u`."""
    with h5py.File(run / "fields.h5") as file:
        values = file["u"][:]
        assert values.shape == (4, 61, 47)
        return hashlib.sha256(values.tobytes()).hexdigest()


def record(run: Path) -> dict[str, Any]:
    """Return ``run.json`` of a run."""
    values: dict[str, Any] = json.loads((run / "run.json").read_text())
    return values


def assert_complete(run: Path, ranks: int) -> None:
    """Assert that `run` is the complete directory of one world of `ranks` MPI ranks."""
    assert {path.name for path in run.iterdir()} == COMPLETE
    found = record(run)
    assert found["status"] == "complete"
    assert (found["engine"], found["ranks"]) == ("mpi", ranks)
    assert [path.name for path in run.parent.glob("*/run.json")] == ["run.json"]


def write_broken(folder: Path, how: str = 'raise ValueError("boom")') -> None:
    """Write an experiment ``broken`` of the user into `folder`: `how` ends rank 1."""
    for name in ("experiments", "configs/exp"):
        (folder / name).mkdir(parents=True)
    (folder / "experiments/broken.py").write_text(_BROKEN.replace("{how}", how))
    (folder / "configs/exp/broken.yaml").write_text(
        "# @package _global_\ndefaults: [/experiment: broken, _self_]\n"
    )
