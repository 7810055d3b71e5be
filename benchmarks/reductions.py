"""Exact reductions beside ordinary ones: ``python -m benchmarks.reductions [--elements N] …``.

* Sums: the time of `parcompute.reductions.total` beside that of ``numpy.sum`` on the same array, on
  one rank (goal: at most twice), and of dot product, norm and variance beside their ordinary forms;
  in turn (A B A B …), medians of the ratios. `math.fsum`, which is exact too, on a hundredth of the
  elements.
* The allreduce: the time of a sum of 100 elements on two ranks, beside an allreduce of one float64
  by the same communicator, and the bytes that it moves.
* Sums in a sweep: a stencil with `pc.reduce_sum` beside the same without.
* Exactness: the sum where terms cancel, beside `math.fsum` and ``numpy.sum``.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import parcompute as pc
from parcompute import reductions
from parcompute.reductions.accumulator import WORDS

COMM = pc.serial()
_FEW = 100  # one in so many elements for math.fsum
_CALLS = 2000  # of an allreduce


@pc.stencil
def diffuse(u, *, r):
    """Return the new value."""
    return u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])


@pc.stencil
def diffuse_and_sum(u, *, r):
    """Return the new value, and the sum of all."""
    new = u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])
    return new, pc.reduce_sum(new)


def seconds(function: Callable[[], Any]) -> float:
    """Return the wall time of a call."""
    start = perf_counter()
    function()
    return perf_counter() - start


def in_turn(ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> tuple[float, ...]:
    """Return the median times of both, and the median of theirs to ours."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats + 1)][1:]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    return a, b, statistics.median(y / x for x, y in pairs)


def show(name: str, ours: float, theirs: float, speed: float, note: str = "") -> None:
    """Print a line; speed is theirs to ours."""
    print(f"{name:<44} {ours:9.4g} s {theirs:9.4g} s {speed:6.2f}x  {note}", flush=True)


def sums(elements: int, repeats: int) -> None:
    """Measure long arrays on one rank."""
    a = np.random.default_rng(1).normal(size=elements)
    b = np.random.default_rng(2).normal(size=elements)
    cases = [
        ("sum / numpy.sum", reductions.total, np.sum, (a,), "goal 0.5x"),
        ("sum of float32 / numpy.sum", reductions.total, np.sum, (a.astype(np.float32),), ""),
        ("sum of |x| / numpy.abs(x).sum", _absolute, lambda x: np.abs(x).sum(), (a,), ""),
        ("dot / numpy.dot", reductions.dot, np.dot, (a, b), ""),
        ("norm / numpy.linalg.norm", reductions.norm, np.linalg.norm, (a,), ""),
        ("variance / numpy.var", reductions.variance, np.var, (a,), ""),
    ]
    for name, ours, theirs, arrays, note in cases:
        times = in_turn(lambda: ours(COMM, *arrays), lambda: theirs(*arrays), repeats)  # noqa: B023
        show(name, *times, note)
    few = a[: elements // _FEW]
    show(
        f"sum / math.fsum, {len(few):.0e} elements",
        *in_turn(lambda: reductions.total(COMM, few), lambda: math.fsum(few), repeats),
    )


def _absolute(comm: pc.Communicator, array: np.ndarray) -> float:
    return reductions.norm(comm, array, 1)


def sweeps(repeats: int) -> None:
    """Measure what a sum costs in a sweep."""
    grid = pc.Grid((4096, 4096), comm=COMM)
    u = grid.field("u")
    u.fill(lambda y, x: np.sin(y / 100) * np.cos(x / 100))
    show(
        "sweep with a sum / without, 4096 x 4096",
        *in_turn(lambda: diffuse_and_sum(u, r=0.2), lambda: diffuse(u, r=0.2), repeats),
    )


def latencies(comm: pc.Communicator, repeats: int) -> tuple[float, ...]:
    """Return the times of a short sum and of an allreduce of a float64 over all ranks."""
    array, one, whole = np.ones(100), np.ones(1), np.ones(1)

    def ours() -> None:
        for _ in range(_CALLS):
            reductions.total(comm, array)

    def theirs() -> None:
        for _ in range(_CALLS):
            comm.Allreduce(one, whole)

    a, b, speed = in_turn(ours, theirs, repeats)
    return a / _CALLS, b / _CALLS, speed


def exactness() -> None:
    """Print the error of ordinary sums where terms cancel."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=1_000_000) * 10.0 ** rng.uniform(-8, 8, 1_000_000)
    values = np.concatenate([values, -values[::-1], rng.normal(size=1000)])
    exact = math.fsum(values)
    for name, found in (
        ("parcompute", reductions.total(COMM, values)),
        ("numpy.sum", float(values.sum())),
    ):
        print(f"{name:<44} {found!r}, off by {abs(found - exact):.1e} from math.fsum")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=100_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    print(f"{'ours / theirs':<44} {'ours':>11} {'theirs':>11} {'speed':>7}")
    sums(options.elements, options.repeats)
    sweeps(options.repeats)
    times = pc.launch(latencies, 2, (options.repeats,))[0]
    show("short sum / allreduce of 8 B, 2 ranks", *times, f"{8 * WORDS} B in one allreduce")
    exactness()


if __name__ == "__main__":
    main()
