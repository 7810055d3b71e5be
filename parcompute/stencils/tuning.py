"""Choose time tiles: try a few recipes in sweeps of the run, keep the fastest, remember it.

Every recipe computes the same bits, so that trials are ordinary sweeps. Ranks try the same recipes
in the same order and agree on the times, the slowest rank's.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from parcompute.box import Index
from parcompute.comm import Communicator
from parcompute.native.compiled import cache_folder, machine
from parcompute.stencils.shapes import PAST_THE_CACHE, Recipe, default_recipe, recipes

_ROUNDS = 3  # trials of each recipe; the first also makes its tables and touches its memory
_MOST_COPIES = 3.0  # scratch cells computed for one of the block, beyond which nothing is gained

Choice = Recipe | None
"""None: sweep by sweep."""


class Tuner:
    """Says how the next sweeps of a sequence are made.

    Parameters
    ----------
    comm : Communicator
        The ranks, which ask alike.
    identity : str
        What the best choice depends on besides the machine.
    candidates : sequence of Recipe
        What can be tried.
    """

    def __init__(self, comm: Communicator, identity: str, candidates: Sequence[Recipe]) -> None:
        self._comm = comm
        self.path = memory(identity)
        self._times: dict[Choice, list[float]] = {None: []}
        self._times |= {recipe: [] for recipe in candidates}
        self._chosen: dict[int, Choice] = {}  # for so many sweeps at a time
        is_root = comm.Get_rank() == 0
        told: tuple[bool, Choice] = comm.bcast(remembered(self.path) if is_root else None)
        self._known = told[0] and told[1] in self._times  # from an earlier run
        self._best = told[1] if self._known else None

    def next(self, remaining: int) -> Choice:
        """Return how to make the next of the `remaining` sweeps; collective."""
        if self._known:
            return shallow(self._best, remaining)
        possible = [c for c in self._times if c is None or c.depth <= remaining]
        trials = [c for c in possible if len(self._times[c]) < _ROUNDS]
        if trials:
            return min(trials, key=lambda c: len(self._times[c]))
        limit = max((c.depth for c in possible if c is not None), default=1)
        if limit not in self._chosen:
            self._chosen[limit] = self._fastest(possible)
        return self._chosen[limit]

    def record(self, choice: Choice, seconds: float, sweeps: int) -> None:
        """Note how long sweeps have taken, if they were a trial."""
        times = self._times.get(choice)
        if not self._known and times is not None and len(times) < _ROUNDS:
            times.append(seconds / sweeps)

    def _fastest(self, possible: Sequence[Choice]) -> Choice:
        """Return the best of what has been tried, and remember it; collective."""
        mine = [min(self._times[c]) for c in possible]
        times: list[float] = self._comm.allreduce(mine, op=_slowest)
        best = possible[times.index(min(times))]
        if len(possible) == len(self._times) and self._comm.Get_rank() == 0:
            _remember(self.path, best)
        return best

    def describe(self) -> str:
        """Return the choice in words."""
        if not self._chosen and not self._known:
            return "time tiles tried, none chosen yet"
        best = self._best if self._known else self._chosen[max(self._chosen)]
        return "sweep by sweep" if best is None else str(best)


class FixedDepth:
    """The user's choice: time tiles of one depth, or of less where fewer sweeps are left."""

    def __init__(self, ndim: int, depth: int) -> None:
        self._recipe = default_recipe(ndim, depth)

    def next(self, remaining: int) -> Choice:
        """Return how to make the next of the `remaining` sweeps."""
        return shallow(self._recipe, remaining)

    def record(self, choice: Choice, seconds: float, sweeps: int) -> None:
        """Nothing is tried."""

    def describe(self) -> str:
        """Return the choice in words."""
        return str(self._recipe)


def shallow(choice: Choice, remaining: int) -> Choice:
    """Return the choice with no more sweeps than remain."""
    if choice is None or choice.depth <= remaining:
        return choice
    return choice._replace(depth=remaining)


def _slowest(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return list(map(max, a, b))


def memory(identity: str) -> Path:
    """Return the file in which the best choice for an identity is remembered."""
    digest = hashlib.sha256(f"{machine()}\n{identity}".encode()).hexdigest()[:20]
    return cache_folder() / f"tuning_{digest}.json"


def remembered(path: Path) -> tuple[bool, Choice]:
    """Return whether the file at `path` remembers a choice, and which."""
    try:
        words = json.loads(path.read_text())
        return True, Recipe(*words) if words else None
    except (OSError, ValueError, TypeError):
        return False, None


def _remember(path: Path, choice: Choice) -> None:
    """Write the choice; without a folder for it the next run tries again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{platform.node()}.{os.getpid()}")
        draft.write_text(json.dumps(choice))
        draft.replace(path)
    except OSError:
        return


def candidates(
    ndim: int, radius: Index, block: Index, stream: bool, *, staged: bool = False
) -> list[Recipe]:
    """Return the recipes for which tiles are not mostly margins.

    Parameters
    ----------
    ndim : int
        Number of axes.
    radius : tuple of int
        Cells that a sweep reaches along each axis.
    block : tuple of int
        Cells of the smallest block.
    stream : bool
        Whether results may go past the cache.
    staged : bool
        Whether there are intermediates.
    """
    found = [PAST_THE_CACHE] if stream else []
    for recipe in recipes(ndim, stream, staged=staged):
        work = 1.0
        for axis in range(1 if ndim > 1 else 0, ndim):
            wanted = recipe.width if axis == ndim - 1 else recipe.middle
            tile = min(wanted, block[axis])
            work *= 1 + recipe.depth * radius[axis] / tile
        if work < _MOST_COPIES and recipe.depth * radius[0] <= 2 * block[0]:
            found.append(recipe)
    return found
