"""Reductions that are made while a stencil sweeps: accumulators of threads and ranks.

Sums are exact and rounded once: a float64 is a whole number of units of 2**-1074, added to limbs
of 32 bits in words of 64, as in a superaccumulator (Kulisch, "Computer Arithmetic and Validity",
2013, chapter 8). So they do not depend on the order of cells, tiles, threads and ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute import reductions
from parcompute.comm import Communicator
from parcompute.reductions import ExactSum
from parcompute.stencils.formula import Reduction

WORDS = 74  # of an accumulator: 70 limbs, additions since the last carry, NaN, infinity, -infinity
_START = {"max": -np.inf, "min": np.inf}
Partial = ExactSum | float


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
    units = sum(int(limb) << (32 * k) for k, limb in enumerate(words[:70]))
    special = 0.0
    for value, flag in zip((np.nan, np.inf, -np.inf), words[71:], strict=True):
        special += value if flag else 0.0
    return ExactSum(units, special)


def of_array(reduction: Reduction, values: NDArray[Any]) -> Partial:
    """Return the reduction of an array, for the numpy engine."""
    if reduction.kind == "sum":
        return reductions.exact_sum(values)
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

    def both(a: Sequence[Partial], b: Sequence[Partial]) -> list[Partial]:
        return [combine(r, x, y) for r, x, y in zip(wanted, a, b, strict=True)]

    results = comm.allreduce(list(parts), op=both)
    numbers = [float(value) + 0.0 for value in results]  # + 0.0: of two zeros, the positive one
    return [int(n) if w and np.isfinite(n) else n for n, w in zip(numbers, whole, strict=True)]
