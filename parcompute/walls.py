"""Walls: where they lie, which layers of cells they fill, and values given on them.

Positions along an axis with the extent (low, high) and n cells of size h::

      cell i         low + (i + 1/2) h            |  o  |  o  |  o  |
      face i         low + i h                    |     |     |     |
                                                 face 0 = the low wall

A field on faces has as many values as there are cells: face n, on the high wall, is a ghost.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parcompute.box import Index
from parcompute.errors import ConfigError

Value = ArrayLike | Callable[..., ArrayLike]


@dataclass(frozen=True)
class Layer:
    """One layer of cells that a wall fills: cell = sum(factor * source) + constant.

    Attributes
    ----------
    target : int
        Low wall: owned index -(target + 1); high wall: owned index n + target. So -1 at the low
        wall is owned index 0, the face on the wall.
    terms : tuple of (float, int)
        None, one or two pairs (factor, source). Low wall: owned index source; high wall: owned
        index n - 1 - source. So -1 at the high wall is index n, the face on the wall, which an
        earlier layer has set.
    """

    target: int
    terms: tuple[tuple[float, int], ...] = ()


# A layer and what its constant is, per unit of the boundary's value; None: there is no constant.
Rule = tuple[Layer, float | None]


@dataclass(frozen=True)
class Side:
    """What the layers of a wall depend on.

    Attributes
    ----------
    width : int
        Layers of ghosts.
    face : bool
        Whether the values lie on faces (the wall is one of them) or at centres.
    low : bool
        Whether it is the low wall.
    spacing : float
        Cell size along the axis [length].
    kind : str
        ``dtype.kind`` of the values.
    """

    width: int
    face: bool
    low: bool
    spacing: float
    kind: str

    @property
    def integral(self) -> bool:
        """Whether the values are integers or booleans."""
        return self.kind in "iub"

    @property
    def on_wall(self) -> int:
        """The target that is the face on the wall."""
        return -1 if self.low else 0

    @property
    def from_wall(self) -> int:
        """The source that is the face on the wall."""
        return 0 if self.low else -1

    @property
    def beyond(self) -> range:
        """The targets beyond the wall, the nearest first."""
        return range(1 if self.face and not self.low else 0, self.width)

    def steps(self, target: int) -> int:
        """Return the distance from a ghost to its mirror image inside [spacing]."""
        if not self.face:
            return 2 * target + 1
        return 2 * target + 2 if self.low else 2 * target

    def mirror(self, target: int) -> int:
        """Return the source that is the mirror image of a ghost."""
        if not self.face:
            return target
        return target + 1 if self.low else target - 1

    def distance(self, target: int) -> float:
        """Return the distance from a ghost to its mirror image inside [length]."""
        return self.steps(target) * self.spacing

    def held(self) -> list[Rule]:
        """Return rules for the value itself in all ghosts, and on the wall."""
        first = [self.on_wall] if self.face else []
        return [(Layer(target), 1.0) for target in [*first, *self.beyond]]

    def odd(self, beyond: float | None, wall: float) -> list[Rule]:
        """Return rules for ghost = constant - mirror; on faces that on the wall is set, too."""
        first: list[Rule] = [(Layer(self.on_wall), wall)] if self.face else []
        return first + [(Layer(t, ((-1.0, self.mirror(t)),)), beyond) for t in self.beyond]

    def even(self, *, gradient: bool) -> list[Rule]:
        """Return rules for ghost = mirror + gradient distance, or ghost = mirror.

        The face on the low wall is left alone, that on the high wall has the same gradient.
        """
        first: list[Rule] = []
        if self.face and not self.low:
            terms = ((1.0, 0),) if self.integral else ((4.0 / 3.0, 0), (-1.0 / 3.0, 1))
            first = [(Layer(0, terms), 2.0 * self.spacing / 3.0 if gradient else None)]
        return first + [
            (Layer(t, ((1.0, self.mirror(t)),)), self.distance(t) if gradient else None)
            for t in self.beyond
        ]


@dataclass(frozen=True)
class Frame:
    """The whole grid, and where this rank's block begins in it.

    Attributes
    ----------
    shape_global : tuple of int
        Cells along each axis.
    start : tuple of int
        Global index of the first owned cell.
    smallest : tuple of int
        Cells of the smallest block of any rank along each axis.
    extent : tuple of (float, float)
        Position of the low and the high wall of each axis [length].
    periods : tuple of bool
        Whether the axes wrap around.
    faces : tuple of bool
        Whether the values lie on faces, along each axis.
    """

    shape_global: Index
    start: Index
    smallest: Index
    extent: tuple[tuple[float, float], ...]
    periods: tuple[bool, ...]
    faces: tuple[bool, ...]

    def spacing(self, axis: int) -> float:
        """Return the cell size along `axis` (positive) [length]."""
        low, high = self.extent[axis]
        return abs(high - low) / self.shape_global[axis]


def positions(
    extent: tuple[float, float], cells: int, indices: NDArray[Any], *, face: bool
) -> NDArray[np.float64]:
    """Return the positions of cell centres or lower faces, shape of `indices`."""
    low, high = extent
    step = (high - low) / cells
    return np.asarray(low + (indices + (0.0 if face else 0.5)) * step, np.float64)


@dataclass(frozen=True)
class Wall:
    """One wall of one rank's block.

    Attributes
    ----------
    frame : Frame
        The grid.
    axis : int
        The axis across the wall.
    side : Side
        Which wall, and how many layers it fills.
    shape : tuple of int
        Owned cells of the block.
    width : tuple of int
        Cells of the padded block beyond the owned ones, along each axis.
    dtype : dtype
        Of the values.
    """

    frame: Frame
    axis: int
    side: Side
    shape: Index
    width: Index
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes of the block."""
        return len(self.shape)

    @property
    def across(self) -> list[int]:
        """The axes along the wall."""
        return [axis for axis in range(self.ndim) if axis != self.axis]

    @property
    def shape_global(self) -> Index:
        """Cells of the whole wall."""
        return tuple(self.frame.shape_global[axis] for axis in self.across)

    def __str__(self) -> str:
        return f"the {'low' if self.side.low else 'high'} wall of axis {self.axis}"

    def indices(self, axis: int, *, last: int) -> NDArray[np.intp]:
        """Return global indices of the padded block along `axis`.

        Halos of a periodic axis wrap around; what lies beyond a wall has the index of the first
        cell or `last`.
        """
        start, w = self.frame.start[axis], self.width[axis]
        indices = np.arange(start - w, start + self.shape[axis] + w)
        if self.frame.periods[axis]:
            return indices % self.frame.shape_global[axis]
        return indices.clip(0, last)

    def extend(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the part of an array of the whole wall that lies beside the padded block."""
        self.check_shape(array)
        lines = [self.indices(a, last=self.frame.shape_global[a] - 1) for a in self.across]
        return np.asarray(array[np.ix_(*lines)])

    def check_shape(self, array: NDArray[Any]) -> None:
        """Raise ConfigError if an array has not the shape of the whole wall."""
        if array.shape != self.shape_global:
            raise ConfigError(
                f"A boundary on {self} expected a number, a function or an array of shape "
                f"{self.shape_global} (the whole wall), got an array of shape {array.shape}."
            )

    def coordinates(self) -> list[NDArray[np.float64]]:
        """Return the coordinates beside the padded block, a broadcastable array for each axis.

        That of the wall's axis is the position of the wall. Beyond other walls they are those
        of the last value before it.
        """
        return [self._coordinates(axis) for axis in range(self.ndim)]

    def _coordinates(self, axis: int) -> NDArray[np.float64]:
        extent = self.frame.extent[axis]
        if axis == self.axis:
            line = np.array([extent[0 if self.side.low else 1]])
        else:
            n, face = self.frame.shape_global[axis], self.frame.faces[axis]
            # face n is on the wall, so a function is defined there
            line = positions(extent, n, self.indices(axis, last=n - (not face)), face=face)
        return line.reshape((-1, *(1,) * (self.ndim - 1 - axis)))

    def evaluate(self, value: Value, time: float) -> NDArray[Any]:
        """Return a value on the wall: no axes, or those along the padded wall."""
        if not callable(value):
            array = np.asarray(value)
            return self.extend(array) if array.ndim else array
        extra = {"t": time} if takes_time(value) else {}
        result = np.asarray(value(*self.coordinates(), **extra))
        if result.ndim == 0:
            return result
        shape = [n + 2 * w for n, w in zip(self.shape, self.width, strict=True)]
        shape[self.axis] = 1
        try:
            return np.broadcast_to(result, shape).squeeze(self.axis)
        except ValueError:
            raise ConfigError(
                f"A boundary function on {self} must return a number or an array of the shape of "
                f"its coordinates, {tuple(shape)}, got {result.shape}."
            ) from None

    def check(self, value: Value) -> None:
        """Raise ConfigError if a value cannot be meant for this wall; the same on every rank."""
        if callable(value):
            self._check_parameters(value)
            return
        array = np.asarray(value)
        if array.ndim:
            self.check_shape(array)
        rounded(array, self.dtype)

    def _check_parameters(self, function: Callable[..., Any]) -> None:
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # of some functions written in C
            return
        extra = {"t": 0.0} if takes_time(function) else {}
        try:
            signature.bind(*range(self.ndim), **extra)
        except TypeError:
            axes = ", ".join("zyx"[-self.ndim :])
            raise ConfigError(
                f"A boundary function on {self} must take the coordinates ({axes}), or "
                f"({axes}, t) if it varies in time; its parameters are {signature}."
            ) from None


def takes_time(value: Value) -> bool:
    """Return whether a value is a function with a parameter named t that is still open."""
    if not callable(value) or (isinstance(value, partial) and "t" in value.keywords):
        return False
    try:
        return "t" in inspect.signature(value).parameters
    except (TypeError, ValueError):
        return False


def rounded(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values in a field's type.

    Raises
    ------
    ConfigError
        If real numbers cannot hold them because they are complex, or integers because they are
        fractions or too large.
    """
    if values.dtype.kind == "c" and dtype.kind != "c":
        raise ConfigError(
            f"A boundary of a field of type {dtype} needs real values, got complex ones: "
            f"make the field with dtype=complex."
        )
    with np.errstate(invalid="ignore", over="ignore"):
        result = values.astype(dtype)
    if dtype.kind in "iub" and not np.array_equal(result, values):
        raise ConfigError(
            f"A boundary of a field of type {dtype} needs values of that type, got "
            f"{_sample(values[result != values])}: give such values or make the field with "
            f"dtype=float."
        )
    return result


def _sample(values: NDArray[Any]) -> str:
    return str(values.flat[0])
