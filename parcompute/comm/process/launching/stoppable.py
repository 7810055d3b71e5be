"""Jobs whose ranks can be asked to stop in an orderly way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from parcompute.comm.process.launching.job import Job
from parcompute.comm.stopping import REQUESTS


class StoppableJob(Job):
    """A job that passes requests to stop on; its function looks for them (`run.stops`)."""

    _stoppable = True

    def start(self) -> None:
        """Start the ranks, and the function."""
        with _requests_held():
            super().start()

    def able(self) -> bool:
        """Return whether all ranks stop in order now."""
        return all(panel.able() for panel in self._started().panels)

    def ask(self, name: str) -> None:
        """Ask all ranks to stop because of the signal of this name."""
        for panel in self._started().panels:
            panel.ask(name)


@contextmanager
def _requests_held() -> Iterator[None]:
    """Hold requests back in processes started meanwhile, which they would end.

    Slurm sends them to all processes of a step. Ranks let them through when they have prepared for
    them; the nursery never does, since the ranks would end with it.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        resource_tracker.ensure_running()  # another process, whose start lets SIGTERM through
        signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
