"""All ranks write through parallel HDF5, collectively."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box
from parcompute.comm import Communicator
from parcompute.comm.mpi import file_hints, is_thread_safe
from parcompute.errors import ParcomputeError
from parcompute.io.commit import Commit
from parcompute.io.pieces import Piece
from parcompute.io.stores import Define

_ALIGNED = 2**20  # bytes: datasets of that size and more begin at a multiple of it


class MpioStore:
    """Collective MPI-IO through an h5py that was built with MPI.

    The file stays open, on a communicator of its own, so that its messages never meet those of the
    computation.
    """

    name = "mpio (parallel HDF5, collective)"

    def __init__(self, path: Path, define: Define | None, comm: Communicator) -> None:
        import h5py

        self._path, self._comm = path, comm.Dup()
        self.overlaps = is_thread_safe()
        self._file = h5py.File(
            path,
            "r+" if define is None else "x",
            driver="mpio",
            comm=self._comm,
            info=file_hints(),
            track_order=True,
            alignment_threshold=_ALIGNED,
            alignment_interval=_ALIGNED,
        )
        if define is not None:
            define(self._file)
            self._file.flush()
        self._datasets: dict[str, Any] = {}

    def prepare(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Return the pieces: they are written as they are."""
        for piece in pieces:
            self._datasets.setdefault(piece.name, self._file[piece.name])
        return pieces

    def write(self, prepared: Sequence[Piece]) -> None:
        """Write all ranks' pieces together."""
        for piece in prepared:
            write_collectively(self._datasets[piece.name], piece.box, piece.values)

    def commit(self, commit: Commit) -> None:
        """Complete a snapshot."""
        try:
            self._file.flush()
            commit.apply(self._file, _put)
            self._file.flush()
        except OSError as error:
            raise ParcomputeError(f"'{self._path}' cannot be written: {error}.") from None

    def sync(self) -> None:
        """Bring everything to the disk."""
        self._file.flush()  # MPI_File_sync

    def close(self) -> None:
        """Bring everything to the disk, and close the file."""
        self._datasets.clear()
        self._file.close()
        self._comm.Free()


def write_collectively(dataset: Any, box: Box, values: NDArray[Any]) -> None:
    """Write every rank's `box` of the dataset; ranks with an empty one take part with nothing.

    h5py itself leaves out calls with an empty selection, and the other ranks would wait forever.
    """
    import h5py

    space = dataset.id.get_space()
    if box.size:
        space.select_hyperslab(box.start, box.shape)
        memory = h5py.h5s.create_simple(values.shape)
    else:
        space.select_none()
        memory = h5py.h5s.create_simple((1,))
        memory.select_none()
        values = np.zeros(1, dataset.dtype)
    transfer = h5py.h5p.create(h5py.h5p.DATASET_XFER)
    transfer.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE)
    dataset.id.write(memory, space, np.ascontiguousarray(values), dxpl=transfer)


def _put(dataset: Any, where: slice, values: NDArray[Any]) -> None:
    write_collectively(dataset, Box((where.start,), (where.stop,)), values)
