"""Every rank compresses a share of the chunks of a snapshot; rank 0 adds them to the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.io.collective import on_root, together
from parcompute.io.commit import Commit
from parcompute.io.filters import Filters
from parcompute.io.journal import transaction
from parcompute.io.pieces import Piece, sync
from parcompute.io.pwrite import put, undisturbed
from parcompute.io.stores import Define


@dataclass(frozen=True)
class _Chunk:
    """A chunk of a dataset: where it begins, and its values (as they are, or as in the file)."""

    name: str
    begin: Index
    values: NDArray[Any] | None = None
    mask: int = 0
    data: bytes = b""


class ChunkStore:
    """Writes ready chunks.

    Which rank compresses a chunk has nothing to do with whose cells they are, and the chunks are
    the same on any number of ranks.
    """

    overlaps = True

    def __init__(
        self, path: Path, define: Define | None, comm: Communicator, filters: Filters
    ) -> None:
        self.name = f"chunks ({filters.name}; each rank compresses, rank 0 writes)"
        self._path, self._comm, self._filters = path, comm, filters
        self._shapes: dict[str, Index] = on_root(comm, _make, path, define)
        self._encoded: list[_Chunk] = []

    def prepare(self, pieces: Sequence[Piece]) -> list[_Chunk]:
        """Bring the cells of each chunk to the rank that compresses it."""
        return [chunk for piece in pieces for chunk in self._assembled(piece)]

    def _assembled(self, piece: Piece) -> Iterator[_Chunk]:
        shape, size = self._shapes[piece.name], self._comm.Get_size()
        outgoing: list[list[tuple[Box, NDArray[Any]]]] = [[] for _ in range(size)]
        own: list[_Chunk] = []
        chunks = list(_chunks(piece.whole, shape))
        for number, box in enumerate(chunks):
            owner = number * size // len(chunks)
            part = box.intersect(piece.box)
            if part.size:
                outgoing[owner].append((part, piece.part(part)))
            if owner == self._comm.Get_rank():
                own.append(_Chunk(piece.name, box.start, np.zeros(shape, piece.values.dtype)))
        parts = [part for parts in self._comm.alltoall(outgoing) for part in parts]
        places = {chunk.begin: chunk for chunk in own}
        for part, values in parts:
            begin = tuple(a - a % n for a, n in zip(part.start, shape, strict=True))
            whole = places[begin].values
            if whole is not None:
                whole[part.shift(tuple(-a for a in begin)).slices] = values
        return iter(own)

    def write(self, prepared: list[_Chunk]) -> None:
        """Compress this rank's chunks."""
        for chunk in prepared:
            if chunk.values is not None:
                mask, data = self._filters.encode(chunk.values)
                self._encoded.append(_Chunk(chunk.name, chunk.begin, None, mask, data))

    def commit(self, commit: Commit) -> None:
        """Add the chunks of all ranks to the file, and complete the snapshot."""
        encoded, self._encoded = self._encoded, []
        gathered = self._comm.gather(encoded)
        chunks = [chunk for of_rank in gathered or [] for chunk in of_rank]

        def change() -> None:
            with transaction(self._path) as file:
                for chunk in chunks:
                    file[chunk.name].id.write_direct_chunk(chunk.begin, chunk.data, chunk.mask)
                commit.apply(file, put)

        here = self._comm.Get_rank() == 0
        needed = sum(len(chunk.data) for chunk in chunks)
        together(self._comm, self._path, undisturbed, change if here else _nothing, needed=needed)

    def sync(self) -> None:
        """Bring everything to the disk."""
        on_root(self._comm, sync, self._path)

    def close(self) -> None:
        """Bring everything to the disk."""
        self.sync()


def _make(path: Path, define: Define | None) -> dict[str, Index]:
    """Make the file if `define` is given; return the shapes of chunks; on one rank."""
    import h5py

    from parcompute.io.journal import replay

    replay(path)
    mode = "r" if define is None else "w-"
    with h5py.File(path, mode, track_order=True, locking=False) as file:
        if define is not None:
            define(file)
        datasets = ((name, node) for name, node in file.items() if isinstance(node, h5py.Dataset))
        return {name: node.chunks for name, node in datasets if node.chunks}


def _chunks(whole: Box, shape: Index) -> Iterator[Box]:
    """Yield the chunks that make up `whole`, which begins at one."""
    spans = [range(a, b, n) for a, b, n in zip(whole.start, whole.stop, shape, strict=True)]
    for begin in product(*spans):
        yield Box(begin, tuple(a + n for a, n in zip(begin, shape, strict=True)))


def _nothing() -> None:
    pass
