# ruff: noqa: N802 (the names are mpi4py's)
"""Sends of the other modes: buffered ones, which wait for nobody, and ready ones."""

from __future__ import annotations

from typing import Any

from parcompute.comm.process.messages.packed import packed_bytes
from parcompute.comm.process.messages.pickles import dumps
from parcompute.comm.process.messages.point_to_point import PointToPoint
from parcompute.comm.process.messages.requests import Request


class SendModes(PointToPoint):
    """Methods of a communicator that send in another mode.

    Buffered messages need no buffer of the user: memory is the limit.
    """

    def Bsend(self, buf: Any, dest: int, tag: int = 0) -> None:
        """Send a copy of a buffer; return at once."""
        self.Isend(packed_bytes(buf), dest, tag)

    def bsend(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object; return at once."""
        self.Isend(dumps(obj), dest, tag)

    def Ibsend(self, buf: Any, dest: int, tag: int = 0) -> Request:
        """Send a copy of a buffer; the request is complete."""
        self.Bsend(buf, dest, tag)
        return Request(self._engine)

    def ibsend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Send an object; the request is complete."""
        self.bsend(obj, dest, tag)
        return Request(self._engine)

    def Rsend(self, buf: Any, dest: int, tag: int = 0) -> None:
        """Send a buffer whose receive is posted already."""
        self.Send(buf, dest, tag)

    def Irsend(self, buf: Any, dest: int, tag: int = 0) -> Request:
        """Start to send a buffer whose receive is posted already."""
        return self.Isend(buf, dest, tag)

    def Rsend_init(self, buf: Any, dest: int, tag: int = 0) -> Any:
        """Return a persistent request that sends `buf` at each start."""
        return self.Send_init(buf, dest, tag)
