"""Generated source of restriction and interpolation, for Numba: loops over coarse values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from parcompute.native import IMPORTS

if TYPE_CHECKING:
    from parcompute.algorithms.coarsening import Coarsening, Terms

_MODULE = """\
{imports}


@njit
def sweep(f_fine, s0, s1, f_coarse, t0, t1, n0, n1, n2):
    for i in range(n0):
        for k in range(n1):
{rows}
            for x in range(n2):
{body}


@njit
def kernel(a):
    sweep(
        at_{dtype}(a[0]),
        u64(a[1]),
        u64(a[2]),
        at_{dtype}(a[3]),
        u64(a[4]),
        u64(a[5]),
        u64(a[6]),
        u64(a[7]),
        u64(a[8]),
    )
"""


def source(coarsening: Coarsening, way: str, ndim: int, dtype: str) -> str:
    """Return the module with ``kernel(words)``.

    Parameters
    ----------
    coarsening : Coarsening
        The weights.
    way : {"restrict", "interpolate"}
        What it does.
    ndim : int
        Axes; the loops have three, of which the first have one value then.
    dtype : {"float32", "float64"}
        Of the values.
    """
    text = _Text(ndim, dtype)
    make = text.restriction if way == "restrict" else text.interpolation
    body = make(coarsening)
    return _MODULE.format(
        imports=IMPORTS,
        rows="\n".join(" " * 12 + line for line in text.rows.values()),
        body="\n".join(" " * 16 + line for line in body),
        dtype=dtype,
    )


class _Text:
    """Statements of the inner loop.

    Attributes
    ----------
    rows : dict
        By name, where each row that they touch begins; set before the loop.
    """

    def __init__(self, ndim: int, dtype: str) -> None:
        self.ndim, self.dtype = ndim, dtype
        self.rows: dict[str, str] = {}

    def restriction(self, coarsening: Coarsening) -> list[str]:
        """Return the statement that sets a coarse value."""
        total = self._total([coarsening.restriction] * self.ndim, "fine", 2)
        return [f"{self._value('coarse', 1, (0,) * self.ndim)} = {total}"]

    def interpolation(self, coarsening: Coarsening) -> list[str]:
        """Return the statements that add to the fine values of a coarse one."""
        even, odd = (
            tuple((offset + 1, weight) for offset, weight in terms)
            for terms in (coarsening.even, coarsening.odd)
        )
        lines = []
        for parities in product((0, 1), repeat=self.ndim - 1):
            across = [odd if parity else even for parity in parities]
            for x in sorted({offset for offset, _ in (*even, *odd)}):
                lines.append(f"at_{x} = {self._total(across, 'coarse', 1, (x,))}")
            for parity, terms in enumerate((even, odd)):
                fine = self._value("fine", 2, (*parities, parity))
                lines.append(f"{fine} += {self._sum([(w, f'at_{x}') for x, w in terms])}")
        return lines

    def _total(
        self, terms: Sequence[Terms], array: str, step: int, last: tuple[int, ...] = ()
    ) -> str:
        """Return the weighted sum over axes; that over axis 0 is innermost.

        `last` are the offsets along the axes that have no terms.
        """
        if not terms:
            return self._value(array, step, last)
        *others, here = terms
        return self._sum(
            [(weight, self._total(others, array, step, (x, *last))) for x, weight in here]
        )

    def _sum(self, parts: Sequence[tuple[float, str]]) -> str:
        return f"({' + '.join(f'np.{self.dtype}({weight}) * {value}' for weight, value in parts)})"

    def _value(self, array: str, step: int, offsets: Sequence[int]) -> str:
        """Return the value at ``step * index + offset`` along each axis."""
        z, y, x = (*(0,) * (3 - self.ndim), *offsets)
        one, other = ("s0", "s1") if array == "fine" else ("t0", "t1")
        row = f"{array}_{z}{y}"
        place = f"(u64({step}) * i + u64({z})) * {one} + (u64({step}) * k + u64({y})) * {other}"
        self.rows[row] = f"{row} = {place}"
        return f"f_{array}[{row} + u64({step}) * x + u64({x})]"
