"""The processes of the ranks of a job: started with a link to each, ended when they have to."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Lock
from time import monotonic
from types import ModuleType
from typing import Any

from parcompute.comm.process.launching.nursery import Nursery
from parcompute.comm.process.launching.rank import main
from parcompute.comm.process.transport.engine import Wiring

_ONE_START = Lock()  # what a start changes for a while belongs to the whole program


class Processes:
    """One process per rank, and a two-way pipe (`links`) to each.

    Parameters
    ----------
    wiring : Wiring
        What connects the ranks.
    streams : sequence, optional
        For each rank, what takes the place of its standard streams.
    stoppable : bool
        Whether ranks take SIGUSR1 as a request to stop.
    modules : sequence of str
        Modules of parcompute that are imported once for all ranks.
    """

    def __init__(
        self, wiring: Wiring, streams: Sequence[Any], stoppable: bool, modules: Sequence[str] = ()
    ) -> None:
        context = get_context("forkserver")
        pipes = [context.Pipe() for _ in streams]
        self.links: list[Connection] = [ours for ours, _ in pipes]
        self._far_ends: list[Connection] = [theirs for _, theirs in pipes]
        self._processes = [
            context.Process(
                target=main, args=(rank, wiring, link, own, stoppable), name=f"rank-{rank}"
            )
            for rank, (link, own) in enumerate(zip(self._far_ends, streams, strict=True))
        ]
        self._nursery: Nursery | None = None
        self._modules = modules

    def start(self, variables: Mapping[str, str]) -> None:
        """Start all; they have the environment `variables` from the beginning."""
        with _ONE_START, _environment(variables), interrupts_held(), _main_module_hidden():
            self._nursery = Nursery(os.environ, self._modules)
            self._start_all(self._nursery)

    def _start_all(self, nursery: Nursery) -> None:
        with nursery.open():
            for process, theirs in zip(self._processes, self._far_ends, strict=True):
                process.start()
                theirs.close()

    @property
    def pids(self) -> list[int]:
        """The process ids, by rank."""
        return [process.pid for process in self._processes if process.pid is not None]

    @property
    def exitcodes(self) -> list[int | None]:
        """The exit codes, by rank: -N if killed by signal N, None if there is none yet."""
        return [process.exitcode for process in self._processes]

    def sentinel(self, rank: int) -> int:
        """Return what can be waited on for the end of the process of `rank`."""
        return self._processes[rank].sentinel

    def exitcode(self, rank: int, patience: float) -> int | None:
        """Return how the process of `rank`, which is about to end, has ended."""
        self._processes[rank].join(patience)
        return self._processes[rank].exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to all that still run."""
        for process in self._processes:
            if process.pid is not None and process.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)

    def join(self, seconds: float) -> None:
        """Wait until all have ended, but no longer than that."""
        deadline = monotonic() + seconds
        for process in self._processes:
            if process.pid is not None:
                process.join(max(0.0, deadline - monotonic()))

    def end_nursery(self) -> None:
        """End the process that has forked the others, which have ended."""
        if self._nursery is not None:
            self._nursery.close()

    def close(self) -> None:
        """Close the links."""
        for link in (*self.links, *self._far_ends):
            link.close()


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
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back; processes started meanwhile hold it too, until they are prepared for it.

    The mask is for them: here, the signal comes to any other thread (of OpenBLAS, say), and Python
    then has the main thread handle it.
    """
    came: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    handler = signal.getsignal(signal.SIGINT)
    held = callable(handler) and threading.current_thread() is threading.main_thread()
    if held:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        if held:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep processes started meanwhile from importing the program of this one.

    `multiprocessing` has every new process import ``__main__`` again. That costs its whole start-up
    time, and starts ranks without end where the program does so at its top level.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program
