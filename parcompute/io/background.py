"""A piece of work in a thread of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from threading import Thread, get_native_id


class Background:
    """Calls a function in another thread, whose error `wait` raises.

    The thread is a daemon: a job that ends because of an error must not wait for a disk.

    Parameters
    ----------
    nice : int
        How far it stands back where threads want more cores than there are (Linux): ranks that
        compute wait for each other, so that one that is held up holds up all.
    """

    def __init__(self, function: Callable[..., object], *args: object, nice: int = 0) -> None:
        self._function, self._args, self._nice = function, args, nice
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True, name="writer")
        self._thread.start()

    def _run(self) -> None:
        try:
            if self._nice and sys.platform == "linux":
                os.setpriority(os.PRIO_PROCESS, get_native_id(), self._nice)
            self._function(*self._args)
        except BaseException as error:
            self._error = error

    @property
    def is_done(self) -> bool:
        """Whether `wait` returns at once."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Return when the function has, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
