"""How values go between cells and cells of twice the size, axis by axis.

Along one axis, with fine values v and coarse values V,

    V[J]     = sum of weight v[2 J + offset]     (restriction)
    v[2 J]   = sum of weight V[J + offset]       (interpolation, even)
    v[2 J+1] = sum of weight V[J + offset]       (odd)

and in several dimensions the products of these: axis 0 first, terms from left to right. Both ways
to compute it, NumPy and machine code, keep to that order and give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute import settings
from parcompute.native import address

_KERNELS = (np.dtype(np.float32), np.dtype(np.float64))
Terms = tuple[tuple[int, float], ...]
"""(offset, weight) pairs."""


@dataclass(frozen=True)
class Coarsening:
    """Weights between the values of two levels.

    Attributes
    ----------
    name : str
        Name of the machine code.
    centre : int
        Coarse value J belongs to the fine value ``2 J + centre``.
    restriction : tuple
        Terms with offsets from 0 on, at most 1 from the centre.
    even, odd : tuple
        Terms of the interpolation, with offsets -1, 0, 1.
    walls : bool
        Whether coarse values lie beside walls as fine ones do.
    """

    name: str
    centre: int
    restriction: Terms
    even: Terms
    odd: Terms
    walls: bool = True

    def restrict(self, fine: NDArray[Any], coarse: NDArray[Any]) -> None:
        """Set `coarse`.

        Parameters
        ----------
        fine : ndarray
            Begins with the value 2 J of the first coarse value J, and holds all that is read.
        coarse : ndarray
            As many values as are wanted.
        """
        if not coarse.size:
            return
        if _is_compiled(fine, coarse):
            _run(_kernel(self, "restrict", fine.ndim, fine.dtype.name), fine, coarse, coarse.shape)
            return
        for axis, n in enumerate(coarse.shape):
            fine = _weighted(fine, self.restriction, axis, n, 0, 2)
        coarse[...] = fine

    def interpolate(self, coarse: NDArray[Any], fine: NDArray[Any]) -> None:
        """Add the interpolation of `coarse` to `fine`.

        Parameters
        ----------
        coarse : ndarray
            One value more on either side than those of `fine`.
        fine : ndarray
            Two values along each axis for each of the others.
        """
        counts = tuple(n // 2 for n in fine.shape)
        if not fine.size:
            return
        if _is_compiled(fine, coarse):
            _run(_kernel(self, "interpolate", fine.ndim, fine.dtype.name), fine, coarse, counts)
            return
        for axis, n in enumerate(counts):
            halves = [_weighted(coarse, t, axis, n, 1, 1) for t in (self.even, self.odd)]
            pairs = np.stack(halves, axis + 1)
            coarse = pairs.reshape((*pairs.shape[:axis], 2 * n, *pairs.shape[axis + 2 :]))
        fine += coarse


CELLS = Coarsening(
    "cells",
    0,
    restriction=((0, 0.5), (1, 0.5)),
    even=((-1, 0.25), (0, 0.75)),
    odd=((0, 0.75), (1, 0.25)),
)
"""Values at the centres of cells: the mean of the fine cells in a coarse one, and linear
interpolation between the centres."""

POINTS = Coarsening(
    "points",
    1,
    restriction=((0, 0.25), (1, 0.5), (2, 0.25)),
    even=((-1, 0.5), (0, 0.5)),
    odd=((0, 1.0),),
    walls=False,
)
"""Every second value, the odd ones, is a coarse one too: full weighting, and linear interpolation
between the points (for periodic axes)."""


def _weighted(
    values: NDArray[Any], terms: Terms, axis: int, n: int, first: int, step: int
) -> NDArray[Any]:
    """Return the weighted sum along an axis of `n` places, `step` apart."""
    total: NDArray[Any] | None = None
    for offset, weight in terms:
        start = first + offset
        places = (*(slice(None),) * axis, slice(start, start + step * (n - 1) + 1, step))
        part = values.dtype.type(weight) * values[places]
        total = part if total is None else total + part
    assert total is not None
    return total


def _is_compiled(*arrays: NDArray[Any]) -> bool:
    return settings.current().engine == "numba" and all(
        a.dtype in _KERNELS and a.strides[-1] == a.itemsize for a in arrays
    )


def _run(
    kernel: Callable[[int], None], fine: NDArray[Any], coarse: NDArray[Any], counts: tuple[int, ...]
) -> None:
    words = [address(fine), *_steps(fine), address(coarse), *_steps(coarse)]
    call = np.array([*words, *(1,) * (3 - len(counts)), *counts], np.int64)
    kernel(address(call))


def _steps(array: NDArray[Any]) -> tuple[int, int]:
    """Return the distances along the first two of three axes, in elements."""
    first, second = (0, 0, *(stride // array.itemsize for stride in array.strides[:-1]))[-2:]
    return first, second


@cache
def _kernel(coarsening: Coarsening, way: str, ndim: int, dtype: str) -> Callable[[int], None]:
    from parcompute.algorithms.coarsening_source import source
    from parcompute.native.compiled import CompiledSource, function

    name = f"{way}_{coarsening.name}_{ndim}d_{dtype}"
    return function(CompiledSource(name, source(coarsening, way, ndim, dtype)))
