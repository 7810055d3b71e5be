"""Where the bytes of one item of a datatype lie in memory.

A layout is a number of pieces of the same size: `Strided` ones lie on a regular grid, `Scattered`
ones anywhere. Pieces are kept in the order in which they are sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd, prod
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_WORDS = {8: np.uint64, 4: np.uint32, 2: np.uint16, 1: np.uint8}


class Region:
    """Pieces of a buffer, and the contiguous memory in which they travel.

    Attributes
    ----------
    data : memoryview
        The bytes that travel.
    writable : bool
        Whether the buffer may be unpacked into.
    """

    def __init__(self, packed: Array, *, writable: bool) -> None:
        self.writable = writable
        self.data: memoryview = packed.reshape(-1).view(np.uint8).data
        self._packed = packed

    def pack(self) -> None:
        """Copy the pieces into `data`."""

    def packed(self) -> memoryview:
        """Return `data` with the pieces as they are now."""
        self.pack()
        return self.data

    def unpack(self, nbytes: int) -> None:
        """Copy the first `nbytes` of `data` into the pieces."""
        if nbytes < len(self.data):  # complete it with what is there
            came = bytes(self.data[:nbytes])
            self.pack()
            self.data[:nbytes] = came
        self._put()

    def _put(self) -> None:
        pass


class _StridedRegion(Region):
    def __init__(self, view: Array) -> None:
        super().__init__(np.empty(view.shape, view.dtype), writable=view.flags.writeable)
        self._view = view

    def pack(self) -> None:
        np.copyto(self._packed, self._view)

    def _put(self) -> None:
        np.copyto(self._view, self._packed)


class _ScatteredRegion(Region):
    def __init__(self, words: Array, indices: Array) -> None:
        super().__init__(np.empty(indices.shape, words.dtype), writable=words.flags.writeable)
        self._words, self._indices = words, indices

    def pack(self) -> None:
        np.take(self._words, self._indices, out=self._packed, mode="clip")

    def _put(self) -> None:
        self._words[self._indices] = self._packed


@dataclass(frozen=True, slots=True)
class Strided:
    """Pieces on a regular grid.

    Parameters
    ----------
    unit : int
        Bytes of a piece.
    offset : int
        Where the first lies, in bytes.
    shape, strides : tuple of int
        How many there are along each axis, and the bytes from one to the next.
    """

    unit: int
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return self.unit * prod(self.shape)

    @property
    def bounds(self) -> tuple[int, int]:
        """Where the first byte lies, and the end of the last."""
        if not self.size:
            return 0, 0
        reach = [(n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True)]
        low, high = sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)
        return self.offset + low, self.offset + high + self.unit

    def offsets(self) -> Array:
        """Return where each piece lies."""
        places = np.full(1, self.offset)
        for count, stride in zip(self.shape, self.strides, strict=True):
            places = np.add.outer(places, stride * np.arange(count)).reshape(-1)
        return places

    def moved(self, distance: int) -> Strided:
        """Return the same pieces somewhere else."""
        return Strided(self.unit, self.offset + distance, self.shape, self.strides)

    def repeated(self, count: int, stride: int) -> Strided:
        """Return the pieces several times, a number of bytes apart."""
        if count == 1 or not self.size:
            return self
        if not self.shape and stride == self.unit:
            return Strided(self.unit * count, self.offset)
        if self.shape and stride == self.shape[0] * self.strides[0]:
            shape = (count * self.shape[0], *self.shape[1:])
            return Strided(self.unit, self.offset, shape, self.strides)
        return Strided(self.unit, self.offset, (count, *self.shape), (stride, *self.strides))

    def region(self, memory: Array) -> Region:
        """Return the pieces of a buffer, given as bytes."""
        word = _word(self.unit)
        shape, strides = (*self.shape, self.unit // word), (*self.strides, word)
        memory = memory if self.size else np.empty(0, np.uint8)
        offset = self.offset if self.size else 0
        return _StridedRegion(
            np.ndarray(shape, _WORDS[word], memory.data, offset=offset, strides=strides)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scattered:
    """Pieces anywhere.

    Parameters
    ----------
    unit : int
        Bytes of a piece.
    places : array of int
        Where each lies, in bytes.
    """

    unit: int
    places: Array

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return self.unit * len(self.places)

    @property
    def bounds(self) -> tuple[int, int]:
        """Where the first byte lies, and the end of the last."""
        if not self.size:
            return 0, 0
        return int(self.places.min()), int(self.places.max()) + self.unit

    def offsets(self) -> Array:
        """Return where each piece lies."""
        return self.places

    def moved(self, distance: int) -> Scattered:
        """Return the same pieces somewhere else."""
        return Scattered(self.unit, self.places + distance)

    def repeated(self, count: int, stride: int) -> Scattered:
        """Return the pieces several times, a number of bytes apart."""
        return Scattered(self.unit, np.add.outer(stride * np.arange(count), self.places).ravel())

    def region(self, memory: Array) -> Region:
        """Return the pieces of a buffer, given as bytes."""
        word = _word(gcd(self.unit, int(np.gcd.reduce(self.places, initial=0))))
        words = memory[: len(memory) // word * word].view(_WORDS[word])
        inside = np.arange(self.unit // word)
        return _ScatteredRegion(words, np.add.outer(self.places // word, inside).ravel())


Layout = Strided | Scattered


def copies(layout: Layout, places: Array) -> Layout:
    """Return a layout repeated at several places, in bytes."""
    return joined(layout.unit, [np.add.outer(places, layout.offsets()).ravel()])


def joined(unit: int, parts: Iterable[Array]) -> Layout:
    """Return pieces of `unit` bytes at all these places."""
    return Scattered(unit, np.concatenate([np.empty(0, np.int64), *parts]))


def finer(layout: Layout, unit: int) -> Array:
    """Return where the pieces lie if they are cut into smaller ones of `unit` bytes."""
    return np.add.outer(layout.offsets(), np.arange(0, layout.unit, unit)).ravel()


def _word(nbytes: int) -> int:
    """Return the bytes of the largest word that divides `nbytes`."""
    return gcd(nbytes, 8)
