"""Reductions that are made while a stencil sweeps: accumulators of threads and ranks.

Sums are exact and rounded once (see `reductions.accumulator`), so that they do not depend on the
order of cells, tiles, threads and ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from parcompute.comm import Communicator
from parcompute.reductions.accumulator import WORDS, ExactSum
from parcompute.reductions.collective import combined
from parcompute.reductions.partial import sum_of
from parcompute.stencils.formula import Reduction

_START = {"max": -np.inf, "min": np.inf}
Partial = ExactSum | float
T = TypeVar("T")


def accumulators(wanted: Sequence[Reduction]) -> NDArray[np.int64]:
    """Return an accumulator for each reduction, shape (n, WORDS)."""
    words = np.zeros((len(wanted), WORDS), np.int64)
    for row, reduction in zip(words, wanted, strict=True):
        if reduction.kind != "sum":
            row.view(np.float64)[0] = _START[reduction.kind]
    return words


def partial(reduction: Reduction, words: NDArray[np.int64]) -> Partial:
    """Return what an accumulator holds."""
    if reduction.kind != "sum":
        return float(words.view(np.float64)[0])
    return ExactSum(words.copy())


def of_array(reduction: Reduction, values: NDArray[Any]) -> Partial:
    """Return the reduction of an array, for the numpy engine."""
    if reduction.kind == "sum":
        return sum_of(values)
    if not values.size:
        return _START[reduction.kind]
    return float(values.max() if reduction.kind == "max" else values.min())


def combine(reduction: Reduction, a: Partial, b: Partial) -> Partial:
    """Return the reduction of both."""
    if isinstance(a, ExactSum) and isinstance(b, ExactSum):
        return a + b
    choose = np.maximum if reduction.kind == "max" else np.minimum
    return float(choose(float(a), float(b)))


def total(
    comm: Communicator, wanted: Sequence[Reduction], whole: Sequence[bool], parts: Sequence[Partial]
) -> list[float | int]:
    """Return the reductions over all ranks; collective."""
    sums = iter(combined(comm, _of_kind(ExactSum, parts)))
    extremes = iter(_extremes(comm, wanted, _of_kind(float, parts)))
    numbers = [
        float(next(sums)) if isinstance(part, ExactSum) else next(extremes) for part in parts
    ]
    return [int(n) if w and np.isfinite(n) else n for n, w in zip(numbers, whole, strict=True)]


def _of_kind(kind: type[T], parts: Sequence[Partial]) -> list[T]:
    return [part for part in parts if isinstance(part, kind)]


def _extremes(
    comm: Communicator, wanted: Sequence[Reduction], parts: Sequence[float]
) -> list[float]:
    chosen = [reduction for reduction in wanted if reduction.kind != "sum"]

    def both(a: Sequence[float], b: Sequence[float]) -> list[Partial]:
        return [combine(r, x, y) for r, x, y in zip(chosen, a, b, strict=True)]

    found = comm.allreduce(list(parts), op=both) if chosen else []
    return [value + 0.0 for value in found]  # of two zeros, the positive one
