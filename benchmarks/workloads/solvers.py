"""Poisson's equation by multigrid and by conjugate gradients, on the same ranks in turn."""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

import parcompute as pc
from benchmarks.workloads.ours import build

RANKS = 2
SHAPE = (1024, 1024)


class Solved(NamedTuple):
    """What a method took to bring the residual to 1e-8 of the right-hand side."""

    iterations: int
    seconds: float
    error: float


def solved_on_rank(comm: Any, method: str) -> Solved:
    """Solve twice, the first time only begun, so that kernels are loaded; return the second."""
    parameters = {"shape": SHAPE, "method": method}
    build("poisson", parameters, comm).step()
    experiment = build("poisson", parameters, comm)
    comm.Barrier()
    begin, iterations = perf_counter(), 0
    while experiment.relative > experiment.tolerance:
        experiment.step()
        iterations += 1
    return Solved(iterations, perf_counter() - begin, experiment.measure()["error"])


def table() -> list[str]:
    """Return both methods as lines of text."""
    fast, slow = (pc.launch(solved_on_rank, RANKS, (method,))[0] for method in ("multigrid", "cg"))
    rows = [("multigrid, V-cycles", fast), ("conjugate gradients", slow)]
    return [
        "poisson, 1024 x 1024, residual 1e-8",
        *(
            f"  {n:<20} {s.iterations:6d} in {s.seconds:8.3f} s, error {s.error:.4g}"
            for n, s in rows
        ),
        f"  V-cycles             {fast.iterations:6d}   goal below 12",
        f"  CG / multigrid       {slow.seconds / fast.seconds:6.1f}   goal 20",
    ]
