# ruff: noqa: N802 (the names are mpi4py's)
"""How datatypes are made of others: the ``Create_…`` methods of mpi4py's ``Datatype``."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from functools import reduce
from math import gcd, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from parcompute.comm.constants import ORDER_C
from parcompute.comm.process.messages.failures import ERR_ARG, ERR_COUNT, ArgumentError
from parcompute.comm.process.messages.layouts import Array, Layout, Strided, copies, finer, joined

if TYPE_CHECKING:
    from parcompute.comm.process.messages.datatypes import Datatype


class Deriving:
    """Methods of a datatype that return new ones. They have to be committed before use."""

    if TYPE_CHECKING:
        lb: int
        ub: int
        alignment: int

        @property
        def extent(self) -> int:
            """Bytes from one item to the next."""

        @property
        def layout(self) -> Layout:
            """Where the bytes of an item lie."""

        def _made(self, layout: Layout, lb: int, ub: int, alignment: int) -> Datatype:
            """Return a new datatype."""

    def Dup(self) -> Datatype:
        """Return an equal type."""
        return self._made(self.layout, self.lb, self.ub, self.alignment)

    Create_dup = Dup

    def Create_contiguous(self, count: int) -> Datatype:
        """Return `count` items side by side."""
        return self.Create_hvector(1, count, 0)

    def Create_vector(self, count: int, blocklength: int, stride: int) -> Datatype:
        """Return `count` blocks of items whose starts are `stride` items apart."""
        return self.Create_hvector(count, blocklength, stride * self.extent)

    def Create_hvector(self, count: int, blocklength: int, stride: int) -> Datatype:
        """Return `count` blocks of items whose starts are `stride` bytes apart."""
        _check_counts([count, blocklength])
        block: Layout = self.layout.repeated(blocklength, self.extent)
        if not count * blocklength:
            return self._at(Strided(0), [], [])
        ends = np.array([0, (count - 1) * stride])
        return self._at(block.repeated(count, stride), ends, blocklength)

    def Create_indexed(self, blocklengths: Sequence[int], displacements: Sequence[int]) -> Datatype:
        """Return blocks of items at displacements in items."""
        places: Array = self.extent * np.array(displacements, np.int64)
        return self.Create_hindexed(blocklengths, places)

    def Create_hindexed(
        self, blocklengths: Sequence[int], displacements: Sequence[int] | Array
    ) -> Datatype:
        """Return blocks of items at displacements in bytes."""
        _check_length(blocklengths, displacements)
        _check_counts(blocklengths)
        lengths, places = np.array(blocklengths, np.int64), np.array(displacements, np.int64)
        step = max(int(np.gcd.reduce(lengths, initial=0)), 1) if self._is_plain() else 1
        block: Layout = self.layout.repeated(step, self.extent)
        layout = copies(block, _runs(places, lengths // step, step * self.extent))
        return self._at(layout, places[lengths > 0], lengths[lengths > 0])

    def Create_indexed_block(self, blocklength: int, displacements: Sequence[int]) -> Datatype:
        """Return blocks of the same length at displacements in items."""
        return self.Create_indexed([blocklength] * len(displacements), displacements)

    def Create_hindexed_block(self, blocklength: int, displacements: Sequence[int]) -> Datatype:
        """Return blocks of the same length at displacements in bytes."""
        return self.Create_hindexed([blocklength] * len(displacements), displacements)

    @classmethod
    def Create_struct(
        cls,
        blocklengths: Sequence[int],
        displacements: Sequence[int],
        datatypes: Sequence[Datatype],
    ) -> Datatype:
        """Return blocks of items of several types at displacements in bytes."""
        _check_length(blocklengths, displacements)
        _check_length(blocklengths, datatypes)
        blocks = zip(blocklengths, displacements, datatypes, strict=True)
        parts = [kind.Create_hindexed([n], [place]) for n, place, kind in blocks]
        unit = reduce(gcd, (part.layout.unit for part in parts), 0)
        layout = joined(unit, [finer(part.layout, unit) for part in parts])
        lb, ub = min((p.lb for p in parts), default=0), max((p.ub for p in parts), default=0)
        alignment = max((kind.alignment for kind in datatypes), default=1)
        made = datatypes[0]._made(layout, lb, ub + (lb - ub) % alignment, alignment)
        made.basic = made.basic if len({kind.basic for kind in datatypes}) == 1 else 0
        return made

    def Create_subarray(
        self,
        sizes: Sequence[int],
        subsizes: Sequence[int],
        starts: Sequence[int],
        order: int = ORDER_C,
    ) -> Datatype:
        """Return a block of an array; the extent is that of the whole array.

        Parameters
        ----------
        sizes, subsizes, starts : sequence of int
            Shape of the array, shape of the block, and where the block starts.
        order : int
            ORDER_C or ORDER_FORTRAN.
        """
        _check_length(sizes, subsizes)
        _check_length(sizes, starts)
        for size, subsize, start in zip(sizes, subsizes, starts, strict=True):
            if not (start >= 0 and subsize >= 1 and start + subsize <= size):
                raise ArgumentError(
                    ERR_ARG, f"a block from {start} to {start + subsize} is not in 0 … {size}"
                )
        axes = list(zip(sizes, subsizes, starts, strict=True))
        layout, stride = self.layout, self.extent
        for size, subsize, start in axes[::-1] if order == ORDER_C else axes:
            layout = layout.repeated(subsize, stride).moved(start * stride)
            stride *= size
        return self._made(layout, self.lb, self.lb + prod(sizes) * self.extent, self.alignment)

    def Create_resized(self, lb: int, extent: int) -> Datatype:
        """Return the type with another lower bound and extent, in bytes."""
        return self._made(self.layout, lb, lb + extent, self.alignment)

    Resized = Create_resized

    def _is_plain(self) -> bool:
        """Return whether items side by side leave no gap."""
        return self.layout == Strided(self.extent)

    def _at(self, layout: Layout, places: Any, lengths: Any) -> Datatype:
        """Return the type of blocks of items at some places, with the bounds that follow."""
        if not len(places):
            return self._made(layout, 0, 0, self.alignment)
        room = (np.asarray(lengths) - 1) * self.extent
        low = places + np.minimum(room, 0) + self.lb
        high = places + np.maximum(room, 0) + self.ub
        return self._made(layout, int(low.min()), int(high.max()), self.alignment)


def _runs(starts: Array, counts: Array, step: int) -> Array:
    """Return the numbers start, start + step, …, `count` of them, for every start and count."""
    before = np.cumsum(counts) - counts
    position = np.arange(counts.sum()) - np.repeat(before, counts)
    return np.asarray(np.repeat(starts, counts) + step * position)


def _check_counts(counts: Sequence[int]) -> None:
    if len(counts) and min(counts) < 0:
        raise ArgumentError(ERR_COUNT, f"expected counts of 0 or more, got {list(counts)}")


def _check_length(first: Sized, other: Sized) -> None:
    if len(first) != len(other):
        raise ArgumentError(sentence=f"expected {len(first)} items, got {len(other)}")
