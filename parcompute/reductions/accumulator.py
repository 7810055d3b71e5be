"""An accumulator that holds any sum of float64 exactly.

A float64 is a whole number of units of 2**-1074. Sums of them are kept in limbs of 32 bits, each in
a word of 64, least first, as in a superaccumulator (Kulisch, "Computer Arithmetic and Validity",
2013, chapter 8). Accumulators of ranks and threads are added word by word, in any order, and the
sum is rounded once, to nearest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMBS = 70  # 2240 bits: 2098 of a float64, and 2**141 of the largest of them fit
PENDING = 70  # additions since carries were passed on; 0: limbs are between 0 and 2**32
NANS, PLUS_INFINITY, MINUS_INFINITY = 71, 72, 73  # how many there were
NONZERO = 74  # whether there was anything but -0
COUNT = 75  # of numbers
WORDS = 76

SCALE = 1074
Words = NDArray[np.int64]
_OFFSET = sum(1 << (32 * k + 31) for k in range(LIMBS))


@dataclass(frozen=True, slots=True, eq=False)
class ExactSum:
    """A sum without rounding.

    Attributes
    ----------
    words : ndarray of int64
        The accumulator, shape (WORDS,).
    """

    words: Words

    @classmethod
    def of(cls, units: int, count: int, special: float = 0.0, *, nonzero: bool) -> ExactSum:
        """Return the sum of `count` numbers that is `units` times 2**-1074, and `special`."""
        words = np.zeros(WORDS, np.int64)
        words[:LIMBS] = _limbs(units)
        words[NANS] = special != special
        words[PLUS_INFINITY] = special == np.inf
        words[MINUS_INFINITY] = special == -np.inf
        words[NONZERO], words[COUNT] = nonzero, count
        return cls(words)

    def __add__(self, other: ExactSum) -> ExactSum:
        words = carried(self.words) + carried(other.words)
        words[PENDING] = 1
        return ExactSum(words)

    @property
    def units(self) -> int:
        """The finite part in units of 2**-1074."""
        return _units(self.words)

    @property
    def count(self) -> int:
        """How many numbers it is the sum of."""
        return int(self.words[COUNT])

    @property
    def special(self) -> float:
        """The sum of those that are infinite or NaN; 0 if there are none."""
        nans, plus, minus = self.words[NANS : MINUS_INFINITY + 1]
        if nans or (plus and minus):
            return np.nan
        return np.inf if plus else (-np.inf if minus else 0.0)

    def __float__(self) -> float:
        """Return the sum, correctly rounded; -0 only if all numbers are -0."""
        if self.count and not self.words[NONZERO]:
            return -0.0
        return self.divided_by(1)

    def divided_by(self, count: int) -> float:
        """Return the sum over `count`, correctly rounded; infinite where it overflows."""
        return self.special or rounded(self.units, count << SCALE)

    def mean(self) -> float:
        """Return the mean, correctly rounded; NaN of nothing."""
        if not self.count:
            return np.nan
        return self.divided_by(self.count) if self.words[NONZERO] else -0.0


def rounded(numerator: int, denominator: int) -> float:
    """Return the nearest float64 to a fraction; infinite where it overflows."""
    try:
        return numerator / denominator
    except OverflowError:
        return np.inf if (numerator > 0) == (denominator > 0) else -np.inf


def carried(words: Words) -> Words:
    """Return the same sum with limbs between 0 and 2**32, but for the last one, which has a sign.

    So many accumulators can be added before a word overflows.
    """
    if not words[PENDING]:
        return words
    result = words.copy()
    result[:LIMBS] = _limbs(_units(words))
    result[PENDING] = 0
    return result


def _units(words: Words) -> int:
    limbs = words[:LIMBS]
    low = int.from_bytes((limbs & 0xFFFFFFFF).astype("<u4").tobytes(), "little")
    high = int.from_bytes(((limbs >> 32) + (1 << 31)).astype("<u4").tobytes(), "little")
    return low + ((high - _OFFSET) << 32)


def _limbs(units: int) -> Words:
    limbs = np.frombuffer(units.to_bytes(4 * LIMBS, "little", signed=True), "<u4").astype(np.int64)
    if units < 0:
        limbs[-1] -= 1 << 32
    return limbs
