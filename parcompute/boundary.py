"""Physical boundaries: how ghost cells beyond a wall follow from the cells inside.

Grids are cell-centred, so a wall is the face between the first ghost and the first owned
cell. Ghost k = 1, 2, … mirrors owned cell k::

       ghost 2   ghost 1  |  owned 1   owned 2
          o         o    wall    o         o
          <---- (2k - 1) h, here k = 1 --->

Axes are filled in order, 0 first; each fill spans the ghosts of all axes, so that a corner
holds the mirror image of a mirror image, as ``numpy.pad`` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Index
from parcompute.errors import ConfigError

Slices = tuple[slice, ...]


class Boundary:
    """What holds at a wall."""

    def fill(self, ghost: NDArray[Any], mirror: NDArray[Any], distance: NDArray[Any]) -> None:
        """Fill the ghosts of one side.

        Parameters
        ----------
        ghost, mirror : ndarray
            Ghost cells and their mirror images inside, in the same order.
        distance : ndarray
            From each ghost to its mirror image, broadcastable to `ghost` [length].
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Periodic(Boundary):
    """The axis wraps around: its ghosts are halos, filled by exchange (``Grid(periods=…)``)."""


@dataclass(frozen=True)
class Dirichlet(Boundary):
    """The field has `value` on the wall: ghost = 2 value - mirror, second-order accurate."""

    value: float = 0.0

    def fill(self, ghost: NDArray[Any], mirror: NDArray[Any], distance: NDArray[Any]) -> None:
        """Fill the ghosts of one side."""
        np.subtract(ghost.dtype.type(2 * self.value), mirror, out=ghost)


@dataclass(frozen=True)
class Neumann(Boundary):
    """The derivative along the outward normal is `gradient`: ghost = mirror + gradient distance."""

    gradient: float = 0.0

    def fill(self, ghost: NDArray[Any], mirror: NDArray[Any], distance: NDArray[Any]) -> None:
        """Fill the ghosts of one side."""
        np.add(mirror, (self.gradient * distance).astype(ghost.dtype), out=ghost)


@dataclass(frozen=True)
class Reflecting(Boundary):
    """A mirror: no gradient at, and no diffusive flux through, the wall; ghost = mirror."""

    def fill(self, ghost: NDArray[Any], mirror: NDArray[Any], distance: NDArray[Any]) -> None:
        """Fill the ghosts of one side."""
        ghost[...] = mirror


BoundarySpec = Boundary | Sequence[Boundary | tuple[Boundary, Boundary]]
Sides = tuple[tuple[Boundary, Boundary], ...]


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
        If `spec` has the wrong length or disagrees with `periods`.
    """
    if isinstance(spec, Boundary):
        spec = [Periodic() if p else spec for p in periods]
    if len(spec) != len(periods):
        raise ConfigError(
            f"A boundary for each of {len(periods)} axes was expected, got {len(spec)}."
        )
    sides = tuple((s, s) if isinstance(s, Boundary) else (s[0], s[1]) for s in spec)
    for axis, (pair, periodic) in enumerate(zip(sides, periods, strict=True)):
        if any(isinstance(side, Periodic) != periodic for side in pair):
            raise ConfigError(
                f"Axis {axis} has the boundaries {pair}, but Grid(periods=…) has "
                f"{periodic} there: Periodic() goes with periods=True, and only with it."
            )
    return sides


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
        Ghost width along each axis.
    spacing : sequence of float
        Cell size along each axis [length].
    """

    def __init__(
        self,
        sides: Sides,
        walls: Sequence[tuple[bool, bool]],
        shape: Index,
        width: Index,
        spacing: Sequence[float],
    ) -> None:
        self._fills: list[tuple[Boundary, Slices, Slices, NDArray[Any]]] = []
        for axis, (pair, present) in enumerate(zip(sides, walls, strict=True)):
            n, w = shape[axis], width[axis]
            places = (  # ghosts from the outermost to the innermost, and the other way round
                (slice(0, w), slice(2 * w - 1, w - 1, -1)),
                (slice(n + w, n + 2 * w), slice(n + w - 1, n - 1, -1)),
            )
            distance = (2 * np.arange(w) + 1) * spacing[axis]
            column = distance.reshape((-1, *(1,) * (len(shape) - axis - 1)))
            for boundary, wall, (ghost, mirror), away in zip(
                pair, present, places, (column[::-1], column), strict=True
            ):
                if wall and w:
                    self._fills.append((boundary, _along(axis, ghost), _along(axis, mirror), away))

    def fill(self, padded: NDArray[Any]) -> None:
        """Fill all ghosts of `padded`, corners included, from its owned and halo cells."""
        for boundary, ghost, mirror, distance in self._fills:
            boundary.fill(padded[ghost], padded[mirror], distance)


def _along(axis: int, span: slice) -> Slices:
    return (*(slice(None),) * axis, span)
