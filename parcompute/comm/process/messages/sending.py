# ruff: noqa: N802 (the names are mpi4py's)
"""Requests that send: when the ring has taken the message, or when a receive has matched it."""

from __future__ import annotations

from parcompute.comm.process.messages.layouts import Region
from parcompute.comm.process.messages.requests import RecvRequest, Request
from parcompute.comm.process.transport.engine import Engine
from parcompute.comm.process.transport.outbox import RECEIPTS
from parcompute.comm.process.transport.remote import address_of
from parcompute.comm.process.transport.ring import ADDRESS, DIRECT, HEADER, RECEIPT_SHIFT
from parcompute.comm.process.transport.waits import Awaited, awaited_send

_BYTES_PER_SPIN = 256  # that the other rank copies in less than that time, while this one waits


class SendRequest(Request):
    """A message to one rank; restarted with `Start`.

    Parameters
    ----------
    engine : Engine
        Of this rank.
    dest : int
        The other rank, counted among all ranks of the job.
    context, tag : int
        In the header of the message.
    data : memoryview
        The buffer.
    """

    def __init__(self, engine: Engine, dest: int, context: int, tag: int, data: memoryview) -> None:
        self.engine = engine
        self.dest = dest
        self._outbox = engine.outboxes[dest]
        self.payload = data
        self.header = HEADER.pack(context, tag, len(data))
        self.nbytes = len(self.header) + len(data)
        self.done = True

    def Start(self) -> None:
        """Send the buffer as it is now."""
        self.active = True
        self._outbox.start(self)

    def awaited(self) -> Awaited:
        """Return what is missing: space for the message."""
        context, tag, _ = HEADER.unpack(self.header)
        return awaited_send(self.engine, self.dest, context, tag)


class PackedSend(SendRequest):
    """A message of a buffer with gaps."""

    def __init__(self, engine: Engine, dest: int, context: int, tag: int, region: Region) -> None:
        super().__init__(engine, dest, context, tag, region.data)
        self._region = region

    def Start(self) -> None:
        """Pack the buffer as it is now, and send it."""
        self._region.pack()
        super().Start()


class SynchronousSend(Request):
    """A message that is complete once a receive has matched it.

    Parameters
    ----------
    send : SendRequest
        Sends it; a number of its receipt is added to the size in the header.
    """

    def __init__(self, send: SendRequest) -> None:
        self.engine = send.engine
        self._send = send
        self._plain_header = HEADER.unpack(send.header)
        self._receipt = _ReceiptRequest(send.engine, send.dest)

    @property
    def done(self) -> bool:  # type: ignore[override]
        """Whether the buffer may be used again and the message was matched."""
        return self._send.done and self._receipt.done

    def Start(self) -> None:
        """Send the buffer as it is now."""
        self.active = True
        number = self.engine.next_receipt()
        context, tag, size = self._plain_header
        self._send.header = HEADER.pack(context, tag, size | number << RECEIPT_SHIFT)
        self._receipt.expect(number)
        self._send.Start()

    def awaited(self) -> Awaited:
        """Return what is missing: a receive that matches."""
        return self._send.awaited()


class DirectSend(SynchronousSend):
    """A large message that the other rank reads from the memory of this one."""

    def __init__(self, engine: Engine, dest: int, context: int, tag: int, data: memoryview) -> None:
        send = SendRequest(engine, dest, context, tag, memoryview(ADDRESS.pack(address_of(data))))
        send.header = HEADER.pack(context, tag, len(data) | DIRECT)
        super().__init__(send)
        self.spins = len(data) // _BYTES_PER_SPIN
        self._receipt.sent = data


class _ReceiptRequest(RecvRequest):
    """The receive of a receipt.

    Attributes
    ----------
    sent : memoryview or None
        What the other rank reads meanwhile: it stays, even if the program has dropped the request.
    """

    sent: memoryview | None = None

    def __init__(self, engine: Engine, source: int) -> None:
        super().__init__(engine, (source, RECEIPTS, 0), memoryview(bytearray()))

    def expect(self, number: int) -> None:
        """Be complete when the receipt with this number has come."""
        self.key = self.key[0], RECEIPTS, number
        self.Start()
