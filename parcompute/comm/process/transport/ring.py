"""A byte stream from one rank to another through a ring in shared memory.

One rank writes, one reads, each advances a counter of its own: `head` (bytes written) and `tail`
(bytes read), both growing forever. There are no locks. The order of memory accesses is made by the
semaphores: the writer copies, fences, publishes `head`, rings the reader's doorbell; the reader
looks at `head` after it has taken from its doorbell, fences if `head` is new, and copies. The other
way round the reader fences and publishes `tail`, and the writer looks at it before it overwrites.
On x86 these fences are redundant. On ARM the reader needs its own: the ring that it took may be
that of another writer, while this one has published and not rung yet.

A message that lies in the memory of its writer (`DIRECT`) is covered by the same order: the writer
filled its buffer before it fenced, and may change it only after a receipt has come, through the
ring of the other direction, from a reader that has copied.
"""

from __future__ import annotations

import struct
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("=iiQ")
"""Head of a message: communicator context, tag, number of bytes that follow."""

RECEIPT_SHIFT = 40
"""A synchronous message has the number of its receipt in the size, from this bit on."""

DIRECT = 1 << 62
"""In the size of a message that lies in the sender's memory: the ring has its address only."""

ADDRESS = struct.Struct("=Q")
"""Where such a message lies."""

LARGEST = (1 << RECEIPT_SHIFT) - 1
"""The largest message, in bytes."""

HEADER_BYTES = HEADER.size
_WORD = 8
_CONTROL_WORDS = 16
_HEAD, _STARVED, _TAIL = 0, 1, 8  # head and tail on cache lines of their own
_BUDGET = 64 << 20
_PAGE = 4096


class Doorbell(Protocol):
    """A semaphore of `multiprocessing`."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take one ring, or say that there is none."""

    def release(self) -> None:
        """Ring once."""


def capacity_for(ranks: int) -> int:
    """Return the bytes of each ring (a power of two): less for many ranks, in all <= 64 MiB."""
    fair = _BUDGET // max(1, ranks * ranks)
    return max(1 << 14, min(1 << 18, 1 << (fair.bit_length() - 1)))


def segment_bytes(ranks: int) -> int:
    """Return the size of the segment that holds the rings of all ordered pairs of ranks."""
    return _data_offset(ranks) + ranks * ranks * capacity_for(ranks)


def _data_offset(ranks: int) -> int:
    control = ranks * ranks * _CONTROL_WORDS * _WORD
    return (control + _PAGE - 1) // _PAGE * _PAGE


class _End:
    """What both ends of a ring know: its counters, its bytes, and both doorbells."""

    __slots__ = ("_acquire", "_capacity", "_data", "_mask", "_release", "_ring_peer", "_words")

    def __init__(
        self, memory: memoryview, ranks: int, pair: tuple[int, int], own: Doorbell, peer: Doorbell
    ) -> None:
        index = pair[0] * ranks + pair[1]
        self._capacity = capacity_for(ranks)
        self._mask = self._capacity - 1
        start = index * _CONTROL_WORDS * _WORD
        self._words = memory[start : start + _CONTROL_WORDS * _WORD].cast("Q")
        start = _data_offset(ranks) + index * self._capacity
        self._data = memory[start : start + self._capacity]
        self._release, self._acquire = own.release, own.acquire
        self._ring_peer = peer.release

    def _fence(self) -> None:
        """Order memory accesses: a pair of atomic operations that leaves the doorbell as it was."""
        self._release()
        self._acquire(False)


