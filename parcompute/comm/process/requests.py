# ruff: noqa: N802 (the names are mpi4py's)
"""Requests: messages under way, on buffers or pickled objects, once or persistent."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from parcompute.comm.process.engine import Engine, Outbox
from parcompute.comm.process.mailbox import Key
from parcompute.comm.process.ring import HEADER
from parcompute.errors import ParcomputeError


class Status:
    """Where a received message came from; an argument of `Recv`, `recv` and `Wait`."""

    def __init__(self) -> None:
        self.source = 0
        self.tag = 0
        self.count = 0
        """Bytes."""

    def Get_source(self) -> int:
        """Return the rank that sent the message."""
        return self.source

    def Get_tag(self) -> int:
        """Return the tag of the message."""
        return self.tag


class Request:
    """A message under way; `done` once the buffer may be used again.

    Every request is persistent: it may be started again once it is done.
    """

    done = True
    error: str | None = None

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def Start(self) -> None:
        """Send the buffer as it is now, or be ready for the next message."""

    def Free(self) -> None:
        """Give the request up."""

    @classmethod
    def Startall(cls, requests: Iterable[Any]) -> None:
        """Start all, receives and sends alike."""
        for request in requests:
            request.Start()

    def Wait(self, status: Any = None) -> bool:
        """Return when the buffer may be used again.

        Raises
        ------
        ParcomputeError
            If a longer message came than the buffer takes.
        """
        if not self.done:
            self._engine.wait(self)
        self._conclude(status)
        return True

    def Test(self, status: Any = None) -> bool:
        """Say whether the message is complete, and let it progress."""
        if not self.done:
            self._engine.poll()
        if self.done:
            self._conclude(status)
        return self.done

    def wait(self, status: Any = None) -> Any:
        """Return the received object, when it is there; None for a send."""
        self.Wait(status)
        return self._result()

    def test(self, status: Any = None) -> tuple[bool, Any]:
        """Return (whether it is complete, the received object)."""
        done = self.Test(status)
        return done, self._result() if done else None

    @classmethod
    def Waitall(cls, requests: Iterable[Any], statuses: Sequence[Any] | None = None) -> bool:
        """Return when all are complete."""
        for index, request in enumerate(requests):
            if statuses is not None:
                request.Wait(statuses[index])
            elif not request.done or request.error is not None:
                request.Wait()
        return True

    def _conclude(self, status: Any) -> None:
        """Report what was received (nothing, for a send)."""

    def _result(self) -> Any:
        """Return the received object (None, for a send or a buffer)."""


class NullRequest(Request):
    """A message from or to ``PROC_NULL``: complete at once, buffer untouched."""

    def __init__(self, null: int) -> None:
        self._null = null

    def _conclude(self, status: Any) -> None:
        if status is not None:
            status.source, status.tag, status.count = self._null, -1, 0


class SendRequest(Request):
    """A message to one rank; restarted with `Start`."""

    def __init__(self, engine: Engine, dest: int, context: int, tag: int, data: memoryview) -> None:
        self._engine = engine
        self._outbox: Outbox = engine.outboxes[dest]
        self.payload = data
        self.header = HEADER.pack(context, tag, len(data))
        self.nbytes = len(self.header) + len(data)
        self.done = True

    def Start(self) -> None:
        """Send the buffer as it is now."""
        self._outbox.start(self)


class RecvRequest(Request):
    """A message into a buffer; restarted with `Start`."""

    def __init__(self, engine: Engine, key: Key, data: memoryview) -> None:
        self._engine = engine
        self.key = key
        self.order = 0
        self.done = True
        self._data = data
        self._came = key[0], key[2], 0

    def Start(self) -> None:
        """Be ready for the next message."""
        self.done = False
        self._engine.mailbox.post(self)

    def landing(self, nbytes: int) -> memoryview:
        """Return the part of the buffer that the message fills."""
        if nbytes == len(self._data):
            return self._data
        if nbytes < len(self._data):
            return self._data[:nbytes]
        self.error = f"a message of {nbytes} bytes came for a buffer of {len(self._data)}"
        return memoryview(bytearray(nbytes))

    def finish(self, source: int, tag: int, nbytes: int) -> None:
        """Be complete."""
        self._came = source, tag, nbytes
        self.done = True

    def _conclude(self, status: Any) -> None:
        source, tag, nbytes = self._came
        if status is not None:
            status.source, status.tag, status.count = source, tag, nbytes
        if self.error is not None:
            sentence, self.error = self.error, None
            raise ParcomputeError(
                f"rank {self._engine.rank}: {sentence} (from rank {source}, tag {tag}): "
                "make the receive buffer as large as the message"
            )


class ObjectRequest(RecvRequest):
    """A pickled object of any size."""

    def __init__(self, engine: Engine, key: Key) -> None:
        super().__init__(engine, key, memoryview(b""))

    def landing(self, nbytes: int) -> memoryview:
        """Return new memory for the pickle."""
        self._data = memoryview(bytearray(nbytes))
        return self._data

    def _result(self) -> Any:
        return pickle.loads(self._data)


def as_bytes(buffer: Any) -> memoryview:
    """Return the bytes of a contiguous buffer, without a copy.

    Raises
    ------
    TypeError
        If it is no buffer, or holds Python objects.
    ValueError
        If it is not C-contiguous.
    """
    if isinstance(buffer, np.ndarray):
        return _array_bytes(buffer)
    if isinstance(buffer, list | tuple):
        raise TypeError(
            "expected an array, got a list such as [array, count, type]: pass the array itself"
        )
    view = memoryview(buffer)
    return view.cast("B") if view.nbytes else _empty()


def _array_bytes(array: np.ndarray[Any, Any]) -> memoryview:
    if array.dtype.hasobject:
        raise TypeError("an array of Python objects is no buffer: use the lowercase call for it")
    if not array.flags.c_contiguous:
        raise ValueError(
            f"expected a C-contiguous array, got strides {array.strides} for shape {array.shape}: "
            "pass numpy.ascontiguousarray(…)"
        )
    return array.reshape(-1).view(np.uint8).data if array.size else _empty()


def _empty() -> memoryview:
    return memoryview(bytearray())
