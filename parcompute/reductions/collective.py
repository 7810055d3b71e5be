"""Reductions over the arrays of all ranks, which give the same bits on any number of ranks.

Sums are exact, and rounded once at the end: each rank adds up its own elements in an accumulator
of constant size (see `accumulator`), and one allreduce adds these word by word. Only ``fast=True``
gives ordinary sums, whose last bits depend on the ranks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parcompute.comm import Communicator
from parcompute.errors import ConfigError
from parcompute.reductions.accumulator import PENDING, SCALE, ExactSum, carried, rounded
from parcompute.reductions.extremes import largest
from parcompute.reductions.partial import dot_of, sum_of

_PIECE = 1 << 16  # elements whose powers are taken at a time
Array = NDArray[Any]


def combined(comm: Communicator, sums: Sequence[ExactSum]) -> list[ExactSum]:
    """Return sums over all ranks from those of each rank, by one allreduce; collective."""
    if not sums:
        return []
    mine = np.array([carried(partial.words) for partial in sums])
    whole = np.empty_like(mine)
    comm.Allreduce(mine, whole)
    whole[:, PENDING] = 1
    return [ExactSum(words) for words in whole]


def total(comm: Communicator, array: Array, *, fast: bool = False) -> Any:
    """Return the sum over all ranks' `array`, correctly rounded; collective.

    Parameters
    ----------
    comm : Communicator
        The ranks.
    array : ndarray
        This rank's elements: booleans, integers, floats or complex numbers of any shape, which may
        differ from rank to rank.
    fast : bool
        Whether to take the ordinary sum: its last bits depend on the number of ranks.

    Returns
    -------
    float or complex
        Infinity only if the sum itself is beyond the largest float64, or an element is infinite;
        NaN if one is NaN, or there are both infinities; -0 if all elements are -0.

    Raises
    ------
    ConfigError
        If numbers have more than 64 bits.
    """
    if fast:
        return comm.allreduce(array.sum().item())
    return _number(array, combined(comm, [sum_of(part) for part in _parts(array)]))


def mean(comm: Communicator, array: Array, *, fast: bool = False) -> Any:
    """Return the mean over all ranks' `array`, correctly rounded, NaN of nothing; collective.

    See `total` for parameters and errors.
    """
    if fast:
        added, count = comm.allreduce(np.array([array.sum().item(), array.size]))
        return (added / count).item() if count else math.nan
    sums = combined(comm, [sum_of(part) for part in _parts(array)])
    means = [whole.mean() for whole in sums]
    return complex(*means) if len(means) == 2 else means[0]


def dot(comm: Communicator, a: Array, b: Array, *, fast: bool = False) -> Any:
    """Return the sum over all ranks of ``conj(a) b``, correctly rounded; collective.

    Parameters
    ----------
    a, b : ndarray
        Of one shape on each rank.
    fast : bool
        See `total`.

    Returns
    -------
    float or complex
        Products below 2**-969 are rounded to multiples of 2**-1074; those beyond the largest
        float64 are infinite.

    Raises
    ------
    ConfigError
        If the shapes differ, or numbers have more than 64 bits.
    """
    if a.shape != b.shape:
        raise ConfigError(f"dot() takes two arrays of one shape, got {a.shape} and {b.shape}.")
    if fast:
        return comm.allreduce(np.vdot(a, b).item())
    if not (np.iscomplexobj(a) or np.iscomplexobj(b)):
        return float(combined(comm, [dot_of(a, b)])[0])
    real = dot_of(a.real, b.real) + dot_of(a.imag, b.imag)
    imaginary = dot_of(a.real, b.imag) + dot_of(-a.imag, b.real)
    return complex(*map(float, combined(comm, [real, imaginary])))


def norm(comm: Communicator, array: Array, order: int = 2, *, fast: bool = False) -> float:
    """Return the sum of absolute values (`order` 1) or the root of that of squares (2); collective.

    See `total` for `array` and `fast`.

    Raises
    ------
    ConfigError
        If `order` is another one.
    """
    if order not in (1, 2):
        raise ConfigError(f"norm() takes the order 1 or 2, got {order!r}.")
    if order == 1:
        if fast:
            return float(comm.allreduce(np.abs(array).sum().item()))
        real = np.abs(array) if np.iscomplexobj(array) else array
        return float(combined(comm, [sum_of(real, absolute=True)])[0])
    if fast:
        return math.sqrt(comm.allreduce(np.vdot(array, array).real.item()))
    return math.sqrt(combined(comm, [_squares(array)])[0])


def _squares(array: Array) -> ExactSum:
    first, *others = (dot_of(part, part) for part in _parts(array))
    return sum(others, start=first)


def variance(comm: Communicator, array: Array, *, ddof: int = 0) -> float:
    """Return the variance over all ranks' `array`, correctly rounded; collective.

    Parameters
    ----------
    array : ndarray
        This rank's elements, real numbers; squares are taken as products are in `dot`.
    ddof : int
        The sum of squared deviations is divided by the number of elements minus `ddof`.

    Returns
    -------
    float
        NaN if there are not more than `ddof` elements, or if not all are finite.
    """
    added, squares = combined(comm, [sum_of(array), dot_of(array, array)])
    return _variance(added, squares, ddof)


def _variance(added: ExactSum, squares: ExactSum, ddof: int = 0) -> float:
    count = added.count
    if count <= ddof or added.special:
        return math.nan
    if squares.special:
        return squares.special
    numerator = count * (squares.units << SCALE) - added.units**2
    return rounded(max(0, numerator), count * (count - ddof) << 2 * SCALE)


class Moments(NamedTuple):
    """Mean, variance, skewness and excess kurtosis, those of the whole population."""

    mean: float
    variance: float
    skewness: float
    kurtosis: float


def moments(comm: Communicator, array: Array) -> Moments:
    """Return the first four moments over all ranks' `array` (real numbers); collective.

    Mean and variance are correctly rounded. Third and fourth powers of deviations from the mean are
    rounded one by one, with relative errors below 2**-50, and their sums are exact.
    """
    added, squares = combined(comm, [sum_of(array), dot_of(array, array)])
    centre, spread = added.mean(), _variance(added, squares)
    cubes, fourths = combined(comm, _powers(array, centre))
    if not spread > 0:
        return Moments(centre, spread, math.nan, math.nan)
    third, fourth = cubes.mean(), fourths.mean()
    return Moments(
        centre, spread, third / (spread * math.sqrt(spread)), fourth / (spread * spread) - 3.0
    )


def _powers(array: Array, centre: float) -> list[ExactSum]:
    """Return the sums of third and fourth powers of deviations from `centre`."""
    flat = np.ascontiguousarray(array).reshape(-1)
    none = np.zeros(0)
    sums = [sum_of(none), sum_of(none)]
    for start in range(0, flat.size, _PIECE):
        with np.errstate(over="ignore", invalid="ignore"):
            deviation = flat[start : start + _PIECE] - np.float64(centre)
            square = deviation * deviation
            powers = square * deviation, square * square
        sums = [partial + sum_of(power) for partial, power in zip(sums, powers, strict=True)]
    return sums


def errors(comm: Communicator, values: Array, exact: Any) -> dict[str, float]:
    """Return the largest ("max") and the root-mean-square ("rms") difference; collective."""
    difference = values - exact
    return {
        "max": largest(comm, np.abs(difference)),
        "rms": math.sqrt(mean(comm, difference * difference)),
    }


def _parts(array: Array) -> list[Array]:
    """Return the real and the imaginary part, or the array itself if it is real."""
    return [array.real, array.imag] if np.iscomplexobj(array) else [array]


def _number(array: Array, sums: Iterable[ExactSum]) -> float | complex:
    first, *second = map(float, sums)
    return complex(first, *second) if second else first
