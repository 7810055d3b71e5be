# ruff: noqa: N802 (the names are mpi4py's)
"""Messages between two ranks of one communicator context, with mpi4py's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, PROC_NULL, TAG_UB
from parcompute.comm.process.messages.buffers import GapsError, as_bytes, writable_bytes
from parcompute.comm.process.messages.failures import ERR_RANK, ERR_TAG, ArgumentError
from parcompute.comm.process.messages.packed import PackedReceive, packed_bytes
from parcompute.comm.process.messages.pickles import dumps, loads
from parcompute.comm.process.messages.requests import (
    ObjectRequest,
    ProcNullRequest,
    RecvRequest,
    Request,
)
from parcompute.comm.process.messages.sending import (
    DirectSend,
    PackedSend,
    SendRequest,
    SynchronousSend,
)
from parcompute.comm.process.transport.engine import Engine
from parcompute.comm.process.transport.mailbox import Key
from parcompute.comm.process.transport.ring import HEADER, HEADER_BYTES, LARGEST

# bytes from which one copy by the kernel takes less time than two through a ring, which stay in the
# cache; ranks that share cores would fill and empty the ring in turns
_DIRECT, _DIRECT_IF_CROWDED = 8 << 20, 256 << 10


class PointToPoint:
    """Sends and receives within one context: messages of other contexts are never seen.

    Parameters
    ----------
    engine : Engine
        Of this rank.
    context : int
        The number that tells messages of one communicator from those of another.
    members : sequence of int
        The ranks of the job that belong to it, in the order of their ranks in it.
    """

    def __init__(self, engine: Engine, context: int, members: Sequence[int]) -> None:
        self._engine = engine
        self._context = context
        self._members = members
        self._rank = members.index(engine.rank)
        self._direct_from = _DIRECT_IF_CROWDED if engine.crowded else _DIRECT
        self._size = len(members)
        self._outboxes = {rank: engine.outboxes[member] for rank, member in enumerate(members)}
        self._inboxes = {
            rank: engine.inboxes[member]
            for rank, member in enumerate(members)
            if member != engine.rank
        }

    @property
    def rank(self) -> int:
        """Number of this rank, 0 <= rank < size."""
        return self._rank

    @property
    def size(self) -> int:
        """Number of ranks."""
        return self._size

    def Get_rank(self) -> int:
        """Return `rank`."""
        return self._rank

    def Get_size(self) -> int:
        """Return `size`."""
        return self._size

    def Send_init(self, buf: Any, dest: int, tag: int = 0) -> Request:
        """Return a persistent request that sends `buf` at each start."""
        return self._sending(buf, dest, tag, synchronous=False).lasting()

    def Ssend_init(self, buf: Any, dest: int, tag: int = 0) -> Request:
        """Return a persistent request that is complete when a receive has matched it."""
        return self._sending(buf, dest, tag, synchronous=True).lasting()

    def _sending(self, buf: Any, dest: int, tag: int, *, synchronous: bool) -> Request:
        if dest == PROC_NULL:
            return ProcNullRequest(self._engine, receives=False)
        _check("dest", dest, self._size)
        _check("tag", tag, TAG_UB + 1)
        engine, member = self._engine, self._members[dest]
        send: SendRequest
        try:
            data = as_bytes(buf)
        except GapsError as gaps:
            send = PackedSend(engine, member, self._context, tag, gaps.region)
        else:
            if len(data) >= self._direct_from and engine.reads_from(member):
                return DirectSend(engine, member, self._context, tag, data)
            send = SendRequest(engine, member, self._context, tag, data)
        return SynchronousSend(send) if synchronous else send

    def Recv_init(self, buf: Any, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Return a persistent request that receives into `buf` at each start."""
        return self._receiving(buf, source, tag).lasting()

    def _receiving(self, buf: Any, source: int, tag: int) -> Request:
        if source == PROC_NULL:
            return ProcNullRequest(self._engine, receives=True)
        try:
            data = writable_bytes(buf)
        except GapsError as gaps:
            return PackedReceive(self._engine, self._key(source, tag), gaps.region, self._members)
        return RecvRequest(self._engine, self._key(source, tag), data, self._members)

    def Isend(self, buf: Any, dest: int, tag: int = 0) -> Request:
        """Start to send a buffer."""
        request = self._sending(buf, dest, tag, synchronous=False)
        request.Start()
        return request

    def Issend(self, buf: Any, dest: int, tag: int = 0) -> Request:
        """Start to send a buffer; complete when a receive has matched it."""
        request = self._sending(buf, dest, tag, synchronous=True)
        request.Start()
        return request

    def Irecv(self, buf: Any, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Start to receive into a buffer."""
        request = self._receiving(buf, source, tag)
        request.Start()
        return request

    def Send(self, buf: Any, dest: int, tag: int = 0) -> None:
        """Send a buffer; return when it may be used again."""
        if not self._try_send(buf, dest, tag):
            self.Isend(buf, dest, tag).Wait()

    def _try_send(self, buf: Any, dest: int, tag: int) -> bool:
        """Send a buffer if the ring has space for it now; say whether it did.

        The short way of a send that is waited for at once: no request is made.
        """
        outbox = self._outboxes.get(dest)
        if outbox is None or not 0 <= tag <= TAG_UB:
            return False
        try:
            data = as_bytes(buf)
        except GapsError as gaps:
            data = gaps.region.packed()
        nbytes = len(data)
        header = HEADER.pack(self._context, tag, nbytes)
        return outbox.put(header, data, nbytes + HEADER_BYTES)

    def Ssend(self, buf: Any, dest: int, tag: int = 0) -> None:
        """Send a buffer; return when a receive has matched it."""
        self.Issend(buf, dest, tag).Wait()

    def Recv(
        self, buf: Any, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Any = None
    ) -> None:
        """Receive into a buffer; a longer message is an error."""
        inbox = self._inboxes.get(source)
        if inbox is not None and ANY_TAG <= tag <= TAG_UB:
            try:
                data = writable_bytes(buf)
            except GapsError:
                self.Irecv(buf, source, tag).Wait(status)
                return
            message = self._engine.next_message(inbox, self._context, tag, len(data))
            if message is not None:
                came, nbytes = inbox.copy(message, data)
                if status is not None:
                    status.set(source, came, nbytes)
                return
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
        if self._try_send(sendbuf, dest, sendtag):
            self.Recv(recvbuf, source, recvtag, status)
            return
        receive = self.Irecv(recvbuf, source, recvtag)
        self.Isend(sendbuf, dest, sendtag).Wait()
        receive.Wait(status)

    def Sendrecv_replace(
        self,
        buf: Any,
        dest: int,
        sendtag: int = 0,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Any = None,
    ) -> None:
        """Send a buffer and receive into it."""
        send = self.Isend(packed_bytes(buf), dest, sendtag)
        self.Recv(buf, source, recvtag, status)
        send.Wait()

    def isend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Start to send an object, pickled now."""
        return self.Isend(dumps(obj), dest, tag)

    def issend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Start to send an object; complete when a receive has matched it."""
        return self.Issend(dumps(obj), dest, tag)

    def irecv(self, buf: Any = None, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Start to receive an object; ``wait()`` returns it."""
        request: Request = (
            ProcNullRequest(self._engine, receives=True)
            if source == PROC_NULL
            else ObjectRequest(self._engine, self._key(source, tag), self._members)
        )
        request.Start()
        return request

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object."""
        self.Send(dumps(obj), dest, tag)

    def ssend(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object; return when a receive has matched it."""
        self.issend(obj, dest, tag).Wait()

    def recv(
        self,
        buf: Any = None,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Any = None,
    ) -> Any:
        """Receive an object."""
        inbox = self._inboxes.get(source)
        if inbox is not None and ANY_TAG <= tag <= TAG_UB:
            message = self._engine.next_message(inbox, self._context, tag, LARGEST)
            if message is not None:
                data = bytearray(len(message[1]))
                came, nbytes = inbox.copy(message, data)
                if status is not None:
                    status.set(source, came, nbytes)
                return loads(data)
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
        data = dumps(sendobj)
        if self._try_send(data, dest, sendtag):
            return self.recv(recvbuf, source, recvtag, status)
        receive = self.irecv(recvbuf, source, recvtag)
        self.Isend(data, dest, sendtag).Wait()
        return receive.wait(status)

    def _key(self, source: int, tag: int) -> Key:
        if tag != ANY_TAG:
            _check("tag", tag, TAG_UB + 1)
        if source == ANY_SOURCE:
            return source, self._context, tag
        _check("source", source, self._size)
        return self._members[source], self._context, tag


def _check(name: str, value: int, end: int) -> None:
    if not 0 <= value < end:
        error_class = ERR_TAG if name == "tag" else ERR_RANK
        raise ArgumentError(error_class, f"{name} must be in 0 … {end - 1}, got {value}")
