"""NumPy and mpi4py by hand: slices, ufuncs in place, no temporaries but one; rows are shared."""

from __future__ import annotations

from typing import Any

import numpy as np
from mpi4py import MPI

from benchmarks.stencils import problems


class Heat2D:
    """u_t = alpha lap(u), the rows divided among the ranks; a ring of zeros around the grid."""

    def __init__(self, comm: Any, shape: tuple[int, ...], steps: int) -> None:
        self.comm, self.steps = comm, steps
        rank, size = comm.Get_rank(), comm.Get_size()
        first, last = shape[0] * rank // size, shape[0] * (rank + 1) // size
        self.box = slice(first, last), slice(0, shape[1])
        self.low = rank - 1 if rank > 0 else MPI.PROC_NULL
        self.high = rank + 1 if rank < size - 1 else MPI.PROC_NULL
        self.u = np.zeros((last - first + 2, shape[1] + 2))
        self.new = np.zeros_like(self.u)
        self.scratch = np.zeros((last - first, shape[1]))
        problems.fill(self.u[1:-1, 1:-1], "u", shape, self.box)

    def run(self) -> None:
        """Run all steps."""
        for _ in range(self.steps):
            self._exchange()
            self._step()

    def window(self) -> list[tuple[Any, Any]]:
        """Return the cells of this rank."""
        return [(self.box, self.u[1:-1, 1:-1].copy())]

    def _exchange(self) -> None:
        u, comm = self.u, self.comm
        comm.Sendrecv(u[1], self.low, 0, u[-1], self.high, 0)
        comm.Sendrecv(u[-2], self.high, 1, u[0], self.low, 1)

    def _step(self) -> None:
        u, scratch, r = self.u, self.scratch, problems.HEAT2D
        inner = self.new[1:-1, 1:-1]
        np.add(u[:-2, 1:-1], u[2:, 1:-1], out=inner)
        inner += u[1:-1, :-2]
        inner += u[1:-1, 2:]
        inner *= r
        np.multiply(u[1:-1, 1:-1], 1.0 - 4.0 * r, out=scratch)
        inner += scratch
        self.u, self.new = self.new, self.u


PROBLEMS = {"heat2d": Heat2D, "latency": Heat2D}
