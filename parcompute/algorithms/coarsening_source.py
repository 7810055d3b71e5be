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
    body = _restriction if way == "restrict" else _interpolation
    lines = [" " * 16 + line for line in body(coarsening, ndim, dtype)]
    return _MODULE.format(imports=IMPORTS, body="\n".join(lines), dtype=dtype)


def _restriction(coarsening: Coarsening, ndim: int, dtype: str) -> list[str]:
    total = _total([coarsening.restriction] * ndim, "fine", 2, dtype)
    return [f"f_coarse[{_place('coarse', 1, (0, 0, 0))}] = {total}"]


def _interpolation(coarsening: Coarsening, ndim: int, dtype: str) -> list[str]:
    lines = []
    for parities in product((0, 1), repeat=ndim):
        terms = [coarsening.odd if odd else coarsening.even for odd in parities]
        shifted = [tuple((offset + 1, weight) for offset, weight in t) for t in terms]
        place = _place("fine", 2, (*(0,) * (3 - ndim), *parities))
        lines.append(f"f_fine[{place}] += {_total(shifted, 'coarse', 1, dtype)}")
    return lines


def _total(terms: Sequence[Terms], array: str, step: int, dtype: str) -> str:
    """Return the weighted sum over all axes; that over axis 0 is innermost."""

    def along(axis: int, offsets: tuple[int, ...]) -> str:
        if axis < 0:
            return f"f_{array}[{_place(array, step, (*(0,) * (3 - len(offsets)), *offsets))}]"
        parts = [
            f"np.{dtype}({weight}) * {along(axis - 1, (offset, *offsets))}"
            for offset, weight in terms[axis]
        ]
        return f"({' + '.join(parts)})"

    return along(len(terms) - 1, ())


def _place(array: str, step: int, offsets: Sequence[int]) -> str:
    one, other = ("s0", "s1") if array == "fine" else ("t0", "t1")
    i, k, x = (f"(u64({step}) * {n} + u64({o}))" for n, o in zip("ikx", offsets, strict=True))
    return f"{i} * {one} + {k} * {other} + {x}"
