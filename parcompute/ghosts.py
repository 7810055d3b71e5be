"""Which boundary is at which wall of a padded block, and the filling of its ghosts.

The arithmetic is defined to the last bit, so that compiled kernels can repeat it. With all numbers
rounded to the field's type first::

    no term      result = constant
    one term     result = f1 * u[s1] + constant
    two terms    result = (f1 * u[s1] + f2 * u[s2]) + constant

Sides are filled in the order axis 0 low, axis 0 high, axis 1 low, …; each fill spans the halo and
ghosts of all other axes, so that a corner holds the image of an image, as ``numpy.pad`` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.boundary import Boundary, Custom, Periodic
from parcompute.box import Index
from parcompute.errors import ConfigError
from parcompute.walls import Frame, Layer, Side, Wall

BoundarySpec = Boundary | Sequence[Boundary | tuple[Boundary, Boundary]]
Sides = tuple[tuple[Boundary, Boundary], ...]
Slices = tuple[slice, ...]


def resolve(spec: BoundarySpec, periods: tuple[bool, ...]) -> Sides:
    """Return a ``(low, high)`` pair for each axis.

    Parameters
    ----------
    spec : Boundary or sequence
        One boundary for every wall, or for each axis one boundary or a pair (low, high).
    periods : tuple of bool
        The axes that wrap around; a single boundary does not concern them.

    Raises
    ------
    ConfigError
        If `spec` is no boundaries, has the wrong length or disagrees with `periods`.
    """
    if isinstance(spec, Boundary):
        spec = [Periodic() if p else spec for p in periods]
    if not isinstance(spec, Sequence) or len(spec) != len(periods):
        got = len(spec) if isinstance(spec, Sequence) else repr(spec)
        raise ConfigError(f"A boundary for each of {len(periods)} axes was expected, got {got}.")
    sides = tuple(_pair(axis, s) for axis, s in enumerate(spec))
    for axis, (pair, periodic) in enumerate(zip(sides, periods, strict=True)):
        if any(isinstance(side, Periodic) != periodic for side in pair):
            names = " and ".join(type(side).__name__ for side in pair)
            raise ConfigError(
                f"Axis {axis} has the boundaries {names}, but Grid(periods=…) has "
                f"{periodic} there: Periodic() goes with periods=True, and only with it."
            )
    return sides


def _pair(axis: int, spec: Any) -> tuple[Boundary, Boundary]:
    pair = (spec, spec) if isinstance(spec, Boundary) else spec
    if (
        not isinstance(pair, Sequence)
        or len(pair) != 2
        or not all(isinstance(side, Boundary) for side in pair)
    ):
        raise ConfigError(
            f"Axis {axis} expected a boundary such as Dirichlet(0.0), or a pair (low, high) of "
            f"boundaries, got {spec!r}."
        )
    return pair[0], pair[1]


class _Run:
    """Successive layers that are filled at once.

    Parameters
    ----------
    wall : Wall
        Where.
    layers : sequence of Layer
        With targets, and sources of each term, at equal distances.
    first : int
        Number of the first of them among all layers of the wall.
    """

    def __init__(self, wall: Wall, layers: Sequence[Layer], first: int) -> None:
        axis, n, w = wall.axis, wall.shape[wall.axis], wall.width[wall.axis]
        sign, target, source = (-1, w - 1, w) if wall.side.low else (1, n + w, n + w - 1)
        count = len(layers)
        self.span = (*(slice(None),) * axis, slice(first, first + count))
        self._ghost = _along(axis, target + sign * layers[0].target, sign, count)
        self._sources: list[Slices] = []
        self._factors: list[NDArray[Any]] = []
        column = (count, *(1,) * (wall.ndim - 1 - axis))
        for terms in zip(*(layer.terms for layer in layers), strict=True):
            start, last = terms[0][1], terms[-1][1]
            length = count if last != start else 1
            self._sources.append(_along(axis, source - sign * start, -sign, length))
            factors = np.array([factor for factor, _ in terms])
            self._factors.append(factors.astype(wall.dtype).reshape(column))
        # 1 or -1 if the result is that times one source, plus a constant
        first_factors = {factor for layer in layers for factor, _ in layer.terms[:1]}
        self._sign = 0.0
        if len(self._sources) == 1 and first_factors in ({1.0}, {-1.0}):
            self._sign = first_factors.pop()

    @property
    def reads(self) -> bool:
        """Whether the layers are made of others."""
        return bool(self._sources)

    def fill(self, padded: NDArray[Any], constant: NDArray[Any] | None) -> None:
        """Fill the layers; the constant is None where it changes nothing."""
        ghost = padded[self._ghost]
        if self._sign == 1.0 and constant is None:
            ghost[...] = padded[self._sources[0]]
        elif self._sign and constant is not None:  # the same bits, in one sweep
            combine = np.add if self._sign > 0.0 else np.subtract
            combine(constant, padded[self._sources[0]], out=ghost)
        else:
            self._combine(padded, ghost, constant)

    def _combine(
        self, padded: NDArray[Any], ghost: NDArray[Any], constant: NDArray[Any] | None
    ) -> None:
        if not self.reads:
            ghost[...] = constant
            return
        np.multiply(self._factors[0], padded[self._sources[0]], out=ghost)
        if len(self._sources) == 2:
            ghost += self._factors[1] * padded[self._sources[1]]
        if constant is not None:
            ghost += constant


def _along(axis: int, start: int, step: int, count: int) -> Slices:
    stop: int | None = start + step * count
    if stop is not None and stop < 0:
        stop = None
    return (*(slice(None),) * axis, slice(start, stop, step))


def _runs(wall: Wall, layers: Sequence[Layer]) -> list[_Run]:
    """Cut the layers into runs that can be filled at once."""
    runs, first = [], 0
    for stop in range(1, len(layers) + 1):
        if stop == len(layers) or not _continues(layers[first:stop], layers[stop]):
            runs.append(_Run(wall, layers[first:stop], first))
            first = stop
    return runs


def _continues(run: Sequence[Layer], layer: Layer) -> bool:
    """Whether a layer continues a run: the next target, sources that all step by 0 or all by 1."""
    last = run[-1]
    if layer.target != last.target + 1 or len(layer.terms) != len(last.terms):
        return False
    steps = [b[1] - a[1] for a, b in zip(last.terms, layer.terms, strict=True)]
    if any(step not in (0, 1) for step in steps):
        return False
    before = run[-2:-1]
    return not before or steps == [
        b[1] - a[1] for a, b in zip(before[0].terms, last.terms, strict=True)
    ]


class SideFill:
    """Fills the layers of one wall of one rank's block.

    Attributes
    ----------
    axis : int
        The axis across the wall.
    low : bool
        Whether it is the low wall.
    boundary : Boundary
        What holds there.
    layers : tuple of Layer
        The layers of cells in the order of filling; none if the boundary is not linear.
    """

    def __init__(self, wall: Wall, boundary: Boundary, layers: tuple[Layer, ...]) -> None:
        self.axis, self.low = wall.axis, wall.side.low
        self.boundary, self.layers = boundary, layers
        self._wall = wall
        self._runs = _runs(wall, layers)
        self._time: float | None = None
        self._constants: NDArray[Any] | None = None
        self._work: list[tuple[_Run, NDArray[Any] | None]] = []

    def constants(self, time: float) -> NDArray[Any]:
        """Return the constants at `time`, in the field's type.

        Broadcastable to ``(len(layers), *padded shape without the axis)``; kept, so don't write to
        it. It is made again only if the boundary varies in time.
        """
        if self._constants is None or (self.boundary.varies and time != self._time):
            self._constants = self.boundary.constants(self._wall, self.layers, time)
            self._time = time
            self._work = self._shares(self._constants)
        return self._constants

    def _shares(self, constants: NDArray[Any]) -> list[tuple[_Run, NDArray[Any] | None]]:
        """Return each run with its part of the constants, laid along the wall's axis."""
        laid = np.moveaxis(constants, 0, self.axis)
        parts = [(run, laid[run.span]) for run in self._runs]
        return [
            (run, None if run.reads and _changes_nothing(part) else part) for run, part in parts
        ]

    def fill(self, padded: NDArray[Any], time: float = 0.0) -> None:
        """Fill the cells of this wall from the others of `padded`."""
        if isinstance(self.boundary, Custom):
            self.boundary.function(*self._views(padded), time)
            return
        if self._constants is None or self.boundary.varies:
            self.constants(time)
        for run, constant in self._work:
            run.fill(padded, constant)

    def set_face(self, padded: NDArray[Any], time: float = 0.0) -> None:
        """Set the face on the wall alone, if it is owned and the boundary gives its value."""
        if self.layers and self.layers[0].target < 0:
            self.constants(time)
            run, constant = self._work[0]  # it reads no cells
            run.fill(padded, constant)

    def _views(self, padded: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the ghosts and the owned cells, those nearest the wall first."""
        lines = np.moveaxis(padded, self.axis, 0)
        n, w = self._wall.shape[self.axis], self._wall.width[self.axis]
        if not self.low:
            lines = lines[::-1]
        return lines[w - self._wall.side.width : w][::-1], lines[w : w + n]


def _changes_nothing(constants: NDArray[Any]) -> bool:
    """Whether all constants are -0.0, or 0 for integers."""
    if constants.size > 64 or constants.any():  # only numbers are worth the look
        return False
    if constants.dtype.kind == "c":
        constants = np.stack([constants.real, constants.imag])
    return constants.dtype.kind in "iub" or bool(np.signbit(constants).all())


class GhostFiller:
    """Fills the ghosts of padded blocks of one shape; sides with a neighbour are left alone.

    Parameters
    ----------
    sides : Sides
        A (low, high) pair of boundaries for each axis.
    walls : sequence of (bool, bool)
        Whether this rank touches the low and the high wall of each axis.
    shape : tuple of int
        Owned cells of the block.
    width : tuple of int
        Cells of the padded block beyond the owned ones, along each axis.
    depth : tuple of int, optional
        Layers of ghosts to fill along each axis, those nearest the walls; default `width`.
    frame : Frame
        The whole grid.
    dtype : dtype
        Of the block.

    Attributes
    ----------
    sides : list of SideFill
        The walls of this rank, in the order of filling.

    Raises
    ------
    ConfigError
        If a boundary does not suit the field or needs more cells than the smallest block has; the
        same on every rank.
    """

    def __init__(
        self,
        sides: Sides,
        walls: Sequence[tuple[bool, bool]],
        shape: Index,
        width: Index,
        depth: Index | None = None,
        *,
        frame: Frame,
        dtype: np.dtype[Any],
    ) -> None:
        self.sides: list[SideFill] = []
        self._every: list[SideFill] = []
        for axis, layers in enumerate(depth or width):
            if frame.periods[axis] or not layers:
                continue
            for boundary, low, touches in zip(sides[axis], (True, False), walls[axis], strict=True):
                side = Side(layers, frame.faces[axis], low, frame.spacing(axis), dtype.kind)
                wall = Wall(frame, axis, side, shape, width, dtype)
                fill = _side_fill(wall, boundary)  # on every rank, so that all raise alike
                self._every.append(fill)
                if touches:
                    self.sides.append(fill)

    def images(self, low: Index, high: Index) -> tuple[Index, Index]:
        """Return how far cells lie below and above a cell that its ghosts are made of.

        Parameters
        ----------
        low, high : tuple of int
            How far the cell is read around, ghosts included. The result is the same on every rank.
        """
        below, above = [0] * len(low), [0] * len(high)
        for side in self._every:
            depth, inward = (low, above) if side.low else (high, below)
            read = [layer for layer in side.layers if layer.target < depth[side.axis]]
            sources = [source for layer in read for _, source in layer.terms]
            inward[side.axis] = max([0, *sources])
        return tuple(below), tuple(above)

    def fill(self, padded: NDArray[Any], time: float = 0.0) -> None:
        """Fill all ghosts of `padded`, corners included, from its owned and halo cells."""
        for side in self.sides:
            side.fill(padded, time)

    def set_faces(self, padded: NDArray[Any], time: float = 0.0) -> None:
        """Set the owned faces on low walls where a boundary gives the value there.

        `fill` does so, too. This is for after a kernel, which computes these faces like any others:
        it needs no halo.
        """
        for side in self.sides:
            side.set_face(padded, time)


def _side_fill(wall: Wall, boundary: Boundary) -> SideFill:
    side = wall.side
    boundary.check(wall)
    layers = boundary.layers(
        side.width, face=side.face, low=side.low, spacing=side.spacing, kind=side.kind
    )
    _check_reach(wall, boundary, layers)
    return SideFill(wall, boundary, layers)


def _check_reach(wall: Wall, boundary: Boundary, layers: Sequence[Layer]) -> None:
    """Raise ConfigError if layers read cells that the smallest block does not have."""
    axis = wall.axis
    cells, n = wall.frame.smallest[axis], wall.frame.shape_global[axis]
    needed = max((source + 1 for layer in layers for _, source in layer.terms), default=1)
    if cells < n and any(layer.target < 0 for layer in layers):
        needed = max(needed, wall.width[axis] + 1)  # no halo holds a face that is yet to be set
    if needed > cells:
        raise ConfigError(
            f"{type(boundary).__name__} on {wall} needs {needed} owned cells across it for "
            f"{wall.side.width} ghosts (halo {wall.width[axis]}), but the smallest block has "
            f"{cells}: use a larger grid, fewer ranks along this axis, or a narrower halo."
        )
