"""Arrays in a checkpoint are written, and checked, block by block."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.errors import ParcomputeError
from parcompute.io.background import Background
from parcompute.io.collective import together
from parcompute.io.pieces import Piece, cut
from parcompute.io.pwrite import PwriteStore
from parcompute.io.stores import Store

_BLOCK = 4 * 2**20  # bytes under one checksum

Row = Sequence[int]
"""A block: where it begins and ends, and its checksum."""


class DamagedError(ParcomputeError):
    """A checkpoint is not what was written."""


@dataclass(frozen=True)
class Part:
    """What this rank has of an array.

    Attributes
    ----------
    name : str
        Name of the array in the file.
    shape : tuple of int
        Shape of the whole array.
    box : Box
        Where the values of this rank lie in it.
    values : ndarray
        Of the shape of `box`.
    """

    name: str
    shape: Index
    box: Box
    values: NDArray[Any]

    def blocks(self) -> Iterator[Piece]:
        """Copy the part block by block, each to the same memory as the one before."""
        whole = Box.of_shape(self.shape)
        memory = np.empty(0, self.values.dtype)
        for box in cut(self.box, self.values.itemsize, _BLOCK):
            inside = box.shift(tuple(-a for a in self.box.start)).slices
            memory, block = _view(memory, box, self.values.dtype)
            np.copyto(block, self.values[inside])
            yield Piece(self.name, whole, box, block)


def _view(
    memory: NDArray[Any], box: Box, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return memory that is large enough, the one given if it is, and an array for `box` in it."""
    if memory.dtype != dtype or memory.size < box.size:
        memory = np.empty(box.size, dtype)
    return memory, memory[: box.size].reshape(box.shape)


def checksum(values: Any) -> int:
    """Return the CRC-32 of contiguous bytes."""
    return zlib.crc32(memoryview(values).cast("B")) if len(memoryview(values)) else 0


class Syncing:
    """Brings to the disk what a rank writes, while it goes on writing."""

    def __init__(self, store: PwriteStore) -> None:
        self._store = store
        self._under_way = Background(store.sync_here)

    def go_on(self) -> None:
        """Begin again, if all that was written before has come to the disk."""
        if self._under_way.is_done:
            self._under_way.wait()
            self._under_way = Background(self._store.sync_here)

    def wait(self) -> None:
        """Wait for what is under way."""
        self._under_way.wait()


def write_all(
    comm: Communicator, path: Path, store: Store, parts: Sequence[Part]
) -> list[tuple[str, list[list[int]]]]:
    """Write parts; return the blocks of each; collective.

    Blocks that a rank writes by itself are copied, summed up, written and read again while they are
    in the cache, and the disk takes them meanwhile.
    """
    if not isinstance(store, PwriteStore):
        return [(part.name, _write_together(comm, path, store, part)) for part in parts]
    syncing = Syncing(store)
    tables = []
    for part in parts:
        rows = together(comm, path, _stream, path, store, part, syncing, needed=part.values.nbytes)
        tables.append((part.name, rows))
    together(comm, path, syncing.wait)
    return tables


def _stream(path: Path, store: PwriteStore, part: Part, syncing: Syncing) -> list[list[int]]:
    rows: list[list[int]] = []
    for block in part.blocks():
        summing = Background(lambda block: rows.append(_row(block)), block)
        store.write([block])
        same = store.holds(block)
        summing.wait()
        if not same:
            raise DamagedError(f"'{path}' does not hold what was written to it: try again")
        syncing.go_on()
    return rows


def _write_together(comm: Communicator, path: Path, store: Store, part: Part) -> list[list[int]]:
    whole = Box.of_shape(part.shape)
    piece = Piece(part.name, whole, part.box, np.ascontiguousarray(part.values))
    writing = Background(store.write, store.prepare([piece] if whole.size else []))
    rows = [_row(block) for block in part.blocks()]
    together(comm, path, writing.wait, needed=part.values.nbytes)
    return rows


def _row(block: Piece) -> list[int]:
    return [*block.box.start, *block.box.stop, checksum(block.values)]


def compare(what: str, got: int, expected: int) -> None:
    """Raise DamagedError if two checksums differ."""
    if got != expected:
        raise DamagedError(f"the checksum of its {what} is wrong")


def check(path: Path, share: Sequence[tuple[str, Row]]) -> None:
    """Read blocks of the arrays in a file; raise DamagedError if a checksum is wrong."""
    import h5py

    memory = np.empty(0, np.uint8)
    with h5py.File(path, "r", locking=False) as file:
        for name, row in share:
            ndim = len(row) // 2
            box = Box(tuple(map(int, row[:ndim])), tuple(map(int, row[ndim:-1])))
            dataset = file[name]
            memory, values = _view(memory, box, dataset.dtype)
            dataset.read_direct(values, box.slices)
            where = f"block {list(box.start)} to {list(box.stop)} of '{name}'"
            compare(where, checksum(values), int(row[-1]))
