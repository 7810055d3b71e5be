"""The kernel MG of the NAS Parallel Benchmarks: V-cycles for charges in a periodic cube.

Run with ``python -m parcompute run +exp=nas_mg``; a few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc
from parcompute.algorithms import POINTS, Multigrid

# class: points along an axis, iterations, norm of the residual that must come out
CLASSES = {
    "S": (32, 4, 0.5307707005734e-04),
    "W": (128, 4, 0.6467329375339e-05),
    "A": (256, 4, 0.2433365309069e-05),
    "B": (256, 20, 0.1800564401355e-05),
}
SMOOTHERS = {"B": (-3 / 17, 1 / 33, -1 / 61)}  # of the other classes: (-3/8, 1/32, -1/64)
NEAR = (-1, 0, 1)


def shell(u, distance):
    """Return the sum over the points that differ by one in so many coordinates."""
    total = 0.0
    for dz in NEAR:
        for dy in NEAR:
            for dx in NEAR:
                if abs(dz) + abs(dy) + abs(dx) == distance:
                    total += u[dz, dy, dx]
    return total


@pc.stencil
def residual(u, v, *, h):
    """Return v - A u; the weights of A are -8/3, 0, 1/6 and 1/12."""
    return v[0, 0, 0] - (-8 / 3 * u[0, 0, 0] + shell(u, 2) / 6 + shell(u, 3) / 12) / (h * h)


@pc.stencil
def improve(u, r, *, h, c0, c1, c2):
    """Return u + S r."""
    return u[0, 0, 0] + h * h * (c0 * r[0, 0, 0] + c1 * shell(r, 1) + c2 * shell(r, 2))


class Charges:
    """A u = v on one level; A falls and S grows with the square of the distance of points."""

    def __init__(self, u, v, smoother):
        self.u, self.v, self.r = u, v, u.like("r")
        self.h = u.grid.spacing[0]
        self.smoother = dict(zip(("c0", "c1", "c2"), smoother, strict=True))

    def residual(self, r):
        residual(self.u, self.v, out=r, h=self.h)

    def smooth(self, sweeps):
        for _ in range(sweeps):
            self.residual(self.r)
            improve(self.u, self.r, h=self.h, **self.smoother)

    def solve(self):
        self.smooth(1)


@dataclass
class NasMg(pc.Experiment):
    """NAS MG: lap u = v for 20 charges in a periodic cube, by multigrid of 27-point operators.

    Bailey et al., The NAS Parallel Benchmarks, NASA RNR-94-007, 1994, and the sources of NPB 3.
    After the V-cycles of its class the root of the mean square of v - A u is a published number.
    """

    size: str = "S"  # class: S, W, A or B
    steps: int = 4  # V-cycles

    def validate(self):
        if self.size not in CLASSES:
            raise pc.ConfigError(
                f"experiment.size must be one of {', '.join(CLASSES)}, got '{self.size}'."
            )

    def setup(self, comm):
        n, _, _ = CLASSES[self.size]
        grid = pc.Grid((n, n, n), comm=comm, periods=True)
        self.u, self.v, self.r = (grid.field(name, units="1") for name in ("u", "v", "r"))
        negative, positive = charged(n)
        for place in negative:
            self.v[place] = -1.0
        for place in positive:
            self.v[place] = 1.0
        smoother = SMOOTHERS.get(self.size, (-3 / 8, 1 / 32, -1 / 64))
        self.solver = Multigrid(
            lambda u, v: Charges(u, v, smoother),
            self.u,
            self.v,
            coarsening=POINTS,
            levels=n.bit_length() - 1,
            before=0,
            after=1,
        )

    def step(self):
        self.solver.cycle()

    def measure(self):
        residual(self.u, self.v, out=self.r, h=1.0)
        return {"norm": self.r.norm() / np.sqrt(np.prod(self.r.shape_global))}


def charged(n):
    """Return the places of the ten smallest and the ten largest of n^3 random numbers.

    They are x[k+1] = 5^13 x[k] modulo 2^46, from 314159265 on; products of 64 bits wrap around at a
    multiple of that.
    """
    numbers = np.cumprod(np.full(n**3, 5**13, np.uint64)) * np.uint64(314159265)
    order = np.argsort(numbers & np.uint64(2**46 - 1))
    chosen = np.transpose(np.unravel_index([*order[:10], *order[-10:]], (n, n, n)))
    places = [tuple(map(int, place)) for place in chosen]
    return places[:10], places[10:]
