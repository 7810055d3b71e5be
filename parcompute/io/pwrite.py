"""Every rank writes its rows at their place in a file that rank 0 has allocated."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parcompute.comm import Communicator
from parcompute.errors import ParcomputeError
from parcompute.io.background import Background
from parcompute.io.collective import errors_of_hdf5, on_root, together
from parcompute.io.commit import Commit
from parcompute.io.journal import replay, transaction
from parcompute.io.pieces import Piece, Place, holds, start_writeback, write_pieces
from parcompute.io.stores import Define

Places = dict[str, Place]


class PwriteStore:
    """Writes with ``pwrite`` into contiguous datasets, past HDF5.

    Raises
    ------
    ParcomputeError
        On every rank, if the file cannot be made, or a dataset does not stand in it as in memory.
    """

    name = "pwrite (preallocated, each rank its rows)"
    overlaps = True

    def __init__(self, path: Path, define: Define | None, comm: Communicator) -> None:
        self._path, self._comm = path, comm
        self.places: Places = on_root(comm, make, path, define)
        self._file = together(comm, path, os.open, path, os.O_RDWR)

    def prepare(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Return the pieces: they are written as they are."""
        return pieces

    def write(self, prepared: Sequence[Piece]) -> None:
        """Write this rank's pieces."""
        write_pieces(self._file, self.places, prepared)
        start_writeback(self._file, self.places, prepared)

    def commit(self, commit: Commit) -> None:
        """Complete a snapshot."""
        commit_on_root(self._comm, self._path, commit)

    def holds(self, piece: Piece) -> bool:
        """Read a piece again; return whether it is the same."""
        return holds(self._file, self.places, piece)

    def sync_here(self) -> None:
        """Bring to the disk what this rank has written."""
        os.fsync(self._file)

    def sync(self) -> None:
        """Bring everything to the disk."""
        together(self._comm, self._path, self.sync_here)

    def close(self) -> None:
        """Bring everything to the disk, and close the file."""
        try:
            self.sync()
        finally:
            os.close(self._file)


def make(path: Path, define: Define | None) -> Places:
    """Make the file if `define` is given; return where its datasets stand; on one rank."""
    import h5py

    replay(path)
    mode = "r" if define is None else "w-"
    with (
        errors_of_hdf5(path),
        h5py.File(path, mode, track_order=True, locking=False) as file,
    ):
        if define is not None:
            define(file)
        return {name: _place(file[name]) for name in _contiguous(file)}


def _contiguous(file: Any) -> list[str]:
    names: list[str] = []

    def visit(name: str, node: Any) -> None:
        if getattr(node, "chunks", 0) is None and node.shape:
            names.append(name)

    file.visititems(visit)
    return names


def _place(dataset: Any) -> Place:
    """Return where a dataset stands, after checking that its bytes are those of a C array."""
    import h5py

    offset = dataset.id.get_offset()
    sound = {
        "contiguous": dataset.chunks is None,
        "without filters": dataset.id.get_create_plist().get_nfilters() == 0,
        "in native byte order": dataset.dtype.isnative,
        "allocated": dataset.id.get_space_status() == h5py.h5d.SPACE_STATUS_ALLOCATED,
        "in this file": offset is not None and dataset.external is None,
    }
    missing = [what for what, holds in sound.items() if not holds]
    if missing:
        raise ParcomputeError(
            f"Dataset '{dataset.name}' is not {' and not '.join(missing)}, so that ranks cannot "
            f"write to it: use output.writer=gathered."
        )
    return Place(int(offset), tuple(dataset.shape), dataset.dtype.itemsize)


def commit_on_root(comm: Communicator, path: Path, commit: Commit) -> None:
    """Complete a snapshot in a file that no rank has open; collective."""

    def change() -> None:
        with transaction(path) as file:
            commit.apply(file, put)

    on_root(comm, undisturbed, change)


def undisturbed(change: Callable[[], None]) -> None:
    """Call `change` in a thread of its own, where no signal interrupts it."""
    Background(change).wait()


def put(dataset: Any, where: slice, values: Any) -> None:
    """Write values, where one rank has the file open."""
    dataset[where] = values
