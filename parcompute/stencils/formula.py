"""What a stencil function says, independent of how it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import add

from parcompute.box import Index
from parcompute.stencils.expression import Node, reads

Reach = tuple[Index, Index]
"""How far reads go below and above the cell, along each axis (never negative)."""


@dataclass(frozen=True)
class Reduction:
    """A value that is reduced over all cells.

    Attributes
    ----------
    kind : {"max", "min", "sum"}
        How.
    value : Node
        What.
    """

    kind: str
    value: Node


@dataclass(frozen=True, eq=False)
class Formula:
    """What a stencil function says.

    Attributes
    ----------
    name, where : str
        Name of the function; its file and line.
    fields, scalars : tuple of str
        Positional parameters (fields) and keyword-only parameters (numbers).
    ndim : int
        Number of axes.
    results : tuple of Node
        The value of each output field.
    reductions : tuple of Reduction
        What is returned besides.
    returned : tuple of str
        File and line of each returned value.
    """

    name: str
    where: str
    fields: tuple[str, ...]
    scalars: tuple[str, ...]
    ndim: int
    results: tuple[Node, ...]
    reductions: tuple[Reduction, ...]
    returned: tuple[str, ...] = ()

    @property
    def roots(self) -> tuple[Node, ...]:
        """All values that a cell needs."""
        return (*self.results, *(r.value for r in self.reductions))

    @cached_property
    def offsets(self) -> tuple[tuple[str, Index], ...]:
        """Every different read, in order of appearance."""
        return tuple(reads(self.roots))

    @cached_property
    def reach(self) -> dict[str, Reach]:
        """How far each field is read below and above the cell."""
        return {name: self._reach(name) for name in self.fields}

    def _reach(self, name: str) -> Reach:
        offsets = [(0,) * self.ndim, *(o for f, o in self.offsets if f == name)]
        return _reach(offsets)

    def extent(self, name: str) -> Reach:
        """Return how far a field is read; negative where all reads lie on the other side."""
        return _reach([o for f, o in self.offsets if f == name])

    @cached_property
    def radius(self) -> dict[str, Index]:
        """Largest absolute offset along each axis, for each field."""
        return {
            name: tuple(max(pair) for pair in zip(*reach, strict=True))
            for name, reach in self.reach.items()
        }

    @property
    def corners(self) -> bool:
        """Whether a cell off the axes is read (a box stencil, not a star)."""
        return any(sum(o != 0 for o in offset) > 1 for _, offset in self.offsets)


def hull(a: Reach, b: Reach) -> Reach:
    """Return the larger reach on each side."""
    low, high = (tuple(map(max, x, y)) for x, y in zip(a, b, strict=True))
    return low, high


def grow(a: Reach, b: Reach) -> Reach:
    """Return how far is read from cells up to `a` away, each of which reads as far as `b`."""
    low, high = (tuple(map(add, x, y)) for x, y in zip(a, b, strict=True))
    return low, high


def _reach(offsets: Sequence[Index]) -> Reach:
    columns = list(zip(*offsets, strict=True))
    return tuple(-min(c) for c in columns), tuple(max(c) for c in columns)
