"""Rank 0 gathers slabs of an array and writes them, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Queue

import numpy as np

from parcompute.box import Box
from parcompute.comm import Communicator
from parcompute.io.background import Background
from parcompute.io.collective import on_root
from parcompute.io.commit import Commit
from parcompute.io.pieces import Piece, Place, cut, write_pieces
from parcompute.io.pwrite import commit_on_root, make
from parcompute.io.stores import Define

_SLAB = 16 * 2**20  # bytes
_WAITING = 2  # slabs that may wait to be written
_TAG = 102  # beside those of fields and particles

Slabs = Queue[Piece | None]


class GatheredStore:
    """Writes on rank 0 alone, which is sound on any file system."""

    name = "gathered (rank 0 writes)"
    overlaps = True

    def __init__(self, path: Path, define: Define | None, comm: Communicator) -> None:
        self._path, self._comm = path, comm
        self._places: dict[str, Place] = on_root(comm, make, path, define)
        self._file = -1
        on_root(comm, self._open)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR)

    def prepare(self, pieces: Sequence[Piece]) -> Background | None:
        """Send the pieces to rank 0, which writes each slab while it receives the next ones."""
        boxes = self._comm.gather([piece.box for piece in pieces])
        if boxes is None:
            for piece in pieces:
                self._send(piece)
            return None
        slabs: Slabs = Queue(_WAITING)
        writing = Background(self._write_all, slabs)
        for position, piece in enumerate(pieces):
            for slab in self._receive(piece, [of_rank[position] for of_rank in boxes]):
                slabs.put(slab)
        slabs.put(None)
        return writing

    def _send(self, piece: Piece) -> None:
        for slab in cut(piece.whole, piece.values.itemsize, _SLAB):
            mine = slab.intersect(piece.box)
            if mine.size:
                self._comm.Send(piece.part(mine), 0, _TAG)

    def _receive(self, piece: Piece, boxes: Sequence[Box]) -> Iterator[Piece]:
        for slab in cut(piece.whole, piece.values.itemsize, _SLAB):
            values = np.empty(slab.shape, piece.values.dtype)
            for rank, box in enumerate(boxes):
                part = slab.intersect(box)
                if not part.size:
                    continue
                there = part.shift(tuple(-a for a in slab.start)).slices
                if rank == 0:
                    values[there] = piece.part(part)
                else:
                    block = np.empty(part.shape, values.dtype)
                    self._comm.Recv(block, rank, _TAG)
                    values[there] = block
            yield Piece(piece.name, piece.whole, slab, values)

    def _write_all(self, slabs: Slabs) -> None:
        """Write slabs until there is None; after an error take them all the same."""
        error: Exception | None = None
        while (slab := slabs.get()) is not None:
            try:
                if error is None:
                    write_pieces(self._file, self._places, [slab])
            except Exception as failure:  # `put` would wait for ever if this thread ended
                error = failure
        if error is not None:
            raise error

    def write(self, prepared: Background | None) -> None:
        """Wait until all slabs are written."""
        if prepared is not None:
            prepared.wait()

    def commit(self, commit: Commit) -> None:
        """Complete a snapshot."""
        commit_on_root(self._comm, self._path, commit)

    def sync(self) -> None:
        """Bring everything to the disk."""
        on_root(self._comm, self._sync)

    def _sync(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        """Bring everything to the disk, and close the file."""
        try:
            self.sync()
        finally:
            if self._file >= 0:
                os.close(self._file)
