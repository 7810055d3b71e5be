"""Where numbers are drawn: runs of consecutive global indices."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parcompute.box import Box, Index
from parcompute.errors import ConfigError

_END = 2**64


class Gridded(Protocol):
    """A grid: the cells of this rank in a global array."""

    @property
    def box(self) -> Box:
        """The cells of this rank."""

    @property
    def shape_global(self) -> Index:
        """The shape of the whole array."""


class OnGrid(Protocol):
    """A field."""

    @property
    def grid(self) -> Gridded:
        """Where it lives."""


Where = OnGrid | Gridded | range | ArrayLike


@dataclass(frozen=True, eq=False)
class Places:
    """Runs of consecutive indices, all of one length.

    Parameters
    ----------
    starts : ndarray of uint64
        The first index of each run.
    length : int
        Indices of each run.
    shape : tuple of int
        Shape of what is drawn; its elements are in the order of the runs.
    """

    starts: NDArray[np.uint64]
    length: int
    shape: Index

    @property
    def cells(self) -> int:
        """Number of indices."""
        return len(self.starts) * self.length

    def indices(self, cells: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the indices of some elements."""
        run, offset = np.divmod(cells, self.length)
        return self.starts[run] + offset.astype(np.uint64)


def places_of(where: Where) -> Places:
    """Return the places that a user names: a field, a grid, a range, or an array of indices.

    Raises
    ------
    ConfigError
        If it is something else, or an index is not a whole number from 0 to 2**64 - 1.
    """
    where = getattr(where, "grid", where)
    if isinstance(where, range):
        return _of_range(where)
    if hasattr(where, "box") and hasattr(where, "shape_global"):
        return _of_box(where.box, where.shape_global)
    return _of_indices(where)


def _of_range(run: range) -> Places:
    if len(run):
        _check(min(run[0], run[-1]), max(run[0], run[-1]))
    if run.step == 1:
        return Places(np.array([run.start % _END], np.uint64), len(run), (len(run),))
    steps = np.arange(len(run), dtype=np.uint64) * np.uint64(run.step % _END)
    return Places(steps + np.uint64(run.start % _END), 1, (len(run),))


def _of_box(box: Box, shape: Index) -> Places:
    """Return the rows of a box, each a run of row-major indices."""
    _check(0, prod(shape) - 1)
    starts = np.full(1, box.start[-1], np.uint64)
    pitch = 1
    for axis in range(len(shape) - 1, 0, -1):
        pitch *= shape[axis]
        along = np.arange(box.start[axis - 1], box.stop[axis - 1], dtype=np.uint64)
        starts = (along[:, None] * np.uint64(pitch) + starts).reshape(-1)
    return Places(starts, box.shape[-1], box.shape)


def _of_indices(where: Any) -> Places:
    indices = np.asarray(where)
    if indices.dtype.kind not in "iu":
        raise ConfigError(
            f"Random numbers are drawn for a field, a grid, a range or an array of whole numbers, "
            f"got {type(where).__name__} of type {indices.dtype}."
        )
    if indices.dtype.kind == "i" and indices.size:
        _check(int(indices.min()), int(indices.max()))
    return Places(indices.astype(np.uint64).reshape(-1), 1, indices.shape)


def _check(smallest: int, largest: int) -> None:
    if smallest < 0 or largest >= _END:
        wrong = smallest if smallest < 0 else largest
        raise ConfigError(f"Random numbers have indices from 0 to 2**64 - 1, got {wrong}.")
