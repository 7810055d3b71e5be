"""What several workloads share: solvers and schemes on fields."""

from parcompute.algorithms.coarsening import CELLS, POINTS, Coarsening
from parcompute.algorithms.krylov import ConjugateGradients
from parcompute.algorithms.levels import Equation
from parcompute.algorithms.multigrid import Multigrid
from parcompute.algorithms.poisson import Poisson

__all__ = [
    "CELLS",
    "POINTS",
    "Coarsening",
    "ConjugateGradients",
    "Equation",
    "Multigrid",
    "Poisson",
]
