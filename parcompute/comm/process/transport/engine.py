"""Progress and waiting: moves the bytes of one rank's messages while it waits.

Nothing happens in the background. A rank makes progress with *all* its messages whenever it waits
for one of them, so that two ranks which both send before they receive do not block each other; but
for messages so large that the receiver reads them from the sender's memory, as with MPI.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple, NoReturn, Protocol
from weakref import WeakValueDictionary

from parcompute.comm.process.transport.board import Panel, panels, private_panel
from parcompute.comm.process.transport.inbox import Inbox, Taken
from parcompute.comm.process.transport.mailbox import Mailbox
from parcompute.comm.process.transport.memory import Segment
from parcompute.comm.process.transport.outbox import Outbox, Receipt, RingOutbox, SelfOutbox
from parcompute.comm.process.transport.remote import Reader
from parcompute.comm.process.transport.ring import Doorbell, Inlet, Outlet, segment_bytes
from parcompute.comm.process.transport.waits import Awaited, Calls, Waitable, describe
from parcompute.errors import DeadlockError

_sched_yield = getattr(os, "sched_yield", partial(time.sleep, 0))  # macOS has only the latter
_RECEIPT_NUMBERS = 1 << 20
_SPINS = 2000  # about 50 us: longer than a message takes, shorter than is worth a context switch
_MORE = 100  # spins, after a short wait
_YIELDS = 20  # of the core to other ranks: shorter than to be put to sleep and woken up
_SHORT = 50e-6  # seconds: a wait that would better have been spent spinning
_PATIENCE = 0.1  # seconds of a blocking wait before saying what for, or looking again


class Task(Protocol):
    """A collective call under way."""

    done: bool

    def advance(self) -> None:
        """Go on until a message is missing; never blocks."""


class Wiring(NamedTuple):
    """What connects the ranks of a job; sent to each rank as it is started."""

    segment: Segment
    board: Segment
    doorbells: Sequence[Doorbell]
    spin: bool

    def engine(self, rank: int, abort: Callable[[int], NoReturn]) -> Engine:
        """Return the engine of `rank`, connected to all others."""
        memory, ranks, bells = self.segment.map(), len(self.doorbells), self.doorbells
        panel = panels(self.board.map())[rank]
        self.segment.close()
        self.board.close()
        engine = Engine(rank, ranks, bells[rank], abort, spin=self.spin, panel=panel)
        for peer in range(ranks):
            if peer != rank:
                outlet = Outlet(memory, ranks, (rank, peer), bells[rank], bells[peer])
                inlet = Inlet(memory, ranks, (peer, rank), bells[rank], bells[peer])
                engine.connect(peer, outlet, inlet)
        engine.reader = Reader(memory[segment_bytes(ranks) :], rank)
        return engine


class _Flush:
    """Waiting until everything sent has left this rank, or it is `enough`."""

    spins = 0

    def __init__(self, busy: list[RingOutbox], enough: Callable[[], bool]) -> None:
        self._busy = busy
        self._enough = enough

    @property
    def done(self) -> bool:
        return not self._busy or self._enough()

    def awaited(self) -> Awaited:
        return Awaited("", "", ())


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
    panel : Panel, optional
        Where the rank says what it waits for.

    Attributes
    ----------
    next_context : int
        The first context that no communicator of this rank has used.
    crowded : bool
        Whether ranks share cores.
    calls : mapping
        Context to the collective calls whose messages have it.
    tasks : list of Task
        Collective calls under way.
    inboxes, outboxes : dict
        By rank; an outbox for this rank itself as well.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        doorbell: Doorbell,
        abort: Callable[[int], NoReturn],
        *,
        spin: bool,
        panel: Panel | None = None,
    ) -> None:
        self.rank = rank
        self.size = size
        self.abort = abort
        self.mailbox = Mailbox(self._acknowledge, self._read)
        self.reader: Reader | None = None
        self._receipts = 0
        self.next_context = 0
        self.panel = private_panel() if panel is None else panel
        self.calls: WeakValueDictionary[int, Calls] = WeakValueDictionary()
        self._acquire = doorbell.acquire
        self._most_spins = self._spins = _SPINS if spin else 0
        self.crowded = not spin
        self._yields = 0 if spin else _YIELDS
        self._rung = False  # the doorbell has rung for something that is not yet taken in
        self.tasks: list[Task] = []
        self._busy: list[RingOutbox] = []
        self.inboxes: dict[int, Inbox] = {}
        self.outboxes: dict[int, Outbox] = {rank: SelfOutbox(rank, self.mailbox)}

    def connect(self, peer: int, outlet: Outlet, inlet: Inlet) -> None:
        """Add the rings to and from another rank."""
        self.outboxes[peer] = RingOutbox(outlet, self._busy)
        self.inboxes[peer] = Inbox(peer, inlet, self.mailbox)

    def next_receipt(self) -> int:
        """Return a number for the receipt of a synchronous message."""
        self._receipts = self._receipts % _RECEIPT_NUMBERS + 1
        return self._receipts

    def reads_from(self, peer: int) -> bool:
        """Say whether this rank and `peer` can read each other's memory."""
        return self.reader is not None and peer != self.rank and self.reader.reaches(peer)

    def _read(self, peer: int, address: int, target: memoryview) -> None:
        assert self.reader is not None
        self.reader.read(peer, address, target)

    def _acknowledge(self, source: int, receipt: int) -> None:
        self.outboxes[source].start(Receipt(receipt))

    def wait(self, request: Waitable) -> None:
        """Make progress until ``request.done``.

        Raises
        ------
        DeadlockError
            If there is no other rank that could complete it.
        """
        while not request.done:
            if not self._rung:
                self._await_ring(request)
            self._take_in()

    def next_message(self, inbox: Inbox, context: int, tag: int, most: int) -> Taken | None:
        """Wait for a message, and `take` it if it is the one expected from `inbox`.

        The short way of a receive that is waited for at once, past the mailbox. It is open when
        nothing else is under way, so that no posted receive could have matched before. None: go the
        long way; nothing has changed, and what has rung is remembered. Each message taken costs one
        ring, not necessarily its own: later rings are for messages that were published as well.
        """
        if self._busy or self._rung or not self.mailbox.is_empty():
            return None
        if not self._acquire(False):
            self._await_ring()
        message = inbox.take(context, tag, most)
        self._rung = message is None
        return message

    def poll(self) -> None:
        """Make progress with what has come in; never blocks."""
        if self._rung or self._acquire(False):
            self._take_in()

    def flush(self, enough: Callable[[], bool]) -> None:
        """Make progress until everything sent has left this rank, or it is `enough`."""
        self.wait(_Flush(self._busy, enough))
        if not self._busy:
            self.panel.finish()

    def _take_in(self) -> None:
        """Make progress; what has rung already is pulled in one visit."""
        acquire = self._acquire
        while acquire(False):
            pass
        self._rung = False
        self._advance()

    def _advance(self) -> None:
        for inbox in self.inboxes.values():
            inbox.pull()
        for outbox in self._busy[:]:
            outbox.flush()
        if self.tasks:
            self._advance_tasks()

    def _advance_tasks(self) -> None:
        for task in self.tasks:
            task.advance()
        self.tasks = [task for task in self.tasks if not task.done]

    def _await_ring(self, request: Waitable | None = None) -> None:
        """Return after this rank's doorbell rang, or after a while; say if `request` takes long.

        First a busy wait, if every rank has a core. It adapts: it pays when the other rank answers
        at once, and does harm when that rank waits for a core that another program uses. Ranks that
        share cores yield theirs instead, a few times: the other rank may run and ring meanwhile.
        """
        acquire = self._acquire
        if acquire(False):
            return
        if request is not None and not self.inboxes:
            raise DeadlockError(
                f"the only rank waits in {describe(self, request.awaited()).text}, for a message "
                "that nobody can send: send it before you wait for it"
            )
        least = 0 if request is None or self.crowded else request.spins
        for _ in range(max(self._spins, least)):
            if acquire(False):
                return
        for _ in range(self._yields):
            _sched_yield()
            if acquire(False):
                return
        start = perf_counter()
        if not acquire(True, _PATIENCE) and request is not None:
            self._await_ring_openly(request)
        short = perf_counter() - start < _SHORT
        self._spins = min(self._most_spins, self._spins + _MORE) if short else 0

    def _await_ring_openly(self, request: Waitable) -> None:
        """Go on waiting, and say so, where all can see it."""
        wait = describe(self, request.awaited())
        try:
            while not request.done:
                self.panel.wait(wait)
                if self._acquire(True, _PATIENCE):
                    return
                self.panel.run()
                self._advance()
        finally:
            self.panel.run()
