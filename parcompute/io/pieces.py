"""Parts of an array that is spread over the ranks, on their way to or from a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index


@dataclass(frozen=True, slots=True)
class Piece:
    """What one rank has of a dataset.

    Attributes
    ----------
    name : str
        Name of the dataset.
    whole : Box
        What all ranks together have, such as one snapshot.
    box : Box
        Where the values of this rank lie in the dataset; empty on a rank that has none.
    values : ndarray
        C-contiguous, of the shape of `box`.
    """

    name: str
    whole: Box
    box: Box
    values: NDArray[Any]

    def part(self, box: Box) -> NDArray[Any]:
        """Return a contiguous copy or view of the values in `box`, which lies within the piece."""
        inside = box.shift(tuple(-a for a in self.box.start))
        return np.ascontiguousarray(self.values[inside.slices])


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a contiguous dataset stand in a file.

    Attributes
    ----------
    offset : int
        Of its first byte.
    shape : tuple of int
        Of the dataset.
    itemsize : int
        Bytes of an element.
    """

    offset: int
    shape: Index
    itemsize: int


def cut(box: Box, itemsize: int, most: int) -> Iterator[Box]:
    """Cut a box along its slow axes into boxes of at most `most` bytes, as far as rows allow."""
    if box.size * itemsize <= most or len(box.shape) == 1:
        if box.size:
            yield box
        return
    row = prod(box.shape[1:]) * itemsize
    count = max(1, most // row)
    for start in range(box.start[0], box.stop[0], count):
        stop = min(start + count, box.stop[0])
        part = Box((start, *box.start[1:]), (stop, *box.stop[1:]))
        if count > 1 or row <= most:
            yield part
            continue
        for inner in cut(Box(box.start[1:], box.stop[1:]), itemsize, most):
            yield Box((start, *inner.start), (stop, *inner.stop))


def contiguous_runs(
    block: NDArray[Any], box: Box, shape: Index
) -> Iterable[tuple[int, memoryview]]:
    """Cut `block`, the cells `box` of an array of `shape`, into runs contiguous in the array.

    Returns
    -------
    list of (int, memoryview)
        Offset in the array, in elements, and the data of each run.
    """
    if not box.size:
        return []
    whole = len(shape)  # axes from here on are owned entirely
    while whole > 1 and box.shape[whole - 1] == shape[whole - 1]:
        whole -= 1
    strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    outer = box.shape[: whole - 1]
    parts = block.reshape(prod(outer), -1)
    first = sum(a * s for a, s in zip(box.start, strides, strict=True))
    places = (
        first + sum(i * s for i, s in zip(index, strides, strict=False))
        for index in np.ndindex(*outer)
    )
    return [(offset, part.data.cast("B")) for offset, part in zip(places, parts, strict=True)]


def write_pieces(file: int, places: dict[str, Place], pieces: Iterable[Piece]) -> None:
    """Write pieces at their place in the open file descriptor."""
    for piece in pieces:
        place = places[piece.name]
        for offset, data in contiguous_runs(piece.values, piece.box, place.shape):
            write_at(file, place.offset + offset * place.itemsize, data)


def start_writeback(file: int, places: dict[str, Place], pieces: Iterable[Piece]) -> None:
    """Have the disk begin to take what was written: there is less to wait for at the end."""
    if not hasattr(os, "posix_fadvise"):  # macOS
        return
    for piece in pieces:
        place = places[piece.name]
        row = prod(place.shape[1:]) * place.itemsize
        begin, length = piece.box.start[0] * row, piece.box.shape[0] * row
        # on Linux it starts to write what is dirty, and does not wait
        os.posix_fadvise(file, place.offset + begin, length, os.POSIX_FADV_DONTNEED)


def holds(file: int, places: dict[str, Place], piece: Piece) -> bool:
    """Read a piece from the open file descriptor; return whether it is the same."""
    place = places[piece.name]
    found = bytearray()
    for offset, data in contiguous_runs(piece.values, piece.box, place.shape):
        if len(found) != len(data):
            found = bytearray(len(data))
        count = os.preadv(file, [found], place.offset + offset * place.itemsize)
        if count < len(data) or found != data:
            return False
    return True


def write_at(file: int, offset: int, data: bytes | memoryview) -> None:
    """Write all of `data`, however often the system takes only a part."""
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, offset)
        view, offset = view[done:], offset + done


def sync(path: Path) -> None:
    """Bring a file or the entries of a folder to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
