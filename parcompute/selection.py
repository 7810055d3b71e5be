"""Global indices: from ``field[10:20, ::2]`` to the part that one rank owns."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from types import EllipsisType

from parcompute.box import Box, Index

Key = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]
Slices = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """A rectangular selection of a global array, with any steps.

    Attributes
    ----------
    ranges : tuple of range
        Selected global indices along each axis.
    dropped : tuple of bool
        Axes given by an integer, which the result does not have.
    """

    ranges: tuple[range, ...]
    dropped: tuple[bool, ...]

    @classmethod
    def parse(cls, key: Key, shape: Index) -> Selection:
        """Read a NumPy basic index; raise IndexError as NumPy does."""
        keys = list(key) if isinstance(key, tuple) else [key]
        dots = [place for place, k in enumerate(keys) if k is ...]
        if len(dots) > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        if not dots:
            keys.append(...)
        here = dots[0] if dots else len(keys) - 1
        missing = len(shape) - (len(keys) - 1)
        if missing < 0:
            raise IndexError(f"{len(keys) - 1} indices were given for {len(shape)} axes")
        keys[here : here + 1] = [slice(None)] * missing
        ranges = tuple(
            _range(k, n, axis) for axis, (k, n) in enumerate(zip(keys, shape, strict=True))
        )
        return cls(ranges, tuple(not isinstance(k, slice) for k in keys))

    @property
    def shape(self) -> Index:
        """Shape of the selection with all axes."""
        return tuple(map(len, self.ranges))

    @property
    def shape_result(self) -> Index:
        """Shape without the axes given by an integer."""
        return tuple(n for n, d in zip(self.shape, self.dropped, strict=True) if not d)

    def within(self, box: Box) -> tuple[Slices, Slices]:
        """Return what lies in `box`: slices into the selection, and into the box."""
        pairs = [
            _overlap(r, a, b) for r, a, b in zip(self.ranges, box.start, box.stop, strict=True)
        ]
        return tuple(p for p, _ in pairs), tuple(q for _, q in pairs)


def _range(key: object, extent: int, axis: int) -> range:
    if isinstance(key, slice):
        return range(extent)[key]
    try:
        index = operator.index(key)  # type: ignore[arg-type]
    except TypeError:
        raise IndexError(
            f"a field takes integers, slices and '...' as indices, got {type(key).__name__}"
        ) from None
    if not -extent <= index < extent:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {extent}")
    index %= extent
    return range(index, index + 1)


def _overlap(chosen: range, start: int, stop: int) -> tuple[slice, slice]:
    """Return positions in `chosen` whose index is in [start, stop), and those indices - start."""
    count, step = len(chosen), chosen.step
    if step < 0:
        position, local = _overlap(chosen[::-1], start, stop)
        return slice(count - position.stop, count - position.start), _reverse(local)
    first = min(count, max(0, -((chosen.start - start) // step)))
    last = min(count, max(first, -((chosen.start - stop) // step)))
    if first == last:
        return slice(0, 0), slice(0, 0)
    return slice(first, last), slice(chosen[first] - start, chosen[last - 1] - start + 1, step)


def _reverse(span: slice) -> slice:
    if span.start == span.stop:
        return span
    return slice(span.stop - 1, span.start - 1 if span.start else None, -span.step)
