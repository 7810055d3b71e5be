"""Generated source to machine code, kept on disk and linked without Numba."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

IMPORTS = """\
import numpy as np
from numba import njit
from numpy import inf, nan

from parcompute.native.arithmetic import *
from parcompute.native.pointers import *

u64 = np.uint64"""
"""What generated modules begin with."""


def address(array: NDArray[Any]) -> int:
    """Return where the first element lies."""
    place: int = array.__array_interface__["data"][0]
    return place
