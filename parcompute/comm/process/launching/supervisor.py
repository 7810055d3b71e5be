"""Watches the ranks of a job in a thread of its own, and ends them all when one fails.

The supervisor is not a rank: it computes nothing, and talks to every rank over a link (out: what to
run; back: a report of the result or the error). Since it has a thread of its own, the failure of a
rank ends the others whatever the program that started them does meanwhile.
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from threading import Condition, Event, Thread
from time import monotonic
from typing import Any

from parcompute.comm.cores import usable_cpus
from parcompute.comm.process.launching.deadlock import Lookout
from parcompute.comm.process.launching.processes import Processes, interrupts_held
from parcompute.comm.process.launching.rank import CONNECTED, LEAVE, Report
from parcompute.comm.process.transport.board import board_bytes, panels
from parcompute.comm.process.transport.doorbells import doorbells
from parcompute.comm.process.transport.engine import Wiring
from parcompute.comm.process.transport.memory import Segment
from parcompute.comm.process.transport.remote import directory_bytes
from parcompute.comm.process.transport.ring import Gauge, segment_bytes
from parcompute.errors import ParcomputeError

_GRACE = 0.2  # seconds in which other ranks may report the same error
_PATIENCE = 2.0  # seconds between asking a rank to end and killing it


class Supervisor:
    """Starts `ranks` processes, sends them functions, gathers their reports.

    Parameters
    ----------
    ranks : int
        Number of processes.
    lasting : bool
        Whether the ranks wait for another function when they have finished one.
    streams : sequence, optional
        For each rank, what takes the place of its standard streams.
    grace : float
        Seconds in which other ranks may report after the first that failed, before they are ended.
    stoppable : bool
        Whether ranks take SIGUSR1 as a request to stop.
    modules : sequence of str
        Modules of parcompute that are imported once for all ranks.
    """

    def __init__(
        self,
        ranks: int,
        *,
        lasting: bool = False,
        streams: Sequence[Any] | None = None,
        grace: float = _GRACE,
        stoppable: bool = False,
        modules: Sequence[str] = (),
    ) -> None:
        self.ranks = ranks
        self.reports: dict[int, Report] = {}  # on the function that runs, or ran last
        self._lasting, self._grace = lasting, grace
        with limits_explained(ranks):
            self._segment = Segment(segment_bytes(ranks) + directory_bytes(ranks))
            self._board = Segment(board_bytes(ranks))
            bells = doorbells(ranks)
            wiring = Wiring(self._segment, self._board, bells, spin=ranks <= usable_cpus())
            self.processes = Processes(wiring, streams or [None] * ranks, stoppable, modules)
        gauge = Gauge(self._segment.map(), ranks)
        self.panels = panels(self._board.map())
        self._lookout = Lookout(self.panels, gauge)
        self._wiring: Wiring | None = wiring
        self._unconnected = set(range(ranks))
        self._present: set[int] = set()  # ranks whose process has not ended
        self._leaving = False  # ranks were told to end: that they do so is no failure
        self._news = Condition()
        self._ended = Event()  # Thread.join cannot be trusted after Ctrl-C
        self._thread = Thread(target=self._supervise, name="parcompute-supervisor", daemon=True)

    def start(self, variables: Mapping[str, str]) -> None:
        """Start the processes with these environment variables."""
        try:
            with limits_explained(self.ranks):
                self.processes.start(variables)
        except BaseException:
            with interrupts_held():
                self.processes.send_signal(signal.SIGKILL)
                self.processes.join(_PATIENCE)
                self._close()
            raise
        self._present = set(range(self.ranks))
        self._thread.start()

    def send(self, call: bytes) -> None:
        """Have all ranks run a pickled (function, arguments)."""
        with self._news:
            self.reports = {rank: r for rank, r in self.reports.items() if not r.ok}
        self._tell(call)

    def leave(self) -> None:
        """Have all ranks end, after what they do now."""
        with self._news:
            if self._leaving:
                return
            self._leaving = True
        self._tell(LEAVE)

    def wait(self) -> None:
        """Return when all ranks have reported, or the job has ended."""
        with self._news:
            self._news.wait_for(lambda: self._complete() or not self._present)
        if self.failed:
            self._ended.wait()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all ranks have ended; say whether they have."""
        ended = self._ended.wait(timeout)
        if ended:
            self.processes.close()
        return ended

    def end(self) -> None:
        """Ask all ranks to end; kill them after a while, or at once if Ctrl-C comes meanwhile."""
        if self._thread.ident is None:  # never started
            return
        with self._news:
            self._leaving = True
        for panel in self.panels:
            panel.end()
        try:
            self.processes.send_signal(signal.SIGTERM)
            self._ended.wait(_PATIENCE)
        finally:
            self.processes.send_signal(signal.SIGKILL)
            self._ended.wait()

    @property
    def failed(self) -> list[int]:
        """The ranks that failed."""
        return sorted(rank for rank, report in self.reports.items() if not report.ok)

    def _complete(self) -> bool:
        return len(self.reports) == self.ranks

    def _tell(self, message: bytes) -> None:
        for link in self.processes.links:
            with suppress(OSError):  # the rank has ended, which the thread notices
                link.send_bytes(message)

    def _supervise(self) -> None:
        """Listen until all ranks have ended, or one has failed."""
        try:
            while self._present and not self.failed:
                self._listen(self._lookout.interval)
                self._look()
            deadline = monotonic() + self._grace
            while self._silent() and (left := deadline - monotonic()) > 0:
                self._listen(left)
        except BaseException as error:
            report = Report(False, None, f"its supervisor failed: {error!r}")
            self.reports |= dict.fromkeys(self._silent(), report)
            raise
        finally:
            self.processes.send_signal(signal.SIGKILL)
            self.processes.join(_PATIENCE)
            self._close()
            self._ended.set()

    def _look(self) -> None:
        """End a job in which nobody can go on, or in which ranks do different things."""
        with self._news:
            returned = [rank for rank, report in self.reports.items() if report.ok]
            if not self.failed and (error := self._lookout.look(returned)):
                self._blame(next(iter(self._silent()), 0), error)

    def _blame(self, rank: int, error: ParcomputeError) -> None:
        self.reports[rank] = Report(False, error, str(error), error.exit_code)
        self._news.notify_all()

    def _silent(self) -> list[int]:
        return [rank for rank in sorted(self._present) if rank not in self.reports]

    def _listen(self, timeout: float | None) -> None:
        """Take in the reports that have come, and notice the ends of ranks."""
        links, sentinel = self.processes.links, self.processes.sentinel
        present = sorted(self._present)
        ready = wait([*(links[r] for r in present), *map(sentinel, present)], timeout)
        with self._news:
            for rank in present:
                if links[rank] in ready or sentinel(rank) in ready:
                    self._hear(rank)
            self._news.notify_all()
        if self._complete() and not self._lasting and not self.failed:
            self.leave()

    def _hear(self, rank: int) -> None:
        """Take what a rank says, or notice how it ended."""
        link = self.processes.links[rank]
        try:
            if link.poll():
                self._take(rank, link.recv_bytes())
                return
        except (EOFError, OSError):
            pass
        code = self.processes.exitcode(rank, _PATIENCE)
        self._present.discard(rank)
        known = self.reports.get(rank)
        if not self._leaving and (known is None or (known.ok and self._lasting)):
            self.reports[rank] = _end_report(code)

    def _take(self, rank: int, message: bytes) -> None:
        """Take a message of a rank: first that it is connected, then its reports."""
        if message != CONNECTED:
            report = _unpickled(message)
            if report.ok or not self._leaving:
                self.reports[rank] = report
            if self._complete() and not self.failed and (error := self._lookout.look_back()):
                self._blame(rank, error)
            return
        self._unconnected.discard(rank)
        if not self._unconnected:
            self._wiring = None  # drops the semaphores, which drops their names: nothing can leak

    def _close(self) -> None:
        self.processes.end_nursery()
        with self._news:
            self._present = set()
            self._wiring = None
            self._segment.close()
            self._board.close()
            self._news.notify_all()


@contextmanager
def limits_explained(ranks: int) -> Iterator[None]:
    """Raise one sentence where the system has no more files, memory or processes."""
    try:
        yield
    except (OSError, EOFError) as error:  # EOFError: the process that was to start them is gone
        raise ParcomputeError(
            f"{ranks} ranks cannot be started here ({error}): start fewer, or raise what limits "
            "them (open files: `ulimit -n`; space in /dev/shm; processes)"
        ) from None


def _unpickled(message: bytes) -> Report:
    try:
        report: Report = pickle.loads(message)
    except Exception as error:
        return Report(False, None, f"its result cannot be unpickled: {error!r}")
    return report


def _end_report(exitcode: int | None) -> Report:
    """Say how a rank ended that reported nothing."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return Report(False, None, f"killed by {name}", 128 - exitcode)
    sentence = f"its process ended with exit code {exitcode} before it had a result"
    return Report(False, None, f"{sentence} (see its output)", exitcode or 1)
