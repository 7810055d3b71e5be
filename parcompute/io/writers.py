"""Three ways for the ranks to write one ordinary HDF5 file; `open_writer` takes the best.

``mpio``
    All ranks write through parallel HDF5, collectively. Needs the MPI engine and an h5py that was
    built with MPI.
``pwrite``
    Rank 0 makes the file with its datasets allocated, and closes it; then every rank writes its
    rows at their place. Sound only for contiguous, unfiltered, native, allocated datasets, with
    all ranks on one host.
``gathered``
    Rank 0 gathers each snapshot and writes it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.comm.mpi import is_mpi
from parcompute.errors import ParcomputeError
from parcompute.field import Field
from parcompute.io.collective import on_root, together
from parcompute.io.layout import Layout, define
from parcompute.reductions import all_true


class Writer(Protocol):
    """Writes snapshots; every method is collective."""

    name: str

    def write(self, index: int, step: int, time: float, fields: Sequence[Field]) -> None:
        """Write snapshot `index`."""

    def close(self) -> None:
        """Complete the file on disk."""


def open_writer(
    path: Path, layout: Layout, comm: Communicator, compression: str | None = None
) -> Writer:
    """Make the file at `path` and return the fastest writer that is sound here; collective."""
    import h5py

    parallel = h5py.get_config().mpi and is_mpi(comm)
    if all_true(comm, parallel):
        return MpioWriter(path, layout, comm, compression)
    if not compression and all_true(comm, _host() == comm.bcast(_host())):
        places = on_root(comm, _allocate, path, layout)
        if places is not None:
            return PwriteWriter(path, places, layout, comm)
        on_root(comm, path.unlink)
    return GatheredWriter(path, layout, comm, compression)


def _host() -> str:
    return os.environ.get("SLURMD_NODENAME", "") + platform.node()


class MpioWriter:
    """Collective MPI-IO through an h5py that was built with MPI."""

    name = "mpio (parallel HDF5, collective)"

    def __init__(
        self, path: Path, layout: Layout, comm: Communicator, compression: str | None
    ) -> None:
        import h5py

        self._path = path
        self._file = h5py.File(path, "x", driver="mpio", comm=comm, track_order=True)
        define(self._file, layout, compression)
        self._datasets = {v.name: self._file[v.name] for v in layout.variables}
        self._times, self._steps = self._file["time"], self._file["step"]

    def write(self, index: int, step: int, time: float, fields: Sequence[Field]) -> None:
        """Write snapshot `index`."""
        try:
            for field in fields:
                dataset = self._datasets[field.name]
                with dataset.collective:
                    dataset[(index, *field.grid.box.slices)] = field.owned
            for scale, value in ((self._times, time), (self._steps, step)):
                with scale.collective:
                    scale[index] = value
            self._file.flush()
        except OSError as error:
            raise _cannot_write(self._path, error) from None

    def close(self) -> None:
        """Complete the file on disk."""
        self._file.close()


Places = dict[str, int]


def _allocate(path: Path, layout: Layout) -> Places | None:
    """Make the file; return where the datasets start in it, None if pwrite would be unsound."""
    import h5py

    with h5py.File(path, "w-", track_order=True, locking="best-effort") as file:
        define(file, layout, None)
        names = [*(v.name for v in layout.variables), "time", "step"]
        if not all(_is_plain(file[name]) for name in names):
            return None
        return {name: int(file[name].id.get_offset()) for name in names}


def _is_plain(dataset: Any) -> bool:
    """Return whether the bytes of `dataset` in the file are those of a C array in memory."""
    import h5py

    return (
        dataset.chunks is None
        and dataset.id.get_create_plist().get_nfilters() == 0
        and dataset.dtype.isnative
        and dataset.id.get_space_status() == h5py.h5d.SPACE_STATUS_ALLOCATED
        and dataset.id.get_offset() is not None
    )


class PwriteWriter:
    """Every rank writes its rows into the allocated file."""

    name = "pwrite (preallocated, each rank its rows)"

    def __init__(self, path: Path, places: Places, layout: Layout, comm: Communicator) -> None:
        self._comm, self._places, self._shape = comm, places, layout.shape[1:]
        self._file = together(comm, path, os.open, path, os.O_WRONLY)
        self._path = path

    def write(self, index: int, step: int, time: float, fields: Sequence[Field]) -> None:
        """Write snapshot `index`; its step last, so that what has a step is complete."""
        together(self._comm, self._path, self._write_fields, index, fields)
        together(self._comm, self._path, self._write_scales, index, step, time)

    def _write_fields(self, index: int, fields: Sequence[Field]) -> None:
        for field in fields:
            snapshot = int(np.prod(self._shape)) * field.dtype.itemsize
            start = self._places[field.name] + index * snapshot
            rows = np.ascontiguousarray(field.owned)
            for offset, data in contiguous_runs(rows, field.grid.box, self._shape):
                _write_at(self._file, start + offset * field.dtype.itemsize, data)

    def _write_scales(self, index: int, step: int, time: float) -> None:
        if self._comm.Get_rank() == 0:
            _write_at(self._file, self._places["time"] + 8 * index, np.float64(time).tobytes())
            _write_at(self._file, self._places["step"] + 8 * index, np.int64(step).tobytes())

    def close(self) -> None:
        """Complete the file on disk."""
        try:
            together(self._comm, self._path, os.fsync, self._file)
        finally:
            os.close(self._file)


def contiguous_runs(
    block: NDArray[Any], box: Box, shape: Index
) -> Sequence[tuple[int, memoryview]]:
    """Cut `block`, the cells `box` of an array of `shape`, into runs contiguous in the array.

    Returns
    -------
    list of (int, memoryview)
        Offset in the array, in elements, and the data of each run.
    """
    whole = len(shape)  # axes from here on are owned entirely
    while whole > 1 and box.shape[whole - 1] == shape[whole - 1]:
        whole -= 1
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    outer = box.shape[: whole - 1]
    parts = block.reshape(int(np.prod(outer)), -1)
    first = sum(a * s for a, s in zip(box.start, strides, strict=True))
    places = (
        first + sum(i * s for i, s in zip(index, strides, strict=False))
        for index in np.ndindex(*outer)
    )
    return [(offset, part.data.cast("B")) for offset, part in zip(places, parts, strict=True)]


def _write_at(file: int, offset: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, offset)
        view, offset = view[done:], offset + done


class GatheredWriter:
    """Rank 0 gathers each snapshot and writes it."""

    name = "gathered (rank 0 writes)"

    def __init__(
        self, path: Path, layout: Layout, comm: Communicator, compression: str | None
    ) -> None:
        self._comm, self._path, self._layout = comm, path, layout
        on_root(comm, self._define, compression)

    def _define(self, compression: str | None) -> None:
        import h5py

        with h5py.File(self._path, "w-", track_order=True, locking="best-effort") as file:
            define(file, self._layout, compression)

    def write(self, index: int, step: int, time: float, fields: Sequence[Field]) -> None:
        """Write snapshot `index`."""
        for field in fields:
            whole = field.gather()
            on_root(self._comm, self._write, index, field.name, whole)
        on_root(self._comm, self._write, index, "time", time)
        on_root(self._comm, self._write, index, "step", step)

    def _write(self, index: int, name: str, value: Any) -> None:
        import h5py

        try:
            with closing(h5py.File(self._path, "r+", locking="best-effort")) as file:
                file[name][index] = value
        except OSError as error:
            raise _cannot_write(self._path, error) from None

    def close(self) -> None:
        """Complete the file on disk."""


def _cannot_write(path: Path, error: OSError) -> ParcomputeError:
    return ParcomputeError(f"'{path}' cannot be written: {error}.")
