"""How fast memory is: arrays as large as those of the case are copied.

``b[i] = a[i]`` becomes a memcpy, which on many processors needs not read the cache lines that it
overwrites. ``b[i] = s * a[i]`` (the Scale of STREAM) stays a loop with the ordinary loads and
stores that compilers make for stencils. Both count 16 bytes per element.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np


@numba.njit(parallel=True)
def _memcpy(a: Any, b: Any, s: float) -> None:
    for i in numba.prange(a.size):
        b[i] = a[i]


@numba.njit(parallel=True)
def _loop(a: Any, b: Any, s: float) -> None:
    for i in numba.prange(a.size):
        b[i] = s * a[i]


class Copy:
    """Copies an array `steps` times, there and back."""

    def __init__(self, comm: Any, shape: tuple[int, ...], steps: int, way: str) -> None:
        self.a, self.b = np.ones(math.prod(shape)), np.ones(math.prod(shape))
        self.steps = steps
        self.copy = {"memcpy": _memcpy, "loop": _loop}[way]

    def run(self) -> None:
        """Copy."""
        for _ in range(self.steps):
            self.copy(self.a, self.b, 1.0)
            self.a, self.b = self.b, self.a


PROBLEMS = dict.fromkeys(("heat2d", "heat3d", "wave3d", "gray_scott3d", "shallow2d"), Copy)
