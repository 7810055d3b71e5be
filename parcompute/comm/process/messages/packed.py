"""Buffers with gaps: packed to be sent, unpacked when a message has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parcompute.comm.process.messages.buffers import GapsError, as_bytes, check_writable
from parcompute.comm.process.messages.layouts import Region
from parcompute.comm.process.messages.requests import RecvRequest
from parcompute.comm.process.transport.engine import Engine
from parcompute.comm.process.transport.mailbox import Key


def packed_bytes(buffer: Any) -> bytes:
    """Return a copy of the bytes that a buffer would send."""
    try:
        return bytes(as_bytes(buffer))
    except GapsError as gaps:
        return bytes(gaps.region.packed())


class PackedReceive(RecvRequest):
    """A message into a buffer with gaps."""

    def __init__(self, engine: Engine, key: Key, region: Region, members: Sequence[int]) -> None:
        check_writable(region.writable)
        super().__init__(engine, key, region.data, members)
        self._region = region

    def accept(self, source: int, tag: int, data: memoryview) -> None:
        """Take a copy of a whole message, and be complete."""
        super().accept(source, tag, data)
        if self.error is None:
            self._region.unpack(len(data))

    def finish(self, source: int, tag: int, nbytes: int) -> None:
        """Be complete."""
        if self.error is None:
            self._region.unpack(nbytes)
        super().finish(source, tag, nbytes)
