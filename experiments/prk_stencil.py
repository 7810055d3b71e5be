"""The stencil of the Parallel Research Kernels, whose result is known in closed form.

Run with ``python -m parcompute run +exp=prk_stencil``; about a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import parcompute as pc


@cache
def star(radius):
    """Return the stencil: weights 1 / (2 k radius) at distance k on each side of the cell."""

    def weighted(f, dy, dx):
        total = 0.0
        for k in range(1, radius + 1):
            total += (f[k * dy, k * dx] - f[-k * dy, -k * dx]) / (2 * k * radius)
        return total

    @pc.stencil
    def add_gradients(out, source):
        return out[0, 0] + weighted(source, 1, 0) + weighted(source, 0, 1), source[0, 0] + 1.0

    return add_gradients


@dataclass
class PrkStencil(pc.Experiment):
    """Parallel Research Kernels, "stencil": a star adds up the gradients of x + y, again and again.

    Each iteration adds to every cell the weighted differences of the source along both axes, which
    are 1 each, and 1 to the source. Result: 2 (iterations + 1) in every cell, as one iteration is
    made first (Van der Wijngaart & Mattson, "The Parallel Research Kernels", HPEC 2014). Walls
    continue the source linearly, where the original leaves their cells out.
    """

    shape: tuple[int, int] = (1000, 1000)  # cells [y, x]
    radius: int = 2  # of the star
    steps: int = 100  # iterations

    def validate(self):
        if not 1 <= self.radius <= 8:
            raise pc.ConfigError(f"experiment.radius must be from 1 to 8, got {self.radius}.")

    def reduced(self):
        return {"shape": (64, 56), "steps": 20}

    def setup(self, comm):
        grid = pc.Grid(self.shape, comm=comm)
        self.source = grid.field("source", halo=self.radius, boundary=pc.Extrapolating(1))
        self.out = grid.field("out")
        self.source.fill(lambda y, x: (y - 0.5) + (x - 0.5))
        self.advance(1)

    def advance(self, n):
        star(self.radius)(self.out, self.source, sweeps=n)

    def measure(self):
        return {"mean_abs": self.out.norm(1) / math.prod(self.shape)}

    def exact(self, time):
        return {"out": lambda y, x: 2.0 * (time + 1)}
