"""What is measured on each rank: bytes and seconds of one way to write or read a field."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import h5py
import numpy as np

import parcompute as pc
from parcompute.io import checkpoint
from parcompute.io.blocks import Part
from parcompute.io.filters import Filters
from parcompute.io.layout import Layout, define
from parcompute.io.pieces import write_at
from parcompute.io.reader import Reader
from parcompute.io.snapshots import Snapshots
from parcompute.io.stores import open_store
from parcompute.io.views import View

_SNAPSHOTS = 4  # of a file


class Bench:
    """One field on a grid, of which each way writes four snapshots into a file of its own.

    Parameters
    ----------
    comm : Communicator
        All ranks.
    folder : Path
        Where files are made.
    megabytes : float
        Size of all snapshots together.
    """

    def __init__(self, comm: Any, folder: Path, megabytes: float) -> None:
        self.comm, self.folder = comm, folder
        self.saved = checkpoint.path_of(folder, 1)
        rows = int((megabytes * 1e6 / 8 / _SNAPSHOTS) ** 0.5)
        self.grid = pc.Grid((rows, rows), comm=comm)
        self.field = self.grid.field("u")
        self.field.fill(lambda y, x: np.sin(1e-3 * y) + np.cos(2e-3 * x))
        self.snapshot_bytes = 8 * rows * rows
        self.bytes = _SNAPSHOTS * self.snapshot_bytes

    def rate(self, write: Callable[[Path], None]) -> float:
        """Return GB/s of ``write(path)``, from the first rank's begin to the last one's end."""
        path = self.folder / f"{write.__name__}.h5"
        if write.__name__ == "checkpoint":
            path = self.saved
        self.clear(path)
        self.comm.Barrier()
        begin = perf_counter()
        write(path)
        self.comm.Barrier()
        return self.bytes / (perf_counter() - begin) / 1e9

    def clear(self, path: Path) -> None:
        """Remove a file of an earlier measurement."""
        self.comm.Barrier()
        if self.comm.Get_rank() == 0:
            with suppress(FileNotFoundError):
                path.unlink()
            os.sync()
        self.comm.Barrier()

    def raw(self, path: Path) -> None:
        """Write the rank's bytes with pwrite, and bring them to the disk: the measure of all."""
        block = np.ascontiguousarray(self.field.owned).data.cast("B")
        start = 8 * self.grid.box.start[0] * self.grid.shape_global[1]
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        for index in range(_SNAPSHOTS):
            write_at(file, index * self.snapshot_bytes + start, block)
        os.fsync(file)
        os.close(file)

    def h5py_gather(self, path: Path) -> None:
        """Gather the field on rank 0, which writes it with h5py: what most programs do."""
        is_root = self.comm.Get_rank() == 0
        file = h5py.File(path, "w") if is_root else None
        for index in range(_SNAPSHOTS):
            whole = self.field.gather()
            if file is not None:
                file[f"u{index}"] = whole
        if file is not None:
            file.close()
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)

    def snapshot(self, path: Path, writer: str, compression: str | None = None) -> None:
        """Write snapshots as a run does, up to the disk."""
        view, filters = View.of(self.field), Filters.of(compression)
        layout = Layout.of(self.grid, [view], _SNAPSHOTS, "s")
        store = open_store(
            path,
            lambda file: define(file, layout, filters),
            self.comm,
            writer=writer,
            filters=filters,
        )
        snapshots = Snapshots(store, path, self.comm, [view])
        for index in range(_SNAPSHOTS):
            snapshots.write(index, index, 0.0, {})
        snapshots.close()

    def pwrite(self, path: Path) -> None:
        """Path (b)."""
        self.snapshot(path, "pwrite")

    def mpio(self, path: Path) -> None:
        """Path (a)."""
        self.snapshot(path, "mpio")

    def gathered(self, path: Path) -> None:
        """Path (c)."""
        self.snapshot(path, "gathered")

    def gzip(self, path: Path) -> None:
        """Compressed by each rank."""
        self.snapshot(path, "auto", "gzip")

    def lzf(self, path: Path) -> None:
        """Compressed by each rank."""
        self.snapshot(path, "auto", "lzf")

    def checkpoint(self, path: Path) -> None:
        """Write a checkpoint with checksums, verified."""
        field = self.field
        parts = [
            Part(f"fields/u{index}", field.shape_global, self.grid.box, field.owned)
            for index in range(_SNAPSHOTS)
        ]
        checkpoint.save(self.comm, path, parts, {}, b"")

    def read_raw(self, path: Path) -> None:
        """Read the rank's bytes with pread."""
        block = np.empty(self.field.shape_local)
        start = 8 * self.grid.box.start[0] * self.grid.shape_global[1]
        file = os.open(self.folder / "raw.h5", os.O_RDONLY)
        for index in range(_SNAPSHOTS):
            os.preadv(file, [block.data.cast("B")], index * self.snapshot_bytes + start)
        os.close(file)

    def read_snapshot(self, path: Path) -> None:
        """Read the rank's cells of a snapshot, as ``parcompute analyze`` does."""
        with Reader(self.folder / "pwrite.h5") as reader:
            for index in range(_SNAPSHOTS):
                reader.read("u", index, self.grid.box)

    def read_checkpoint(self, path: Path) -> None:
        """Check a checkpoint and read it, as a run that is resumed does."""
        found = checkpoint.Checkpoint(self.comm, self.saved)
        for index in range(_SNAPSHOTS):
            found.read(f"fields/u{index}", self.grid.box)


def measure(
    comm: Any, folder: Path, megabytes: float, names: list[str], repeats: int
) -> dict[str, list[float]]:
    """Return the rates [GB/s] of each way, measured in turn."""
    bench = Bench(comm, folder, megabytes)
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            found[name].append(bench.rate(getattr(bench, name)))
    return found
