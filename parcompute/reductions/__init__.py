"""Reductions over the arrays of all ranks, with the same bits on any number of ranks.

Each function takes a communicator and this rank's array, and is collective; `Field` has the same as
methods.
"""

from parcompute.reductions.accumulator import ExactSum
from parcompute.reductions.collective import (
    Moments,
    dot,
    errors,
    mean,
    moments,
    norm,
    total,
    variance,
)
from parcompute.reductions.extremes import (
    all_true,
    argmax,
    argmin,
    histogram,
    largest,
    place,
    smallest,
)

__all__ = [
    "ExactSum",
    "Moments",
    "all_true",
    "argmax",
    "argmin",
    "dot",
    "errors",
    "histogram",
    "largest",
    "mean",
    "moments",
    "norm",
    "place",
    "smallest",
    "total",
    "variance",
]
