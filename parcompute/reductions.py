"""Reductions over distributed arrays that give the same bits on any number of ranks.

Sums are exact: every float64 is an integer multiple of 2**-1074, so partial sums are kept as
whole numbers, whose addition is associative, and rounded once at the end. The result equals
``math.fsum`` of all elements. The leading bits of all elements are split off together, by adding
and subtracting a power of two, so that their sum is exact in float64 whatever its order (Rump,
Ogita & Oishi, "Accurate floating-point summation part I", SIAM J. Sci. Comput. 31, 2008).
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.comm import Communicator

_LOG_CHUNK = 15
_CHUNK = 1 << _LOG_CHUNK  # elements at a time: they stay in cache while their bits are split off
_HUGE = 2.0**900  # from here on the power of two might overflow
_SCALE = 1074  # whole numbers count units of 2**-_SCALE


@dataclass(frozen=True, slots=True)
class ExactSum:
    """A sum without rounding.

    Attributes
    ----------
    units : int
        The finite part in units of 2**-1074.
    special : float
        The sum of the elements that are infinite or NaN; 0 if there are none.
    """

    units: int = 0
    special: float = 0.0

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units, self.special + other.special)

    def __float__(self) -> float:
        return self.divided_by(1)

    def divided_by(self, count: int) -> float:
        """Return the sum over `count`, correctly rounded."""
        if self.special != 0.0:
            return self.special
        try:
            return self.units / (count << _SCALE)
        except OverflowError:
            return float("inf") if self.units > 0 else float("-inf")


def exact_sum(array: NDArray[Any]) -> ExactSum:
    """Return the exact sum of the elements of `array` (real numbers, any shape)."""
    flat = np.ascontiguousarray(array).reshape(-1)
    total = ExactSum()
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK]
        total += _integer_sum(chunk) if chunk.dtype.kind in "biu" else _float_sum(chunk)
    return total


def _integer_sum(chunk: NDArray[Any]) -> ExactSum:
    if chunk.dtype.itemsize < 8:
        return ExactSum(int(chunk.sum(dtype=np.int64)) << _SCALE)
    high = int((chunk >> 32).sum(dtype=np.int64))
    low = int((chunk & 0xFFFFFFFF).sum(dtype=np.int64))
    return ExactSum(((high << 32) + low) << _SCALE)


def _float_sum(chunk: NDArray[Any]) -> ExactSum:
    values = chunk.astype(np.float64)
    magnitude = _magnitude(values)
    if magnitude < _HUGE:
        return ExactSum(_split_sum(values, magnitude))
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        special = float(values[~np.isfinite(values)].sum())
    rest = values[np.isfinite(values)]
    huge = np.abs(rest) >= _HUGE
    units = sum(map(_units, rest[huge].tolist()))
    rest = rest[~huge]
    return ExactSum(units + _split_sum(rest, _magnitude(rest)), special)


def _magnitude(values: NDArray[np.float64]) -> float:
    """Return the largest absolute value, infinity if there is a NaN."""
    if not values.size:
        return 0.0
    largest = max(float(values.max()), -float(values.min()))
    return largest if largest == largest else math.inf


def _split_sum(rest: NDArray[np.float64], magnitude: float) -> int:
    """Return the sum of at most 2**_LOG_CHUNK numbers in units; `rest` is used up."""
    units = 0
    leading = np.empty_like(rest)
    while magnitude:
        power = math.ldexp(1.0, math.frexp(magnitude)[1] + _LOG_CHUNK)
        np.add(rest, power, out=leading)
        leading -= power  # multiples of 2**-53 power, whose sum is at most power: exact
        rest -= leading  # exact too
        units += _units(float(leading.sum()))
        magnitude = _magnitude(rest)
    return units


def _units(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator * ((1 << _SCALE) // denominator)


def total(comm: Communicator, array: NDArray[Any]) -> float:
    """Return the sum over all ranks' `array`, correctly rounded; collective."""
    return float(comm.allreduce(exact_sum(array)))


def mean(comm: Communicator, array: NDArray[Any]) -> float:
    """Return the mean over all ranks' `array`, correctly rounded; collective."""
    partial: _Mean = comm.allreduce(_Mean(exact_sum(array), array.size))
    value: float = partial.sum.divided_by(partial.count)
    return value


@dataclass(frozen=True, slots=True)
class _Mean:
    sum: ExactSum
    count: int

    def __add__(self, other: _Mean) -> _Mean:
        return _Mean(self.sum + other.sum, self.count + other.count)


def norm(comm: Communicator, array: NDArray[Any]) -> float:
    """Return the Euclidean norm, the square root of the sum of squares; collective."""
    values = array.astype(np.float64, copy=False)
    return float(np.sqrt(total(comm, values * values)))


def errors(comm: Communicator, values: NDArray[Any], exact: Any) -> dict[str, float]:
    """Return the largest ("max") and the root-mean-square ("rms") difference; collective."""
    difference = values - exact
    return {
        "max": largest(comm, np.abs(difference)),
        "rms": mean(comm, difference * difference) ** 0.5,
    }


def smallest(comm: Communicator, array: NDArray[Any]) -> Any:
    """Return the minimum over all ranks' `array`, NaN if there is one; collective."""
    return _extreme(comm, array.min() if array.size else None, np.minimum)


def largest(comm: Communicator, array: NDArray[Any]) -> Any:
    """Return the maximum over all ranks' `array`, NaN if there is one; collective."""
    return _extreme(comm, array.max() if array.size else None, np.maximum)


def _extreme(comm: Communicator, local: Any, choose: np.ufunc) -> Any:
    def combine(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return b if a is None else a
        return choose(a, b)

    return comm.allreduce(local, op=combine).item()


def all_true(comm: Communicator, condition: bool) -> bool:
    """Return whether `condition` holds on every rank; collective."""
    return bool(comm.allreduce(bool(condition), op=operator.and_))
