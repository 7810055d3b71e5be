"""Threads of a rank that share the tiles of a pass; compiled code runs outside Python's lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from itertools import count

Work = Callable[[int, int, int], None]
"""``work(thread, begin, end)`` computes some tiles."""

_CHUNKS = 6  # pieces of work for each thread: uneven threads wait for at most one of them


class Team:
    """Some threads, the caller among them, that wait for work.

    Parameters
    ----------
    size : int
        How many.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._start = [threading.Semaphore(0) for _ in range(size - 1)]
        self._done = threading.Semaphore(0)
        self._task: Callable[[int], None] = lambda _: None
        self._errors: list[BaseException] = []
        for number in range(1, size):
            threading.Thread(
                target=self._serve, args=(number,), daemon=True, name=f"parcompute-{number}"
            ).start()

    def _serve(self, number: int) -> None:
        while True:
            self._start[number - 1].acquire()
            try:
                self._task(number)
            except BaseException as error:  # raised again by the caller
                self._errors.append(error)
            self._done.release()

    def run(self, work: Work, tiles: int) -> None:
        """Compute all tiles."""
        step = max(1, tiles // (self.size * _CHUNKS))
        begins = count(0, step)  # next() of a count is atomic

        def task(thread: int) -> None:
            while (begin := next(begins)) < tiles:
                work(thread, begin, min(begin + step, tiles))

        self._task = task
        for semaphore in self._start:
            semaphore.release()
        try:
            task(0)
        finally:
            for _ in self._start:
                self._done.acquire()
        if self._errors:
            raise self._errors.pop()


@lru_cache
def team(size: int) -> Team:
    """Return the team of this process with so many threads."""
    return Team(size)
