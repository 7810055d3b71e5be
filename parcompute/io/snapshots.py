"""Snapshots are written while the ranks compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Index
from parcompute.comm import Communicator
from parcompute.io.background import Background
from parcompute.io.collective import together
from parcompute.io.commit import Commit
from parcompute.io.pieces import Piece
from parcompute.io.stores import Store
from parcompute.particles import Particles
from parcompute.reductions import all_true

_NICE = 10


class Source(Protocol):
    """What is written as one dataset: a `View` of a field, as a rule."""

    @property
    def name(self) -> str:
        """Name of the dataset."""

    @property
    def shape(self) -> Index:
        """Shape of a snapshot in the file."""

    @property
    def file_dtype(self) -> np.dtype[Any]:
        """Type of the dataset."""

    def buffer(self) -> NDArray[Any]:
        """Return memory for `piece`."""

    def piece(self, index: int, buffer: NDArray[Any]) -> Piece:
        """Return a copy, in `buffer`, of what this rank has of snapshot `index`."""


class Snapshots:
    """Copies the fields at a snapshot and lets a thread write them; one snapshot is under way.

    All methods are collective, and raise on every rank what went wrong on any.

    Parameters
    ----------
    store : Store
        The file.
    path : Path
        Its name, for messages.
    comm : Communicator
        All ranks.
    views : sequence of Source
        What is written.
    series : sequence of str
        Names in the file of the measures, in their order.
    particles : sequence of Particles
        Sets of particles.
    overlap : bool
        Whether the ranks go on while a snapshot is being written.
    """

    def __init__(
        self,
        store: Store,
        path: Path,
        comm: Communicator,
        views: Sequence[Source],
        *,
        series: Sequence[str] = (),
        particles: Sequence[Particles] = (),
        overlap: bool = True,
    ) -> None:
        self._store, self._path, self._comm = store, path, comm
        self._views, self._series, self._particles = views, series, particles
        self._overlap = overlap and store.overlaps
        self._buffers: dict[str, NDArray[Any]] = {}
        self._writing: Background | None = None
        self._commit: Commit | None = None

    @property
    def name(self) -> str:
        """How snapshots are written, for the user."""
        return self._store.name

    def write(self, index: int, step: int, time: float, measures: Mapping[str, float]) -> None:
        """Take snapshot `index`; wait until the one before is complete."""
        self.settle()
        for view in self._views:
            if view.name not in self._buffers:
                self._buffers[view.name] = view.buffer()
        pieces = together(self._comm, self._path, self._pieces, index)
        self._commit = Commit(
            index,
            step,
            time,
            dict(zip(self._series, measures.values(), strict=True)),
            tuple((particles, particles.gather()) for particles in self._particles),
            {p.name: sum(self._comm.allgather(len(p))) for p in self._particles},
        )
        prepared = self._store.prepare(pieces)
        self._writing = Background(self._store.write, prepared, nice=_NICE if self._overlap else 0)
        if not self._overlap or index == 0:  # what is wrong shows before the first step
            self.settle()

    def _pieces(self, index: int) -> list[Piece]:
        return [view.piece(index, self._buffers[view.name]) for view in self._views]

    def poll(self) -> None:
        """Complete the snapshot under way if every rank has written its part."""
        if self._writing is not None and all_true(self._comm, self._writing.is_done):
            self.settle()

    def settle(self) -> None:
        """Wait until the snapshot under way is written, and complete it."""
        if self._writing is None or self._commit is None:
            return
        writing, commit = self._writing, self._commit
        self._writing = self._commit = None
        together(self._comm, self._path, writing.wait, needed=self._needed())
        self._store.commit(commit)

    def _needed(self) -> int:
        return sum(prod(view.shape) * view.file_dtype.itemsize for view in self._views)

    def sync(self) -> None:
        """Complete the snapshot under way, and bring all to the disk."""
        self.settle()
        self._store.sync()

    def close(self) -> None:
        """Complete the snapshot under way, and bring the file to the disk."""
        self.settle()
        self._store.close()
