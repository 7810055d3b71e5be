"""Requests to stop in an orderly way: SIGUSR1, SIGTERM, and what the process that started us says.

A rank is stopped in order by what it does itself (`parcompute.run.stops`). This is what lies below:
what has come so far, and the way to the process that started the rank, if that passes requests on.
"""

from __future__ import annotations

import signal
import threading
from time import monotonic
from typing import Protocol

REQUESTS = (signal.SIGTERM, signal.SIGUSR1)
"""The signals that ask to stop."""

_SAME = 0.5  # seconds in which SIGTERM is one that came by two ways: to the group, and passed on


class Starter(Protocol):
    """What a rank and the process that started it tell each other."""

    def offer(self, able: bool) -> None:
        """Tell whether this rank stops in an orderly way when it is asked to."""

    def request(self) -> str | None:
        """Return the name of the signal that the starter has got and passes on."""

    def ends(self) -> bool:
        """Say whether the starter ends this rank now: SIGTERM comes from it, and is no request."""


class _Nobody:
    def offer(self, able: bool) -> None:
        pass

    def request(self) -> str | None:
        return None

    def ends(self) -> bool:
        return False


class Terminations:
    """Tells a second SIGTERM, which is an order, from the first, which is a request."""

    def __init__(self) -> None:
        self._first: float | None = None

    def is_order(self) -> bool:
        """Count a SIGTERM that has come; say whether it ends this process."""
        now = monotonic()
        if self._first is None:
            self._first = now
        return now - self._first > _SAME or _starter.ends()


_starter: Starter = _Nobody()
_noted: str | None = None
_takes_sigterm = False


def remember() -> None:
    """Have SIGUSR1 noted from now on, which would else end this process."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGUSR1, lambda *_: note("SIGUSR1"))


def note(name: str) -> None:
    """Keep the name of the first signal that has asked to stop."""
    global _noted
    _noted = _noted or name


def noted() -> str | None:
    """Return the name of the signal that has asked to stop."""
    return _noted or _starter.request()


def started_by(starter: Starter) -> None:
    """Make known what passes requests on to this rank."""
    global _starter
    _starter = starter


def offer(able: bool, *, sigterm: bool = True) -> None:
    """Tell whether this process stops in order now, and whether at SIGTERM too."""
    global _takes_sigterm
    _takes_sigterm = able and sigterm
    _starter.offer(able)


def takes_sigterm() -> bool:
    """Say whether the first SIGTERM is a request."""
    return _takes_sigterm
