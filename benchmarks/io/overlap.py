"""How much of the time of writing a run does not see, because it computes meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import parcompute as pc
from parcompute.io.layout import Layout, define
from parcompute.io.snapshots import Snapshots
from parcompute.io.stores import open_store
from parcompute.io.views import View

_SNAPSHOTS = 6


@pc.stencil
def diffuse(u, *, r):
    """One step of the heat equation."""
    return u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])


def run(comm: Any, path: Path, rows: int, sweeps: int, writer: str, how: str) -> float:
    """Return the seconds of a run with six snapshots; `how`: none, waiting or overlap.

    Each snapshot is brought to the disk before it counts as written: otherwise a fast memory hides
    the disk, and what is measured is a copy.
    """
    grid = pc.Grid((rows, rows), comm=comm)
    u = grid.field("u")
    u.fill(lambda y, x: np.sin(1e-3 * y) + np.cos(2e-3 * x))
    diffuse(u, r=0.2, sweeps=sweeps)
    view = View.of(u)
    layout = Layout.of(grid, [view], _SNAPSHOTS, "s")
    comm.Barrier()
    begin = perf_counter()
    snapshots = None
    if how != "none":
        store = open_store(path, lambda file: define(file, layout, None), comm, writer=writer)
        snapshots = Snapshots(store, path, comm, [view], overlap=how == "overlap")
    for index in range(_SNAPSHOTS):
        if snapshots is not None:
            snapshots.write(index, index, 0.0, {})
        for _ in range(4):  # pieces, as the driver makes them
            diffuse(u, r=0.2, sweeps=max(1, sweeps // 4))
            if snapshots is not None:
                snapshots.poll()
    if snapshots is not None:
        snapshots.close()
    comm.Barrier()
    seconds = perf_counter() - begin
    if comm.Get_rank() == 0:
        path.unlink(missing_ok=True)
        os.sync()
    comm.Barrier()
    return seconds


def measure(
    comm: Any, folder: Path, megabytes: float, writer: str, repeats: int
) -> list[tuple[float, float, float]]:
    """Return the seconds without output, with output that is waited for, and with overlap."""
    rows = int((megabytes * 1e6 / 8) ** 0.5)
    path = folder / "overlap.h5"
    run(comm, path, rows, 4, writer, "none")  # loads the kernel
    probe = run(comm, path, rows, 40, writer, "none")
    written = run(comm, path, rows, 40, writer, "waiting") - probe
    sweeps = max(4, int(comm.bcast(40 * 1.5 * written / probe)))  # computes longer than it writes
    hows = ("none", "waiting", "overlap")
    found = []
    for _ in range(repeats):
        none, waiting, overlap = (run(comm, path, rows, sweeps, writer, how) for how in hows)
        found.append((none, waiting, overlap))
    return found
