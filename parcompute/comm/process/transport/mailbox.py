"""Which message goes to which receive: by source, communicator context and tag, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG
from parcompute.comm.process.transport.ring import ADDRESS, DIRECT, LARGEST, RECEIPT_SHIFT

Key = tuple[int, int, int]
"""Source, context, tag."""


class Sink(Protocol):
    """Takes a message: whole, or first says where the bytes go, then hears that all are there."""

    def accept(self, source: int, tag: int, data: memoryview) -> None:
        """Take a copy of a whole message, and be complete."""

    def landing(self, nbytes: int) -> memoryview:
        """Return the memory of exactly `nbytes` bytes that the message is to be written to."""

    def finish(self, source: int, tag: int, nbytes: int) -> None:
        """Be complete."""


class Receive(Sink, Protocol):
    """A posted receive."""

    key: Key
    order: int


class Arrival:
    """A message that came before its receive was posted."""

    __slots__ = ("complete", "data", "direct", "key", "order", "receipt", "receive")

    def __init__(self, key: Key, order: int) -> None:
        self.key = key
        self.order = order
        self.data = memoryview(b"")
        self.complete = False
        self.direct: Direct | None = None  # it lies in the sender's memory
        self.receipt = 0  # number of the receipt that the sender waits for
        self.receive: Sink | None = None

    @property
    def nbytes(self) -> int:
        """Size of the message."""
        return self.direct.nbytes if self.direct is not None else len(self.data)

    def accept(self, source: int, tag: int, data: memoryview) -> None:
        """Keep a copy of a whole message."""
        self.data = memoryview(bytes(data))
        self.finish(source, tag, len(data))

    def landing(self, nbytes: int) -> memoryview:
        """Return new memory for the message."""
        self.data = memoryview(bytearray(nbytes))
        return self.data

    def finish(self, source: int, tag: int, nbytes: int) -> None:
        """Keep the message, or pass it on to the receive that was posted meanwhile."""
        self.complete = True
        if self.receive is not None:
            self.hand_over(self.receive)

    def hand_over(self, receive: Sink) -> None:
        """Give the message to `receive`, now or when it is complete."""
        self.receive = receive
        if self.direct is not None:
            self.direct.into(receive)
        elif self.complete:
            receive.accept(self.key[0], self.key[2], self.data)


class Direct:
    """A message that lies in the memory of its sender, until a receive reads it from there."""

    def __init__(self, mailbox: Mailbox, key: Key, receipt: int, nbytes: int) -> None:
        self._mailbox = mailbox
        self._key = key
        self._receipt = receipt
        self._address = memoryview(bytearray(ADDRESS.size))
        self.nbytes = nbytes

    def accept(self, source: int, tag: int, data: memoryview) -> None:
        """Take the address."""
        self._address[:] = data
        self.finish(source, tag, len(data))

    def landing(self, nbytes: int) -> memoryview:
        """Return where the address goes."""
        return self._address

    def finish(self, source: int, tag: int, nbytes: int) -> None:
        """Match the message with a receive, or keep it where it is."""
        sink = self._mailbox.sink_for(self._key)
        if isinstance(sink, Arrival):
            sink.direct = self
        else:
            self.into(sink)

    def into(self, sink: Sink) -> None:
        """Read the message, and say so to its sender."""
        source, _, tag = self._key
        (address,) = ADDRESS.unpack(self._address)
        self._mailbox.read(source, address, sink.landing(self.nbytes))
        sink.finish(source, tag, self.nbytes)
        self._mailbox.acknowledge(source, self._receipt)


class Mailbox:
    """The posted receives and the early messages of one rank.

    Parameters
    ----------
    acknowledge : callable
        ``acknowledge(rank, receipt)`` sends a receipt.
    read : callable
        ``read(rank, address, target)`` copies from the memory of another rank.
    """

    def __init__(
        self,
        acknowledge: Callable[[int, int], None],
        read: Callable[[int, int, memoryview], None],
    ) -> None:
        self.acknowledge = acknowledge
        self.read = read
        self._posted: dict[Key, deque[Receive]] = {}
        self._wild: list[Receive] = []  # posted with ANY_SOURCE or ANY_TAG
        self._early: dict[Key, deque[Arrival]] = {}
        self._order = 0

    def is_empty(self) -> bool:
        """Say whether no receive is posted, and no message waits for one."""
        return not (self._posted or self._early or self._wild)

    def post(self, receive: Receive) -> None:
        """Match a receive with the first early message that fits, or remember it."""
        self._order += 1
        receive.order = self._order
        arrival = self.take(receive.key) if self._early else None
        if arrival is not None:
            arrival.hand_over(receive)
        elif _is_wild(receive.key):
            self._wild.append(receive)
        elif (queue := self._posted.get(receive.key)) is not None:
            queue.append(receive)
        else:
            self._posted[receive.key] = deque((receive,))

    def peek(self, wanted: Key) -> Arrival | None:
        """Return the first early message that fits."""
        keys = [wanted] if not _is_wild(wanted) else [k for k in self._early if _fits(wanted, k)]
        arrivals = [self._early[key][0] for key in keys if key in self._early]
        return min(arrivals, key=lambda arrival: arrival.order, default=None)

    def early(self, context: int) -> list[Key]:
        """Return what the early messages of a communicator have in their heads."""
        return [key for key in self._early if key[1] == context]

    def take(self, wanted: Key) -> Arrival | None:
        """Remove and return the first early message that fits: it is matched."""
        arrival = self.peek(wanted)
        if arrival is None:
            return None
        queue = self._early[arrival.key]
        queue.popleft()
        if not queue:
            del self._early[arrival.key]
        if arrival.receipt:
            self.acknowledge(arrival.key[0], arrival.receipt)
        return arrival

    def withdraw(self, receive: Receive) -> bool:
        """Forget a posted receive; say whether no message has matched it yet."""
        queue = self._wild if _is_wild(receive.key) else self._posted.get(receive.key, deque())
        if not any(posted is receive for posted in queue):
            return False
        queue.remove(receive)
        if not _is_wild(receive.key) and not queue:
            del self._posted[receive.key]
        return True

    def route(self, key: Key, size: int) -> tuple[Sink, int]:
        """Return what takes the message with this `size` in its header, and the bytes that come."""
        if size <= LARGEST:
            return self.sink_for(key), size
        receipt, nbytes = (size & ~DIRECT) >> RECEIPT_SHIFT, size & LARGEST
        if size & DIRECT:
            return Direct(self, key, receipt, nbytes), ADDRESS.size
        return self._synchronous_sink_for(key, receipt), nbytes

    def _synchronous_sink_for(self, key: Key, receipt: int) -> Sink:
        """Return what takes a message whose sender waits until a receive matches it."""
        sink = self.sink_for(key)
        if isinstance(sink, Arrival):
            sink.receipt = receipt
        else:
            self.acknowledge(key[0], receipt)
        return sink

    def sink_for(self, key: Key) -> Sink:
        """Return what takes the message that now comes with `key`: a receive or a new arrival."""
        queue = self._posted.get(key)
        if self._wild:
            wild = self._take_wild(key, queue[0].order if queue else None)
            if wild is not None:
                return wild
        if queue is None:
            return self._keep(key)
        receive = queue.popleft()
        if not queue:
            del self._posted[key]
        return receive

    def _keep(self, key: Key) -> Arrival:
        self._order += 1
        arrival = Arrival(key, self._order)
        self._early.setdefault(key, deque()).append(arrival)
        return arrival

    def _take_wild(self, key: Key, before: int | None) -> Receive | None:
        """Remove and return the first wild receive that fits and was posted earlier."""
        for index, receive in enumerate(self._wild):
            if _fits(receive.key, key):
                if before is not None and before < receive.order:
                    return None
                return self._wild.pop(index)
        return None


def _is_wild(key: Key) -> bool:
    return key[0] == ANY_SOURCE or key[2] == ANY_TAG


def _fits(wanted: Key, key: Key) -> bool:
    source, context, tag = wanted
    return context == key[1] and source in (ANY_SOURCE, key[0]) and tag in (ANY_TAG, key[2])
