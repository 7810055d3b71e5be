"""End a run that hangs, and show where each rank is.

Every rank has a thread that counts how long the driver has told of no progress. It calls neither
MPI nor anything else that the main thread may hold: what hangs cannot hold it up.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path
from threading import Event, Thread, main_thread
from types import FrameType
from typing import NoReturn

from parcompute.comm import Communicator
from parcompute.errors import ParcomputeError
from parcompute.run import directory

_TICK = 1.0  # seconds between two looks, at most
_LEAST_GRACE = 2.0  # seconds in which all ranks print their stacks
_LATER = 3.0  # seconds that the other ranks give rank 0 to end the job
_STAGGER = 0.3  # seconds between two of them


class Watchdog:
    """Ends the job when `progress` is not called for too long, inside its ``with`` block.

    Every rank first prints its stack. They all wait for the one that hangs, so that they do so at
    nearly the same time; a tenth of the time limit later (2 s at least) rank 0 tells why the job
    ends, and ends it. A stop (Ctrl-Z, a laptop that sleeps) does not count, unless it lasts longer
    than the limit: the reserve for ranks that hang in C may then end the run when it goes on.

    Parameters
    ----------
    seconds : float or None
        The time limit; 0 or None: no watch.
    comm : Communicator
        All ranks of the run; it is asked for their number, and not used.
    *folders : Path
        The run directory, in which the end is recorded; and that of the ensemble around it.
    """

    def __init__(self, seconds: float | None, comm: Communicator, *folders: Path) -> None:
        self._seconds, self._folders = seconds or 0.0, folders
        self._grace = max(_LEAST_GRACE, self._seconds / 10)
        self._rank, self._size = comm.Get_rank(), comm.Get_size()
        self._turn = _LATER + _STAGGER * min(self._rank, 8) if self._rank else 0.0
        self._done = 0  # how often there was progress
        self._over = Event()
        self._base: FrameType | None = None

    def progress(self) -> None:
        """Tell that the run goes on."""
        self._done += 1

    def __enter__(self) -> Watchdog:
        self._base = sys._getframe(1)
        if self._seconds:
            Thread(target=self._watch, daemon=True, name="watchdog").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._base = None
        self._over.set()

    def _watch(self) -> None:
        try:
            while not self._over.is_set():
                if self._quiet_for(self._seconds):
                    _say(f"no progress for {self._seconds:g} s: {self._where()}")
                    if self._quiet_for(self._grace + self._turn):
                        self._expire()
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _quiet_for(self, seconds: float) -> bool:
        """Wait that long without progress, or return False as soon as there is some."""
        seen, tick = self._done, min(_TICK, seconds / 4)
        for _ in range(ceil(seconds / tick)):
            self._arm()
            if self._over.wait(tick) or self._done != seen:
                return False
        return True

    def _arm(self) -> None:
        """Have a thread of C in reserve, for a main thread that hangs and lets no Python run.

        It prints and ends this rank after the others have printed, and before they end it.
        """
        faulthandler.dump_traceback_later(self._seconds + self._grace / 2, exit=True, file=2)

    def _expire(self) -> NoReturn:
        error = ParcomputeError(
            f"no progress for {self._seconds:g} s (backend.hang_timeout), the job is ended: see "
            f"above where each rank is, or allow more time if steps or output take that long"
        )
        _say(f"error: {error}\n")
        with suppress(OSError):
            for folder in self._folders:
                directory.record_failure(folder, error)
        os._exit(1)  # the launcher or the supervisor then ends the other ranks

    def _where(self) -> str:
        """Return where the main thread is, from the ``with`` block inwards."""
        who = f"rank {self._rank} of {self._size}" if self._size > 1 else "the run"
        frame = sys._current_frames().get(main_thread().ident or 0)
        summary = traceback.StackSummary.extract(_inwards(frame, self._base))
        summary.reverse()
        return "".join([f"{who} is at\n", *summary.format()])


def _inwards(frame: FrameType | None, base: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """Yield `frame` and its callers up to `base`, with their line numbers."""
    while frame is not None and frame is not base:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _say(text: str) -> None:
    """Write in one piece; not through ``sys.stderr``, whose lock the main thread may hold."""
    os.write(2, text.encode())
