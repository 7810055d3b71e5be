"""The compiled engine: machine code of `formulas` and `kernel`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.native import address
from parcompute.native.compiled import CompiledSource, function
from parcompute.random.draws import LAWS, Draw
from parcompute.random.places import Places


def draw(what: Draw, places: Places) -> NDArray[Any]:
    """Return the numbers, shape (indices, components)."""
    dtype = np.uint64 if what.law in ("bits", "integers") else np.float64
    out = np.empty((places.cells, what.width), dtype)
    starts = np.ascontiguousarray(places.starts)
    words = [LAWS.index(what.law), address(out), *out.shape]
    words += [address(starts), places.length, *what.keys, what.step, what.last, what.span]
    block = np.array([word % 2**64 for word in words], np.uint64)
    _kernel()(address(block))
    return out


@cache
def _kernel() -> Callable[[int], None]:
    return function(CompiledSource("random", source()))


def source() -> str:
    """Return the module that is compiled: both files, with every function a compiled one."""
    folder = Path(__file__).parent
    text = "\n\n".join((folder / f"{name}.py").read_text() for name in ("formulas", "kernel"))
    text = re.sub(
        r"(?m)^from (__future__|parcompute\.random\.formulas) import (\([^)]*\)|.*)\n", "", text
    )
    return "from numba import njit\n" + re.sub(r"(?m)^def ", "@njit\ndef ", text)
