"""A piece of work in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


class Background:
    """Calls a function in another thread, whose error `wait` raises.

    The thread is a daemon: a job that ends because of an error must not wait for a disk.
    """

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self._function, self._args = function, args
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True, name="writer")
        self._thread.start()

    def _run(self) -> None:
        try:
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
