"""Progress and waiting: moves the bytes of one rank's messages while it waits.

Nothing happens in the background. A rank makes progress with *all* its messages whenever it waits
for one of them, so that two ranks which both send large messages cannot block each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple, NoReturn, Protocol

from parcompute.comm.constants import ANY_TAG
from parcompute.comm.process.mailbox import Key, Mailbox, Sink
from parcompute.comm.process.memory import Segment
from parcompute.comm.process.ring import HEADER, LARGEST, RECEIPT_SHIFT, Doorbell, Inlet, Outlet
from parcompute.errors import ParcomputeError

RECEIPTS = -1
"""The context of receipts."""

Taken = tuple[int, memoryview]
"""Tag and bytes of a message that still lies in the ring."""

_RECEIPT_NUMBERS = 1 << 20
_SPINS = 2000  # about 50 us: longer than a message takes, shorter than is worth a context switch
_MORE = 100  # spins, after a short wait
_SHORT = 50e-6  # seconds: a wait that would better have been spent spinning
_PATIENCE = 0.1  # seconds of a blocking wait before looking again


class Sending(Protocol):
    """What the engine knows of a request that sends."""

    done: bool
    header: bytes
    payload: memoryview
    nbytes: int


class Task(Protocol):
    """A collective call under way."""

    done: bool

    def advance(self) -> None:
        """Go on until a message is missing; never blocks."""


class Outbox(Protocol):
    """Where the messages to one rank go."""

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

    def start(self, request: Sending) -> None:
        """Send the message, or put it behind those that wait."""
        if not self._queue and self._outlet.write_message(
            request.header, request.payload, request.nbytes
        ):
            request.done = True
            return
        request.done = False
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


def _sink_of(mailbox: Mailbox, key: Key, size: int) -> tuple[Sink, int]:
    """Return what takes the message, and its size in bytes."""
    if size <= LARGEST:
        return mailbox.sink_for(key), size
    return mailbox.synchronous_sink_for(key, size >> RECEIPT_SHIFT), size & LARGEST


class Receipt:
    """An empty message that says: a receive has matched the synchronous message number `tag`."""

    done = True
    payload = memoryview(b"")

    def __init__(self, tag: int) -> None:
        self.header = HEADER.pack(RECEIPTS, tag, 0)
        self.nbytes = len(self.header)


class SelfOutbox:
    """Messages of a rank to itself: copied at once."""

    def __init__(self, rank: int, mailbox: Mailbox) -> None:
        self._rank = rank
        self._mailbox = mailbox

    def start(self, request: Sending) -> None:
        """Deliver the message."""
        request.done = self.put(request.header, request.payload, request.nbytes)

    def put(self, header: bytes, payload: memoryview, nbytes: int) -> bool:
        """Deliver the message."""
        context, tag, size = HEADER.unpack(header)
        sink, _ = _sink_of(self._mailbox, (self._rank, context, tag), size)
        sink.accept(self._rank, tag, payload)
        return True


class Inbox:
    """Messages from one other rank: read from its ring into whatever receives them."""

    __slots__ = ("_inlet", "_mailbox", "_nbytes", "_rest", "_sink", "_source", "_tag")

    def __init__(self, source: int, inlet: Inlet, mailbox: Mailbox) -> None:
        self._source = source
        self._inlet = inlet
        self._mailbox = mailbox
        self._sink: Sink | None = None
        self._rest = memoryview(b"")
        self._tag = self._nbytes = 0

    def pull(self) -> None:
        """Take in everything that has been published."""
        inlet = self._inlet
        if not inlet.look():
            return
        if self._sink is None:
            self._pull_whole()
        while self._sink is not None or self._begin():
            count = inlet.read(self._rest)
            if count < len(self._rest):
                self._rest = self._rest[count:]
                break
            self._end()
        inlet.release()

    def _pull_whole(self) -> None:
        """Take in the messages that lie in the ring whole, as most do."""
        inlet, source = self._inlet, self._source
        while (message := inlet.read_message()) is not None:
            context, tag, data = message
            inlet.skip(len(data))
            self._mailbox.sink_for((source, context, tag)).accept(source, tag, data)

    def take(self, context: int, tag: int, most: int) -> Taken | None:
        """Take out the next message, if it is expected and fits; it is yet to be copied.

        Else None, and nothing has changed.
        """
        inlet = self._inlet
        if self._sink is not None or not inlet.look():
            return None
        message = inlet.read_message()
        if message is None:
            return None
        came_context, came_tag, data = message
        nbytes = len(data)
        if came_context != context or (came_tag != tag and tag != ANY_TAG) or nbytes > most:
            return None
        inlet.skip(nbytes)
        return came_tag, data

    def copy(self, message: Taken, target: memoryview | bytearray) -> tuple[int, int]:
        """Copy what was taken to `target`; return tag and number of bytes."""
        tag, data = message
        nbytes = len(data)
        if nbytes == len(target):
            target[:] = data
        else:
            target[:nbytes] = data
        self._inlet.release()
        return tag, nbytes

    def _begin(self) -> bool:
        header = self._inlet.read_header()
        if header is None:
            return False
        context, self._tag, size = header
        key = self._source, context, self._tag
        self._sink, self._nbytes = _sink_of(self._mailbox, key, size)
        self._rest = self._sink.landing(self._nbytes)
        return True

    def _end(self) -> None:
        sink, self._sink = self._sink, None
        assert sink is not None
        sink.finish(self._source, self._tag, self._nbytes)


class Wiring(NamedTuple):
    """What connects the ranks of a job; sent to each rank as it is started."""

    segment: Segment
    doorbells: Sequence[Doorbell]
    spin: bool

    def engine(self, rank: int, abort: Callable[[int], NoReturn]) -> Engine:
        """Return the engine of `rank`, connected to all others."""
        memory, ranks, bells = self.segment.map(), len(self.doorbells), self.doorbells
        self.segment.close()
        engine = Engine(rank, ranks, bells[rank], abort, spin=self.spin)
        for peer in range(ranks):
            if peer != rank:
                outlet = Outlet(memory, ranks, (rank, peer), bells[rank], bells[peer])
                inlet = Inlet(memory, ranks, (peer, rank), bells[rank], bells[peer])
                engine.connect(peer, outlet, inlet)
        return engine


class Engine:
    """The messages of one rank. Not for use from several threads at once.

    Parameters
    ----------
    rank, size : int
        This rank and the number of ranks.
    doorbell : Doorbell
        Rung by a rank that has written to this one, or has made space for it.
    abort : callable
        Ends the job with an exit code.
    spin : bool
        Whether there is a core for every rank, so that a short busy wait pays.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        doorbell: Doorbell,
        abort: Callable[[int], NoReturn],
        *,
        spin: bool,
    ) -> None:
        self.rank = rank
        self.size = size
        self.abort = abort
        self.mailbox = Mailbox(self._acknowledge)
        self._receipts = 0
        self.next_context = 0
        self._acquire = doorbell.acquire
        self._most_spins = self._spins = _SPINS if spin else 0
        self._rung = False  # the doorbell has rung for something that is not yet taken in
        self.tasks: list[Task] = []
        self._busy: list[RingOutbox] = []
        self._inboxes: list[Inbox] = []
        self.inboxes: dict[int, Inbox] = {}
        self.outboxes: dict[int, Outbox] = {rank: SelfOutbox(rank, self.mailbox)}

    def connect(self, peer: int, outlet: Outlet, inlet: Inlet) -> None:
        """Add the rings to and from another rank."""
        self.outboxes[peer] = RingOutbox(outlet, self._busy)
        self.inboxes[peer] = Inbox(peer, inlet, self.mailbox)
        self._inboxes.append(self.inboxes[peer])

    def next_receipt(self) -> int:
        """Return a number for the receipt of a synchronous message."""
        self._receipts = self._receipts % _RECEIPT_NUMBERS + 1
        return self._receipts

    def _acknowledge(self, source: int, receipt: int) -> None:
        self.outboxes[source].start(Receipt(receipt))

    def wait(self, request: Any) -> None:
        """Make progress until ``request.done``.

        Raises
        ------
        ParcomputeError
            If there is no other rank that could complete it.
        """
        while not request.done:
            if not self._rung:
                self._await_ring()
            self._take_in()

    def next_message(self, inbox: Inbox, context: int, tag: int, most: int) -> Taken | None:
        """Wait for a message, and `take` it if it is the one expected from `inbox`.

        The short way of a receive that is waited for at once, past the mailbox: it is open when no
        other message is under way. None: go the long way.
        """
        if self._busy or not self.mailbox.is_empty():
            return None
        self._await_ring()
        message = inbox.take(context, tag, most)
        self._rung = message is None
        return message

    def poll(self) -> None:
        """Make progress with what has come in; never blocks."""
        if self._rung or self._acquire(False):
            self._take_in()

    def flush(self) -> None:
        """Make progress until everything sent has left this rank."""
        while self._busy:
            self._await_ring()
            self._take_in()

    def _take_in(self) -> None:
        """Make progress; what has rung already is pulled in one visit."""
        acquire = self._acquire
        while acquire(False):
            pass
        self._rung = False
        self._advance()

    def _advance(self) -> None:
        for inbox in self._inboxes:
            inbox.pull()
        for outbox in self._busy[:]:
            outbox.flush()
        if self.tasks:
            self._advance_tasks()

    def _advance_tasks(self) -> None:
        for task in self.tasks:
            task.advance()
        self.tasks = [task for task in self.tasks if not task.done]

    def _await_ring(self) -> None:
        """Return after this rank's doorbell rang, or after a while.

        The busy wait before the blocking one adapts: it pays when the other rank answers at once,
        and does harm when that rank waits for a core that another program uses.
        """
        acquire = self._acquire
        if acquire(False):
            return
        if not self._inboxes:
            raise ParcomputeError(
                "the only rank waits for a message that nobody can send: "
                "send it before you wait for it"
            )
        for _ in range(self._spins):
            if acquire(False):
                return
        start = perf_counter()
        acquire(True, _PATIENCE)
        short = perf_counter() - start < _SHORT
        self._spins = min(self._most_spins, self._spins + _MORE) if short else 0
