"""Finds ranks that wait forever.

Proof of a deadlock: take the ranks that are in one and the same wait before and after a look at the
rings (meanwhile they neither sent nor received anything), and those that have finished. From these,
remove every rank that something is under way to or that can go on sending, then, again and again,
every rank that waits for one which was removed. What remains can never go on, however slow the
machine is.
"""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from parcompute.comm.process.launching.mismatch import find_mismatch
from parcompute.comm.process.launching.wording import lines_by_rank
from parcompute.comm.process.transport.board import FINISHED, WAITING, Panel, Wait
from parcompute.comm.process.transport.ring import Gauge
from parcompute.errors import DeadlockError, ParcomputeError

_INTERVAL = 0.3  # seconds between looks
_SECOND_LOOK = 0.15  # seconds until the one that confirms what the first has found
_SETTLED = 0.7  # seconds after which a finding counts even if it changes at every look
_SHARE = 0.01  # of the time, at most: comparing the calls of ranks of which none waits
_EXPLANATION = (
    "deadlock: these ranks wait for each other, or for one that has returned, and no message is "
    "under way"
)


class Lookout:
    """Looks at the ranks of a job from outside.

    Parameters
    ----------
    panels : list of Panel
        Of all ranks.
    gauge : Gauge
        Of their rings.
    """

    def __init__(self, panels: list[Panel], gauge: Gauge) -> None:
        self._panels = panels
        self._gauge = gauge
        self._compared: list[bytes] = []  # logs of calls without a mismatch
        self._next_comparison = 0.0  # while nobody waits
        self._suspicion: ParcomputeError | None = None  # what the last look has found
        self._since = 0.0

    @property
    def interval(self) -> float:
        """Seconds until the next look."""
        return _INTERVAL if self._suspicion is None else _SECOND_LOOK

    def look(self, returned: Collection[int]) -> ParcomputeError | None:
        """Return what is wrong, if anything is, once it is the same in two looks.

        So all ranks are in the sentence, also one that came later than others, and a log that was
        read while its rank wrote does no harm.

        Parameters
        ----------
        returned : collection of int
            The ranks whose function has ended.
        """
        before, self._suspicion = self._suspicion, self._found(returned)
        now = monotonic()
        if self._suspicion is None or before is None:
            self._since = now
        elif str(self._suspicion) == str(before) or now > self._since + _SETTLED:
            return self._suspicion
        return None

    def look_back(self) -> ParcomputeError | None:
        """Return what was wrong with the calls of a function that has returned on all ranks."""
        return find_mismatch(self._panels, finished=True)

    def _found(self, returned: Collection[int]) -> ParcomputeError | None:
        waiting = any(panel.moment()[0] == WAITING for panel in self._panels)
        mismatch = None
        if waiting or self._suspicion is not None or monotonic() > self._next_comparison:
            mismatch = self._mismatch()
        return mismatch or (self._deadlock(returned) if waiting else None)

    def _mismatch(self) -> ParcomputeError | None:
        logs = [bytes(panel.log) for panel in self._panels]
        if logs == self._compared:
            return None
        begin = monotonic()
        error = find_mismatch(self._panels)
        self._compared = [] if error else logs
        self._next_comparison = monotonic() + (monotonic() - begin) / _SHARE
        return error

    def _deadlock(self, returned: Collection[int]) -> DeadlockError | None:
        moments = [panel.moment() for panel in self._panels]
        still = self._still(moments, returned)
        levels = self._gauge.read()
        for rank in list(still):
            if self._panels[rank].moment() != moments[rank]:
                del still[rank]
        stuck = _stuck(still, _under_way(levels, still, self._gauge.capacity), len(moments))
        stuck -= set(returned)
        return _explained(stuck, returned, still) if stuck else None

    def _still(
        self, moments: list[tuple[int, int]], returned: Collection[int]
    ) -> dict[int, Wait | None]:
        """Return the waits of the ranks that are in one, and None for those that have finished."""
        still: dict[int, Wait | None] = {}
        for rank, (state, _) in enumerate(moments):
            if state == FINISHED and rank in returned:
                still[rank] = None
            elif state == WAITING and (wait := self._panels[rank].read_wait()) is not None:
                still[rank] = wait
        return still


def _under_way(
    levels: NDArray[np.uint64], still: dict[int, Wait | None], capacity: int
) -> set[int]:
    """Return the ranks that are about to go on: something comes, or what they send has space."""
    waits = {rank: wait for rank, wait in still.items() if wait is not None}
    coming = {rank for rank in waits if levels[:, rank].any()}
    going = {rank for rank, w in waits.items() if any(levels[rank, d] < capacity for d in w.unsent)}
    return coming | going


def _stuck(still: dict[int, Wait | None], moving: set[int], ranks: int) -> set[int]:
    """Return the ranks that wait for each other, or for ranks that have finished."""
    stuck = set(still) - moving
    while freed := {
        r for r in stuck if (w := still[r]) is not None and _may_end(r, w, stuck, ranks)
    }:
        stuck -= freed
    return {rank for rank in stuck if still[rank] is not None}


def _may_end(rank: int, wait: Wait, stuck: set[int], ranks: int) -> bool:
    others = range(ranks) if wait.ranks is None else wait.ranks
    return any(other != rank and other not in stuck for other in others)


def _explained(
    stuck: set[int], returned: Collection[int], still: dict[int, Wait | None]
) -> DeadlockError:
    waits = {rank: wait for rank in stuck if (wait := still[rank]) is not None}
    deeds = {rank: f"wait in {_text(wait, list(waits.values()))}" for rank, wait in waits.items()}
    deeds |= dict.fromkeys(returned, "have returned")
    return DeadlockError("\n".join([f"{_EXPLANATION}:", *lines_by_rank(deeds)]))


def _text(wait: Wait, waits: list[Wait]) -> str:
    """Return the text of a wait, and what tells it from one on the same line."""
    same_line = [other for other in waits if other.text == wait.text]
    if all(other.number == wait.number for other in same_line):
        return wait.text
    return f"{wait.text} (collective call number {wait.number} of the communicator)"
