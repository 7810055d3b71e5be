"""A file as HDF5 sees it while it is being changed: no byte of the old contents is touched."""

from __future__ import annotations

import io
import os
from bisect import bisect_left
from typing import Any

from parcompute.io.pieces import write_at

Changes = list[tuple[int, bytes]]
"""Offsets, and the bytes that are to stand there."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class Overlay:
    """The file as h5py sees it: the old bytes, over them the changes, beyond them new bytes.

    No method raises, because HDF5 can neither pass on what is raised here nor close a file that
    it could not write. The first error is kept in `failure`; from then on nothing is written.

    Attributes
    ----------
    base : int
        Where the old contents end.
    """

    def __init__(self, file: int, base: int) -> None:
        self.file, self.base = file, base
        self.failure: BaseException | None = None
        self.active = True  # whether writes have any effect
        self._end = base
        self._position = 0
        self._starts: list[int] = []  # of the changes, ascending; they neither overlap nor touch
        self._pieces: list[bytearray] = []

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset`, from the begin or, with SEEK_END, from the end."""
        self._position = offset + (self._end if whence == io.SEEK_END else 0)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def flush(self) -> None:
        """Do nothing: there is no buffer, and the changes wait for the commit."""

    def read(self, size: int) -> bytes:
        """Return `size` bytes; zeros where there are none."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, with zeros beyond the end."""
        view = memoryview(buffer).cast("B")
        try:
            read_at(self.file, view, self._position)
        except BaseException as error:
            self._fail(error)
        self._show_changes(view)
        self._position += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Write the data: what changes old bytes to memory, the rest to the file."""
        view = memoryview(data).cast("B")
        old = min(max(self.base - self._position, 0), len(view))
        try:
            if self.active and old:
                self._change(self._position, view[:old])
            if self.active and old < len(view):
                write_at(self.file, self._position + old, view[old:])
        except BaseException as error:
            self._fail(error)
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int) -> int:
        """Set the length; old bytes beyond it stay until the commit."""
        try:
            if self.active:
                os.ftruncate(self.file, max(size, self.base))
        except BaseException as error:
            self._fail(error)
        self._end = size
        return size

    def changes(self) -> Changes:
        """Return the changes, without those beyond the end."""
        pairs = zip(self._starts, self._pieces, strict=True)
        return [
            (start, bytes(piece[: self._end - start]))
            for start, piece in pairs
            if start < self._end
        ]

    @property
    def end(self) -> int:
        """Where the new contents end."""
        return self._end

    def close(self) -> None:
        """Write nothing any more, and read only zeros."""
        self.file, self.active = -1, False

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self.active = False

    def _show_changes(self, view: memoryview) -> None:
        stop = self._position + len(view)
        for number in self._touched(self._position, stop):
            start, piece = self._starts[number], self._pieces[number]
            low, high = max(start, self._position), min(start + len(piece), stop)
            if low < high:
                with memoryview(piece) as source:
                    view[low - self._position : high - self._position] = source[
                        low - start : high - start
                    ]

    def _change(self, offset: int, data: memoryview) -> None:
        """Write over the changes, and make one of all that it touches."""
        stop = offset + len(data)
        touched = self._touched(offset, stop)
        if not touched or self._starts[touched[0]] > offset:
            self._starts.insert(touched.start, offset)
            self._pieces.insert(touched.start, bytearray())
            touched = range(touched.start, touched.stop + 1)
        start, piece = self._starts[touched[0]], self._pieces[touched[0]]
        tail = self._pieces[touched[-1]][max(stop - self._starts[touched[-1]], 0) :]
        piece[offset - start : stop - start] = data
        if len(touched) > 1:
            piece += tail
            del self._starts[touched[1] : touched.stop]
            del self._pieces[touched[1] : touched.stop]

    def _touched(self, start: int, stop: int) -> range:
        """Return the numbers of the changes that overlap or touch bytes `start` to `stop`."""
        first = bisect_left(self._starts, start)
        if first and self._starts[first - 1] + len(self._pieces[first - 1]) >= start:
            first -= 1
        last = first
        while last < len(self._starts) and self._starts[last] <= stop:
            last += 1
        return range(first, last)


def allocated_end(file: int) -> int:
    """Return where the contents end according to the superblock; a dead tail may follow.

    For a file with a superblock that is not at its begin the dead tail counts as contents.
    """
    size = os.fstat(file).st_size
    head = bytearray(56)
    read_at(file, memoryview(head), 0)
    if bytes(head[:8]) != _SIGNATURE:
        return size
    version = head[8]
    lengths, addresses = (13, 24 + 4 * version) if version < 2 else (9, 12)
    if version > 3 or head[lengths] != 8 or _integer(head, addresses) != 0:
        return size
    return min(size, _integer(head, addresses + 16))


def _integer(data: bytearray, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")


def read_at(file: int, view: memoryview, offset: int) -> None:
    """Fill the view, with zeros beyond the end of the file."""
    while view:
        done = os.preadv(file, [view], offset)
        if not done:
            view[:] = bytes(len(view))
        view, offset = view[done or len(view) :], offset + done
