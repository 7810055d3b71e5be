"""How many steps are made at a time, between two signs of life."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from parcompute.comm import Communicator

_MOST = 100  # pieces of a run, where the steps are short
_LEAST = 32  # steps of the longest piece: time tiles go through as many at once
_SECONDS = 10.0  # of a piece of several steps, at most, about


class Pieces:
    """Pieces of the steps of a run: a hundredth of them or some, and none that lasts long.

    Short pieces cost speed, long ones show no progress, and too much of nothing seems to hang. They
    grow from one step on, each twice as long as the one before, while they are short; the ranks
    agree on that, because they make every piece together.

    Parameters
    ----------
    comm : Communicator
        All ranks of the run.
    steps : int
        Steps of the run.
    limit : float or None
        Seconds without progress that are taken as a hang; 0 or None: any.

    Attributes
    ----------
    most : int
        Steps of the longest piece.
    """

    def __init__(self, comm: Communicator, steps: int, limit: float | None) -> None:
        self.most = max(_LEAST, -(-steps // _MOST))
        self._comm = comm
        self._size = 0  # 0: nothing has been done
        self._growing = True
        self._seconds = min(_SECONDS, limit / 10) if limit else _SECONDS

    def between(self, step: int, target: int) -> Iterator[int]:
        """Yield how many steps to make next, on the way from `step` to `target`; collective.

        It is one at first, whose time does not count: that step loads the kernels.
        """
        while step < target:
            count = min(max(self._size, 1), target - step)
            begin = perf_counter()
            yield count
            if self._size == 0:
                self._size = 1
            elif count == self._size < self.most and self._growing:
                self._grow(perf_counter() - begin)
            step += count

    def _grow(self, seconds: float) -> None:
        """Double the size, if rank 0 finds that it will still be short."""
        self._growing = self._comm.bcast(2 * seconds < self._seconds)
        if self._growing:
            self._size = min(2 * self._size, self.most)
