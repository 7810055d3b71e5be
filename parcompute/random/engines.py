"""Which engine draws."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from parcompute.random import compiled, numpy_engine
from parcompute.random.draws import Draw
from parcompute.random.places import Places
from parcompute.settings import current

_CALL, _WORTH = 4_000, 1_000_000


class _Spent:
    """What NumPy has drawn in this process, as numbers; a call costs as much as `_CALL` of them.

    Machine code is faster, but loading it takes as long as `_WORTH` numbers: a program that
    draws less does without.
    """

    numbers = 0


def draw(what: Draw, places: Places) -> NDArray[Any]:
    """Return the numbers, shape (indices, components); the same bits by both engines."""
    if current().engine == "numba":
        _Spent.numbers += _CALL + places.cells * what.width
        if _Spent.numbers > _WORTH:
            return compiled.draw(what, places)
    return numpy_engine.draw(what, places)
