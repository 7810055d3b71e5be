"""Half-open index boxes: the currency of decomposition, halos, selections and files."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """The cells ``start <= index < stop``, axis by axis.

    Parameters
    ----------
    start, stop : tuple of int
        Lowest index, and one past the highest, in [z, y, x] order.
    """

    start: Index
    stop: Index

    @classmethod
    def of_shape(cls, shape: Index) -> Box:
        """Return the box of a whole array of `shape`."""
        return cls((0,) * len(shape), tuple(shape))

    @property
    def shape(self) -> Index:
        """Extent along each axis (never negative)."""
        return tuple(max(0, b - a) for a, b in zip(self.start, self.stop, strict=True))

    @property
    def size(self) -> int:
        """Number of cells."""
        return prod(self.shape)

    @property
    def slices(self) -> tuple[slice, ...]:
        """The box as an index into an array whose cell 0 is index 0."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    def shift(self, offset: Index) -> Box:
        """Return the box moved by `offset` cells."""
        return Box(
            tuple(a + o for a, o in zip(self.start, offset, strict=True)),
            tuple(b + o for b, o in zip(self.stop, offset, strict=True)),
        )

    def grow(self, low: Index, high: Index | None = None) -> Box:
        """Return the box grown by `low` cells downwards and `high` (default `low`) upwards."""
        high = low if high is None else high
        return Box(
            tuple(a - g for a, g in zip(self.start, low, strict=True)),
            tuple(b + g for b, g in zip(self.stop, high, strict=True)),
        )

    def intersect(self, other: Box) -> Box:
        """Return the cells in both boxes (size 0 if there are none)."""
        start = tuple(max(a, b) for a, b in zip(self.start, other.start, strict=True))
        stop = tuple(min(a, b) for a, b in zip(self.stop, other.stop, strict=True))
        return Box(start, tuple(max(a, b) for a, b in zip(start, stop, strict=True)))

    def minus(self, inner: Box) -> list[Box]:
        """Return disjoint boxes that cover this box without `inner`.

        The slabs of axis 0 come first and span the whole cross-section; those of later axes
        span what is left, so that the parts do not overlap.
        """
        inner = self.intersect(inner)
        if inner.size == 0:
            return [self] if self.size else []
        parts: list[Box] = []
        start, stop = list(self.start), list(self.stop)
        for axis in range(len(start)):
            low = Box(tuple(start), (*stop[:axis], inner.start[axis], *stop[axis + 1 :]))
            high = Box((*start[:axis], inner.stop[axis], *start[axis + 1 :]), tuple(stop))
            parts += [part for part in (low, high) if part.size]
            start[axis], stop[axis] = inner.start[axis], inner.stop[axis]
        return parts