class Outlet(_End):
    """The writing end."""

    __slots__ = ("_chunk", "_head", "_tail")

    def __init__(
        self, memory: memoryview, ranks: int, pair: tuple[int, int], own: Doorbell, peer: Doorbell
    ) -> None:
        super().__init__(memory, ranks, pair, own, peer)
        self._head = 0
        self._tail = 0  # the reader's counter as last seen
        self._chunk = self._capacity // 4  # published piecewise, so that the reader overlaps

    def write_message(self, header: bytes, payload: memoryview, nbytes: int) -> bool:
        """Write a whole message (`nbytes` with its header) if it fits in one piece."""
        head = self._head
        start = head & self._mask
        end = start + nbytes
        if end > self._capacity:
            return False
        if head + nbytes - self._tail > self._capacity:
            self._tail = self._words[_TAIL]
            if head + nbytes - self._tail > self._capacity:
                return False
        body = start + HEADER_BYTES
        self._data[start:body] = header
        self._data[body:end] = payload
        self._publish(head + nbytes)
        return True

    def write(self, source: memoryview) -> int:
        """Write as much of `source` as there is space for; return the number of bytes.

        If that is not all, the reader rings this rank when there is space again.
        """
        done = self._write_free(source)
        if done < len(source):
            self._words[_STARVED] = 1
            self._fence()
            done += self._write_free(source[done:])
        return done

    def _write_free(self, source: memoryview) -> int:
        done = 0
        self._tail = self._words[_TAIL]
        while count := self._next_piece(len(source) - done):
            start = self._head & self._mask
            self._data[start : start + count] = source[done : done + count]
            self._publish(self._head + count)
            self._tail = self._words[_TAIL]
            done += count
        return done

    def _next_piece(self, wanted: int) -> int:
        free = self._capacity - (self._head - self._tail)
        until_wrap = self._capacity - (self._head & self._mask)
        return min(wanted, free, until_wrap, self._chunk)

    def _publish(self, head: int) -> None:
        self._release()
        self._acquire(False)  # with the release a fence, see `_fence`
        self._words[_HEAD] = self._head = head
        self._ring_peer()


class Inlet(_End):
    """The reading end."""

    __slots__ = ("_head", "_tail")

    def __init__(
        self, memory: memoryview, ranks: int, pair: tuple[int, int], own: Doorbell, peer: Doorbell
    ) -> None:
        super().__init__(memory, ranks, pair, own, peer)
        self._head = 0  # the writer's counter as last seen
        self._tail = 0

    def look(self) -> bool:
        """See what the writer has published; say whether there is anything to read."""
        head = self._words[_HEAD]
        if head == self._head:
            return head != self._tail
        self._fence()
        self._head = head
        return True

    def read_header(self) -> tuple[int, int, int] | None:
        """Return context, tag and size of the next message, if its header is there."""
        tail = self._tail
        if self._head - tail < HEADER_BYTES:
            return None
        start = tail & self._mask
        if start + HEADER_BYTES <= self._capacity:
            self._tail = tail + HEADER_BYTES
            return HEADER.unpack_from(self._data, start)
        scratch = memoryview(bytearray(HEADER_BYTES))
        self.read(scratch)
        return HEADER.unpack(scratch)

    def read_message(self) -> tuple[int, int, memoryview] | None:
        """Return context, tag and bytes of the next message, if it lies there whole and unbroken.

        The bytes are the ring's own, until `release`; `skip` passes over them. A size with a
        receipt or `DIRECT` in it exceeds every ring, so such messages are left to `read_header`.
        """
        start = self._tail & self._mask
        body = start + HEADER_BYTES
        there = self._head - self._tail
        if there < HEADER_BYTES or body > self._capacity:
            return None
        context, tag, nbytes = HEADER.unpack_from(self._data, start)
        end = body + nbytes
        if there < HEADER_BYTES + nbytes or end > self._capacity:
            return None
        return context, tag, self._data[body:end]

    def skip(self, nbytes: int) -> None:
        """Pass over a message of `nbytes` bytes."""
        self._tail += HEADER_BYTES + nbytes

    def read(self, target: memoryview) -> int:
        """Read as much of `target` as there is; return the number of bytes."""
        tail = self._tail
        count = min(len(target), self._head - tail)
        start = tail & self._mask
        first = min(count, self._capacity - start)
        if first == len(target):
            target[:] = self._data[start : start + first]
        else:
            target[:first] = self._data[start : start + first]
            target[first:count] = self._data[: count - first]
        self._tail = tail + count
        return count

    def release(self) -> None:
        """Give what was read back to the writer, and ring it if it waits for space."""
        words = self._words
        if words[_TAIL] == self._tail:
            return
        self._fence()
        words[_TAIL] = self._tail
        self._fence()
        if words[_STARVED]:
            words[_STARVED] = 0
            self._ring_peer()


class Gauge:
    """A look at all rings of a job from outside.

    Attributes
    ----------
    capacity : int
        Bytes of each ring.
    """

    def __init__(self, memory: memoryview, ranks: int) -> None:
        words = np.frombuffer(memory, np.uint64, ranks * ranks * _CONTROL_WORDS)
        self._words = words.reshape(ranks, ranks, _CONTROL_WORDS)
        self.capacity = capacity_for(ranks)

    def read(self) -> NDArray[np.uint64]:
        """Return the bytes under way, [writer, reader]; nonsense where the two are at work."""
        return self._words[:, :, _HEAD] - self._words[:, :, _TAIL]
