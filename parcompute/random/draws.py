"""What is drawn: the words of a counter, and what they are turned into."""

from __future__ import annotations

from dataclasses import dataclass

LAWS = ("bits", "uniform", "normal", "exponential", "integers")
KINDS = ("uniform", "normal", "exponential", "integers", "choice", "permutation")


@dataclass(frozen=True, slots=True)
class Draw:
    """Numbers of one stream, step and kind, for any indices.

    Parameters
    ----------
    law : str
        What words are turned into, one of `LAWS`.
    key : int
        128 bits.
    step : int
        64 bits.
    kind : str
        What the numbers are for, one of `KINDS`. Those of different kinds are independent.
    width : int
        Components of each index.
    span : int
        Whole numbers are below it; from 1 to 2**64 - 1.
    """

    law: str
    key: int
    step: int
    kind: str
    width: int = 1
    span: int = 1

    @property
    def keys(self) -> tuple[int, int]:
        """The two words of the key, the low one first."""
        return self.key % 2**64, self.key >> 64

    @property
    def last(self) -> int:
        """The last word of the counter at the first attempt; those of later attempts follow."""
        return KINDS.index(self.kind) << 32

    @property
    def threshold(self) -> int:
        """Remainders below it would make some whole numbers more frequent than others."""
        return 2**64 % self.span
