# ruff: noqa: N802 (the names are mpi4py's)
"""Messages between two ranks of one communicator context, with mpi4py's names."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, PROC_NULL, TAG_UB
from parcompute.comm.process.engine import Engine
from parcompute.comm.process.requests import (
    NullRequest,
    ObjectRequest,
    RecvRequest,
    Request,
    SendRequest,
    as_bytes,
)


class PointToPoint:
    """Sends and receives within one context: messages of other contexts are never seen."""

    def __init__(self, engine: Engine, context: int) -> None:
        self._engine = engine
        self._context = context

    @property
    def rank(self) -> int:
        """Number of this rank, 0 <= rank < size."""
        return self._engine.rank

    @property
    def size(self) -> int:
        """Number of ranks."""
        return self._engine.size

    def Get_rank(self) -> int:
        """Return `rank`."""
        return self._engine.rank

    def Get_size(self) -> int:
        """Return `size`."""
        return self._engine.size

    def Send_init(self, buf: Any, dest: int, tag: int = 0) -> Any:
        """Return a persistent request that sends `buf` at each start."""
        if dest == PROC_NULL:
            return NullRequest(PROC_NULL)
        _check("dest", dest, self.size)
        _check("tag", tag, TAG_UB + 1)
        return SendRequest(self._engine, dest, self._context, tag, as_bytes(buf))

    def Recv_init(self, buf: Any, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Any:
        """Return a persistent request that receives into `buf` at each start."""
        if source == PROC_NULL:
            return NullRequest(PROC_NULL)
        data = as_bytes(buf)
        if data.readonly and len(data):
            raise ValueError("expected a writable buffer to receive into, got a read-only one")
        return RecvRequest(self._engine, self._key(source, tag), data)

    def Isend(self, buf: Any, dest: int, tag: int = 0) -> Request:
        """Start to send a buffer."""
        request = self.Send_init(buf, dest, tag)
        request.Start()
        return request  # type: ignore[no-any-return]

    def Irecv(self, buf: Any, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Start to receive into a buffer."""
        request = self.Recv_init(buf, source, tag)
        request.Start()
        return request  # type: ignore[no-any-return]

    def Send(self, buf: Any, dest: int, tag: int = 0) -> None:
        """Send a buffer; return when it may be used again."""
        self.Isend(buf, dest, tag).Wait()

    def Recv(
        self, buf: Any, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Any = None
    ) -> None:
        """Receive into a buffer; a longer message is an error."""
        self.Irecv(buf, source, tag).Wait(status)

    def Sendrecv(
        self,
        sendbuf: Any,
        dest: int,
        sendtag: int = 0,
        recvbuf: Any = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Any = None,
    ) -> None:
        """Send and receive at the same time."""
        receive = self.Irecv(recvbuf, source, recvtag)
        self.Isend(sendbuf, dest, sendtag).Wait()
        receive.Wait(status)

    def isend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Start to send an object, pickled now."""
        return self.Isend(pickle.dumps(obj, pickle.HIGHEST_PROTOCOL), dest, tag)

    def irecv(self, buf: Any = None, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Start to receive an object; ``wait()`` returns it."""
        if source == PROC_NULL:
            return NullRequest(PROC_NULL)
        request = ObjectRequest(self._engine, self._key(source, tag))
        request.Start()
        return request

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object."""
        self.isend(obj, dest, tag).Wait()

    def recv(
        self,
        buf: Any = None,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Any = None,
    ) -> Any:
        """Receive an object."""
        return self.irecv(buf, source, tag).wait(status)

    def sendrecv(
        self,
        sendobj: Any,
        dest: int,
        sendtag: int = 0,
        recvbuf: Any = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Any = None,
    ) -> Any:
        """Send an object and receive one at the same time."""
        receive = self.irecv(recvbuf, source, recvtag)
        self.isend(sendobj, dest, sendtag).Wait()
        return receive.wait(status)

    def _key(self, source: int, tag: int) -> tuple[int, int, int]:
        if source != ANY_SOURCE:
            _check("source", source, self.size)
        if tag != ANY_TAG:
            _check("tag", tag, TAG_UB + 1)
        return source, self._context, tag


def check_items(items: Sequence[Any] | None, size: int) -> Sequence[Any]:
    """Return `items` if there is one for every rank, else raise ValueError."""
    if items is None or len(items) != size:
        got = "None" if items is None else str(len(items))
        raise ValueError(f"expected a sequence of {size} items, one for every rank, got {got}")
    return items


def _check(name: str, value: int, end: int) -> None:
    if not 0 <= value < end:
        raise ValueError(f"{name} must be in 0 … {end - 1}, got {value}")
