# ruff: noqa: N802 (the names are mpi4py's)
"""Looking at messages before they are received, and taking them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, PROC_NULL
from parcompute.comm.process.messages.buffers import GapsError, writable_bytes
from parcompute.comm.process.messages.failures import ERR_REQUEST, ArgumentError
from parcompute.comm.process.messages.packed import PackedReceive
from parcompute.comm.process.messages.point_to_point import PointToPoint
from parcompute.comm.process.messages.requests import (
    ObjectRequest,
    ProcNullRequest,
    RecvRequest,
    Request,
)
from parcompute.comm.process.transport.engine import Engine
from parcompute.comm.process.transport.mailbox import Arrival, Key
from parcompute.comm.process.transport.waits import Awaited, awaited_message


class Look:
    """A look for a message that fits `key` (None: from ``PROC_NULL``, always there)."""

    spins = 0

    def __init__(self, engine: Engine, key: Key | None, members: Sequence[int]) -> None:
        self._engine = engine
        self._key = key
        self._members = members

    @property
    def done(self) -> bool:
        """Whether the message is there."""
        return self._key is None or self._engine.mailbox.peek(self._key) is not None

    def awaited(self) -> Awaited:
        """Return what is missing: a message."""
        assert self._key is not None
        return awaited_message(self._engine, self._key)

    def wait(self, status: Any) -> None:
        """Return when the message is there."""
        if not self.done:
            self._engine.wait(self)
        self._describe(status)

    def test(self, status: Any) -> bool:
        """Say whether the message is there."""
        if not self.done:
            self._engine.poll()
        if done := self.done:
            self._describe(status)
        return done

    def take(self) -> Arrival | None:
        """Remove the message that is there."""
        return None if self._key is None else self._engine.mailbox.take(self._key)

    def _describe(self, status: Any) -> None:
        if status is None:
            return
        if self._key is None:
            status.set(PROC_NULL, ANY_TAG, 0)
            return
        arrival = self._engine.mailbox.peek(self._key)
        assert arrival is not None
        source, _, tag = arrival.key
        status.set(self._members.index(source), tag, arrival.nbytes)


class Message:
    """A message that was taken out, to be received once (None: from ``PROC_NULL``)."""

    def __init__(self, engine: Engine, arrival: Arrival | None, members: Sequence[int]) -> None:
        self._engine = engine
        self._arrival = arrival
        self._members = members
        self._received = False

    def __bool__(self) -> bool:
        return not self._received

    def Recv(self, buf: Any, status: Any = None) -> None:
        """Receive it into a buffer."""
        self.Irecv(buf).Wait(status)

    def recv(self, status: Any = None) -> Any:
        """Return the object."""
        return self.irecv().wait(status)

    def Irecv(self, buf: Any) -> Request:
        """Start to receive it into a buffer."""
        self._check()
        if self._arrival is None:
            return self._nothing()
        key, members = self._arrival.key, self._members
        try:
            return self._into(RecvRequest(self._engine, key, writable_bytes(buf), members))
        except GapsError as gaps:
            return self._into(PackedReceive(self._engine, key, gaps.region, members))

    def irecv(self) -> Request:
        """Start to receive the object."""
        self._check()
        if self._arrival is None:
            return self._nothing()
        return self._into(ObjectRequest(self._engine, self._arrival.key, self._members))

    def _check(self) -> None:
        if self._received:
            raise ArgumentError(ERR_REQUEST, "this message was received before: probe for the next")

    def _nothing(self) -> Request:
        self._received = True
        request = ProcNullRequest(self._engine, receives=True)
        request.Start()
        return request

    def _into(self, request: RecvRequest) -> Request:
        arrival, self._arrival = self._arrival, None
        assert arrival is not None
        self._received = True
        request.done, request.active = False, True
        arrival.hand_over(request)
        return request


class Probes(PointToPoint):
    """Methods of a communicator that look for messages."""

    def Probe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Any = None
    ) -> Literal[True]:
        """Return when there is a message to receive; leave it there."""
        self._probe(source, tag).wait(status)
        return True

    def Iprobe(self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Any = None) -> bool:
        """Say whether there is a message to receive; leave it there."""
        return self._probe(source, tag).test(status)

    def Mprobe(self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Any = None) -> Message:
        """Take the next message out, when it is there; it is received through what is returned."""
        probe = self._probe(source, tag)
        probe.wait(status)
        return self._message(probe.take())

    def Improbe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Any = None
    ) -> Message | None:
        """Take the next message out if it is there, else return None."""
        probe = self._probe(source, tag)
        return self._message(probe.take()) if probe.test(status) else None

    probe, iprobe, mprobe, improbe = Probe, Iprobe, Mprobe, Improbe

    def _probe(self, source: int, tag: int) -> Look:
        key = None if source == PROC_NULL else self._key(source, tag)
        return Look(self._engine, key, self._members)

    def _message(self, arrival: Arrival | None) -> Message:
        return Message(self._engine, arrival, self._members)
