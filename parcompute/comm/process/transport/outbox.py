"""Where the messages to one rank go: into its ring, or to this rank itself."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from parcompute.comm.process.transport.mailbox import Mailbox
from parcompute.comm.process.transport.ring import HEADER, Outlet

RECEIPTS = -1
"""The context of receipts."""


class Sending(Protocol):
    """What the engine knows of a request that sends."""

    done: bool
    header: bytes
    payload: memoryview
    nbytes: int


class Outbox(Protocol):
    """Where the messages to one rank go."""

    @property
    def busy(self) -> bool:
        """Whether there is something left to send."""

    def start(self, request: Sending) -> None:
        """Send the message, or put it behind those that wait."""

    def put(self, header: bytes, payload: memoryview, nbytes: int) -> bool:
        """Send a message at once (`nbytes` with its header), or say that it has to wait."""


class RingOutbox:
    """Messages to another rank, in order, through its ring."""

    def __init__(self, outlet: Outlet, busy: list[RingOutbox]) -> None:
        self._outlet = outlet
        self._busy = busy  # the engine's list of outboxes with something left to send
        self._queue: deque[Sending] = deque()
        self._rest: list[memoryview] = []  # of the first in the queue

    @property
    def busy(self) -> bool:
        """Whether there is something left to send."""
        return bool(self._queue)

    def start(self, request: Sending) -> None:
        """Send the message, or put it behind those that wait."""
        request.done = self.put(request.header, request.payload, request.nbytes)
        if request.done:
            return
        self._queue.append(request)
        if len(self._queue) == 1:
            self._busy.append(self)
            self._rest = _pieces(request)
            self.flush()

    def put(self, header: bytes, payload: memoryview, nbytes: int) -> bool:
        """Send a message at once (`nbytes` with its header), or say that it has to wait."""
        return not self._queue and self._outlet.write_message(header, payload, nbytes)

    def flush(self) -> None:
        """Write what there is space for."""
        while self._queue:
            while self._rest:
                count = self._outlet.write(self._rest[0])
                if count < len(self._rest[0]):
                    self._rest[0] = self._rest[0][count:]
                    return
                del self._rest[0]
            self._queue.popleft().done = True
            if self._queue:
                self._rest = _pieces(self._queue[0])
        self._busy.remove(self)


def _pieces(request: Sending) -> list[memoryview]:
    return [memoryview(request.header), request.payload]


class Receipt:
    """An empty message that says: a receive has matched the synchronous message number `tag`."""

    done = True
    payload = memoryview(b"")

    def __init__(self, tag: int) -> None:
        self.header = HEADER.pack(RECEIPTS, tag, 0)
        self.nbytes = len(self.header)


class SelfOutbox:
    """Messages of a rank to itself: copied at once."""

    busy = False

    def __init__(self, rank: int, mailbox: Mailbox) -> None:
        self._rank = rank
        self._mailbox = mailbox

    def start(self, request: Sending) -> None:
        """Deliver the message."""
        request.done = self.put(request.header, request.payload, request.nbytes)

    def put(self, header: bytes, payload: memoryview, nbytes: int) -> bool:
        """Deliver the message."""
        context, tag, size = HEADER.unpack(header)
        sink, _ = self._mailbox.route((self._rank, context, tag), size)
        sink.accept(self._rank, tag, payload)
        return True
