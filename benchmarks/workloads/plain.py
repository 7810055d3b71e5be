"""Workloads in NumPy and mpi4py by hand: rows divided among the ranks, slices, whole arrays.

``mpiexec -n N python -m benchmarks.workloads.plain CASE REPEATS`` prints the seconds of repeats.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from mpi4py import MPI

from benchmarks.workloads.cases import CASES, Case
from benchmarks.workloads.plain_gas import Gas
from benchmarks.workloads.plain_water import Water

Array = np.ndarray[Any, Any]


class Torus:
    """Rows of a torus with one row of its neighbours on either side."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.comm = MPI.COMM_WORLD
        rank, size = self.comm.Get_rank(), self.comm.Get_size()
        self.low, self.high = (rank - 1) % size, (rank + 1) % size
        self.first, self.last = shape[0] * rank // size, shape[0] * (rank + 1) // size
        self.columns = shape[1]

    def array(self, whole: Array) -> Array:
        """Return this rank's rows and columns, with those around them to be filled in."""
        block = np.empty((self.last - self.first + 2, self.columns + 2), whole.dtype)
        block[1:-1, 1:-1] = whole[self.first : self.last]
        return block

    def fill(self, a: Array) -> None:
        """Bring what lies around the rank's cells up to date."""
        self.comm.Sendrecv(a[1], self.low, 0, a[-1], self.high, 0)
        self.comm.Sendrecv(a[-2], self.high, 1, a[0], self.low, 1)
        a[:, 0], a[:, -1] = a[:, -2], a[:, 1]


def around(a: Array) -> Array:
    """Return the sum of the four neighbours."""
    return a[:-2, 1:-1] + a[2:, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:]


class GrayScott:
    """The step of ``experiments/gray_scott.py``."""

    def __init__(self, case: Case) -> None:
        shape = case.parameters["shape"]
        self.torus = Torus(shape)
        rng = np.random.default_rng(1)
        self.u = self.torus.array(1 - 0.5 * rng.random(shape))
        self.v = self.torus.array(0.25 * rng.random(shape))

    def step(self) -> None:
        """Make one step."""
        u, v = self.u, self.v
        self.torus.fill(u)
        self.torus.fill(v)
        c, d = u[1:-1, 1:-1], v[1:-1, 1:-1]
        reaction = c * d * d
        new_c = c + 0.16 * (around(u) - 4 * c) - reaction + 0.058 * (1 - c)
        d += 0.08 * (around(v) - 4 * d) + reaction - (0.058 + 0.063) * d
        c[...] = new_c


class Life:
    """The generation of ``experiments/life.py``."""

    def __init__(self, case: Case) -> None:
        shape = case.parameters["shape"]
        self.torus = Torus(shape)
        alive = np.random.default_rng(1).random(shape) < 0.3
        self.alive = self.torus.array(alive.astype(np.uint8))

    def step(self) -> None:
        """Make one generation."""
        a = self.alive
        self.torus.fill(a)
        rows = a[:-2] + a[1:-1] + a[2:]
        count = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
        inner = a[1:-1, 1:-1]
        inner[...] = (count == 3) | ((count == 4) & (inner == 1))


WORKLOADS: dict[str, Any] = {
    "gray_scott": GrayScott,
    "life": Life,
    "euler2d": Gas.of,
    "shallow_water": lambda case: Water.of(case, MPI.COMM_WORLD),
}


def main() -> None:
    """Run one case and print the seconds of its repeats."""
    name, repeats = sys.argv[1], int(sys.argv[2])
    case = CASES[name]
    steps = max(2, case.steps // 10)
    work = WORKLOADS[name](case)
    comm = MPI.COMM_WORLD
    found = []
    for _ in range(repeats + 1):
        comm.Barrier()
        begin = perf_counter()
        for _ in range(steps):
            work.step()
        comm.Barrier()
        found.append((perf_counter() - begin) * case.steps / steps)
    if comm.Get_rank() == 0:
        print(json.dumps(found[1:]))


if __name__ == "__main__":
    main()
