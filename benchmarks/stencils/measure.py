"""One case: start the peers, compare their results, then let them take turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.stencils.cases import CASES, PEERS, Case
from benchmarks.stencils.controller import Peer, PeerError, Running
from benchmarks.stencils.noise import Others

_STEPS = 4  # of the comparison
_TOLERANCE = 1e-12
_WARM_UPS = 2

Array = NDArray[np.float64]
P = TypeVar("P")
Result = TypeVar("Result")


@dataclass
class Outcome:
    """What a case has shown.

    Attributes
    ----------
    case : Case
        The case.
    shape : tuple of int
        Cells.
    values : dict
        For each peer its speed, or time, in every repeat.
    notes : list of str
        What to know about it: peers that are missing, differences of results.
    """

    case: Case
    shape: tuple[int, ...]
    values: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def measure(name: str, python: str, repeats: int, quick: bool, absent: set[str]) -> Outcome:
    """Return the outcome of the case `name`.

    Parameters
    ----------
    name : str
        Key of `CASES`.
    python : str
        The Python that has the other peers.
    repeats : int
        How many times each peer is measured.
    quick : bool
        Small sizes.
    absent : set of str
        Modules of peers that `python` lacks.
    """
    case = CASES[name]
    outcome = Outcome(case, case.quick if quick else case.shape)
    if quick:
        outcome.notes.append("a smoke test: sizes and repeats are too small to judge speed")
    with ExitStack() as stack:
        peers = [PEERS[p] for p in case.peers if PEERS[p].module not in absent]
        start = partial(_start, stack, name, python)
        running = [peer for _, peer in _each(peers, outcome, start)]
        _compare(running, outcome)
        running = [p for p, _ in _each(running, outcome, partial(_set_up, outcome))]
        _take_turns(running, outcome, repeats)
    outcome.values = {k: v for k, v in outcome.values.items() if len(v) == repeats}
    return outcome


def _take_turns(running: list[Running], outcome: Outcome, repeats: int) -> None:
    """Warm up, then fill in the values."""
    for _ in range(_WARM_UPS):
        running = [p for p, _ in _each(running, outcome, partial(_value, outcome))]
    others, started = Others(running), len(running)
    for _ in range(repeats):
        turn = list(_each(running, outcome, partial(_value, outcome)))
        for peer, value in turn:
            outcome.values.setdefault(peer.peer.name, []).append(value)
        running = [peer for peer, _ in turn]
    if len(running) == started:
        outcome.notes.append(others.note())


def _each(
    peers: Iterable[P], outcome: Outcome, action: Callable[[P], Result]
) -> Iterator[tuple[P, Result]]:
    """Yield those for which an action works, with its result; note why it fails for others."""
    for peer in list(peers):
        try:
            result = action(peer)
        except PeerError as error:
            if str(error) not in outcome.notes:
                outcome.notes.append(str(error))
        else:
            yield peer, result


def _start(stack: ExitStack, name: str, python: str, peer: Peer) -> Running:
    return stack.enter_context(Running(peer, name, python))


def _set_up(outcome: Outcome, running: Running) -> None:
    running.tell("setup", outcome.shape, _steps(running, outcome.case))


def _steps(running: Running, case: Case) -> int:
    return max(2, int(case.steps * running.peer.share))


def _value(outcome: Outcome, running: Running) -> float:
    """Run one repeat; return its speed or time in the unit of the case."""
    case = outcome.case
    seconds, steps = max(running.tell("repeat")), _steps(running, case)
    if case.unit == "us/step":
        return seconds / steps * 1e6
    share = 16 / case.nbytes if running.peer.module == "copy" else 1.0
    return math.prod(outcome.shape) * steps / seconds * share / 1e6


def _compare(running: list[Running], outcome: Outcome) -> None:
    """Compare results with the first that has some, where no boundary has been felt."""
    case = outcome.case
    inner = tuple(slice(_STEPS * case.radius, n - _STEPS * case.radius) for n in case.small)
    solvers = [peer for peer in running if peer.peer.module != "copy"]
    expected: list[Array] = []
    worst = 0.0
    for peer, results in _each(solvers, outcome, partial(_results, case)):
        expected = expected or results
        pairs = zip(results, expected, strict=True)
        error = max(_difference(a[inner], b[inner]) for a, b in pairs)
        worst = max(worst, error)
        if not error <= _TOLERANCE:
            outcome.notes.append(f"{peer.peer.name}: WRONG, its result differs by {error:.1e}")
    outcome.notes.append(f"results on {case.small} after {_STEPS} steps differ by {worst:.1e}")


def _results(case: Case, running: Running) -> list[Array]:
    """Return the whole fields after some steps on a small grid."""
    running.tell("setup", case.small, _STEPS)
    running.tell("repeat")
    parts = running.tell("window")
    fields = [np.full(case.small, np.nan) for _ in parts[0]]
    for part in parts:
        for whole, (box, block) in zip(fields, part, strict=True):
            whole[box] = block
    return fields


def _difference(a: Array, b: Array) -> float:
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
