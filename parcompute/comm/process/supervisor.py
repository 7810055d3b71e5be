"""Starts the ranks of a job, watches them, and ends them all when one fails.

The supervisor is not a rank: it computes nothing, and talks to every rank over a pipe of its own
(out: the function; back: its result or its error).
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import monotonic
from types import ModuleType
from typing import Any, NoReturn

from parcompute.comm.cores import thread_variables, usable_cpus
from parcompute.comm.process.engine import Wiring
from parcompute.comm.process.memory import Segment
from parcompute.comm.process.rank import CONNECTED, Report, main
from parcompute.comm.process.ring import segment_bytes
from parcompute.errors import ConfigError, RankError

_GRACE = 0.2  # seconds in which other ranks may report the same error
_PATIENCE = 2.0  # seconds between asking a rank to end and killing it


def launch(
    function: Callable[..., Any],
    ranks: int,
    args: Sequence[Any] = (),
    *,
    threads: int = 1,
    env: Mapping[str, str] | None = None,
) -> list[Any]:
    """Run ``function(comm, *args)`` on `ranks` processes; return the results by rank.

    Parameters
    ----------
    function : callable
        Importable by name, since the ranks are new processes that import it.
    ranks : int
        Number of processes.
    args : sequence
        Further arguments, pickled.
    threads : int
        Threads per rank, for OpenMP and BLAS.
    env : mapping, optional
        Environment variables that the ranks have from their start.

    Raises
    ------
    ParcomputeError
        As a rank raised it (`ConfigError`, `DivergenceError` …), once, of the lowest such rank.
    RankError
        If a rank raised anything else, exited or was killed. The other ranks are ended at once.
    """
    if ranks < 1:
        raise ConfigError(f"expected at least 1 rank, got {ranks}: set backend.ranks")
    payload = _pickled(function, args)
    job = Job(ranks)
    with job, _environment(thread_variables(threads) | dict(env or {})):
        job.start(payload)
        return job.results()


class Job:
    """The processes of one job; leaving the ``with`` block ends those that still run."""

    def __init__(self, ranks: int) -> None:
        context = get_context("spawn")
        self._segment = Segment(segment_bytes(ranks))
        bells = [context.Semaphore(0) for _ in range(ranks)]
        wiring = Wiring(self._segment, bells, spin=ranks <= usable_cpus())
        self._wiring: Wiring | None = wiring
        self._unconnected = set(range(ranks))
        pipes = [context.Pipe() for _ in range(ranks)]
        self._links: list[Connection] = [ours for ours, _ in pipes]
        self._far_ends: list[Connection] = [theirs for _, theirs in pipes]
        self._processes = [
            context.Process(target=main, args=(rank, wiring, theirs), name=f"rank-{rank}")
            for rank, theirs in enumerate(self._far_ends)
        ]
        self._reports: dict[int, Report] = {}

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._segment.close()
        for link in self._links:
            link.close()

    def start(self, payload: bytes) -> None:
        """Start all processes, then send each the pickled (function, arguments)."""
        with _interrupts_held(), _main_module_hidden(unless=b"__main__" in payload):
            for process, theirs in zip(self._processes, self._far_ends, strict=True):
                process.start()
                theirs.close()
        for rank, link in enumerate(self._links):
            try:
                link.send_bytes(payload)
            except OSError:
                self._hear(rank)

    def results(self) -> list[Any]:
        """Wait for all ranks; return what they returned, or raise what went wrong."""
        while self._running() and not self._failed():
            self._listen(None)
        if self._failed():
            self._raise_failure()
        self._join(_PATIENCE)
        return [self._reports[rank].value for rank in range(len(self._links))]

    def _running(self) -> list[int]:
        return [rank for rank in range(len(self._links)) if rank not in self._reports]

    def _failed(self) -> list[int]:
        return sorted(rank for rank, report in self._reports.items() if not report.ok)

    def _listen(self, timeout: float | None) -> None:
        """Take in the reports that have come, and notice the ends of ranks."""
        running = self._running()
        by_link = {self._links[rank]: rank for rank in running}
        by_sentinel = {self._processes[rank].sentinel: rank for rank in running}
        ready = wait([*by_link, *by_sentinel], timeout)
        for rank in running:
            if self._links[rank] in ready or self._processes[rank].sentinel in ready:
                self._hear(rank)

    def _hear(self, rank: int) -> None:
        """Take what a rank says, or record how it ended without a word."""
        link = self._links[rank]
        try:
            if link.poll():
                self._take(rank, link.recv_bytes())
                return
        except (EOFError, OSError):
            pass
        self._processes[rank].join(_PATIENCE)
        self._reports[rank] = Report(False, None, _cause(self._processes[rank].exitcode))

    def _take(self, rank: int, message: bytes) -> None:
        """Take a message of a rank: first that it is connected, then its report."""
        if message != CONNECTED:
            self._reports[rank] = pickle.loads(message)
            return
        self._unconnected.discard(rank)
        if not self._unconnected:
            self._wiring = None  # drops the semaphores, which drops their names: nothing can leak

    def _raise_failure(self) -> NoReturn:
        """Wait a little for the same error on other ranks, then raise that of the lowest one."""
        deadline = monotonic() + _GRACE
        while self._running() and (left := deadline - monotonic()) > 0:
            self._listen(left)
        rank = self._failed()[0]
        report = self._reports[rank]
        if report.value is not None:
            raise report.value
        raise RankError(rank, report.details)

    def _join(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        for process in self._processes:
            process.join(max(0.0, deadline - monotonic()))

    def _end(self) -> None:
        """End the processes that still run: ask, then kill."""
        for end in ("terminate", "kill"):
            alive = [process for process in self._processes if process.pid and process.is_alive()]
            for process in alive:
                getattr(process, end)()
            if alive:
                self._join(_PATIENCE)


def _cause(exitcode: int | None) -> str:
    """Say how a rank ended that reported nothing."""
    if exitcode is not None and exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}"
    return f"its process ended with exit code {exitcode} before it had a result (see its output)"


def _pickled(function: Callable[..., Any], args: Sequence[Any]) -> bytes:
    try:
        return pickle.dumps((function, tuple(args)), pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"ranks are new processes that import what they run, but {function!r} with its "
            f"arguments cannot be pickled ({error}): define it at the top level of a module"
        ) from error


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have the variables set, so that processes started meanwhile inherit them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back; processes started meanwhile hold it too, until they ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_module_hidden(*, unless: bool) -> Iterator[None]:
    """Keep processes started meanwhile from importing the program of this one.

    `multiprocessing` has every new process import ``__main__`` again. That costs its whole start-up
    time, and is needed only if something of it was pickled (`unless`).
    """
    program = sys.modules["__main__"]
    if not unless:
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program
