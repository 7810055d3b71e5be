"""Exact sums in NumPy: the reference, and what is fast enough for short arrays and integers.

It splits numbers as the compiled kernels do (see `source`), but adds the parts as Python integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.reductions.accumulator import SCALE, ExactSum

_LOG_CHUNK = 15
_CHUNK = 1 << _LOG_CHUNK  # elements at a time: they stay in cache while their bits are split off
_HUGE = 2.0**900  # from here on the power of two might overflow
_TINY = 2.0**-960  # below, the error of a product is perhaps no float64
_SPLITTER = 2.0**27 + 1.0
Floats = NDArray[np.float64]


def sum_of(array: NDArray[Any]) -> ExactSum:
    """Return the exact sum of the elements of `array` (real numbers, any shape)."""
    units, special, nonzero = 0, 0.0, False
    for chunk in _chunks(array):
        if chunk.dtype.kind in "biu":
            units += _integer_units(chunk) << SCALE
            nonzero = True
            continue
        more, other = _float_units(chunk.astype(np.float64))
        units, special = units + more, special + other
        nonzero = nonzero or bool(np.any(chunk != 0) or not np.signbit(chunk).all())
    return ExactSum.of(units, array.size, special, nonzero=nonzero)


def dot_of(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> ExactSum:
    """Return the sum of the products, each rounded to a multiple of 2**-1074 (`a`, `b` alike)."""
    units, special, nonzero = 0, 0.0, False
    for x, y in zip(_chunks(a), _chunks(b), strict=True):
        one, other = x.astype(np.float64), y.astype(np.float64)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            product = one * other
        nonzero = nonzero or bool(np.any(product != 0) or not np.signbit(product).all())
        plain = _is_plain(one, other, product)
        more, more_special = _float_units(product[plain])
        error, _ = _float_units(_errors(one[plain], other[plain], product[plain]))
        units, special = units + more + error, special + more_special
        for p, q, pq in zip(
            one[~plain].tolist(), other[~plain].tolist(), product[~plain].tolist(), strict=True
        ):
            if math.isfinite(pq):
                units += _product_units(p, q)
            else:
                special += pq
    return ExactSum.of(units, a.size, special, nonzero=nonzero)


def _chunks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    flat = np.ascontiguousarray(array).reshape(-1)
    return (flat[start : start + _CHUNK] for start in range(0, flat.size, _CHUNK))


def _integer_units(chunk: NDArray[Any]) -> int:
    if chunk.dtype.itemsize < 8:
        return int(chunk.sum(dtype=np.int64))
    high = int((chunk >> 32).sum(dtype=np.int64))
    low = int((chunk & 0xFFFFFFFF).sum(dtype=np.int64))
    return (high << 32) + low


def _float_units(values: Floats) -> tuple[int, float]:
    """Return the sum of the finite values in units, and the sum of the others; uses them up."""
    magnitude = _magnitude(values)
    if magnitude < _HUGE:
        return _split_units(values, magnitude), 0.0
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        special = float(values[~finite].sum())
    rest = values[finite]
    huge = np.abs(rest) >= _HUGE
    units = sum(map(_units, rest[huge].tolist()))
    rest = rest[~huge]
    return units + _split_units(rest, _magnitude(rest)), special


def _magnitude(values: Floats) -> float:
    """Return the largest absolute value, infinity if there is a NaN."""
    if not values.size:
        return 0.0
    largest = max(float(values.max()), -float(values.min()))
    return largest if largest == largest else math.inf


def _split_units(rest: Floats, magnitude: float) -> int:
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
    return numerator * ((1 << SCALE) // denominator)


def _is_plain(a: Floats, b: Floats, product: Floats) -> NDArray[np.bool_]:
    """Return where the error of a product is found by `_errors`, or the product is 0 and exact."""
    size = np.abs(product)
    small = (np.abs(a) < _HUGE) & (np.abs(b) < _HUGE)
    plain: NDArray[np.bool_] = (size > _TINY) & (size < _HUGE) & small
    plain |= ((a == 0) | (b == 0)) & (size == 0)
    return plain


def _errors(a: Floats, b: Floats, product: Floats) -> Floats:
    """Return ``a b - product`` exactly (Dekker, Numer. Math. 18, 1971)."""
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    result: Floats = a_low * b_low - (
        ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    )
    return result


def _halves(values: Floats) -> tuple[Floats, Floats]:
    scaled = values * _SPLITTER
    high = scaled - (scaled - values)
    return high, values - high


def _product_units(a: float, b: float) -> int:
    """Return the product in units, rounded to the nearest, to the even one of two."""
    exact = _units(a) * _units(b)  # in units of 2**-2148
    units, rest = exact >> SCALE, exact & ((1 << SCALE) - 1)
    half = 1 << (SCALE - 1)
    return units + (rest > half or (rest == half and units & 1))
