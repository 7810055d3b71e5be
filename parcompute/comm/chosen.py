"""The module that ``from parcompute import MPI`` gives.

Under an MPI launcher (mpiexec, srun) it is ``mpi4py.MPI`` itself. Else, and in the ranks that the
process engine starts, it is `parcompute.comm.names`.
"""

from __future__ import annotations

from typing import Any

from parcompute.comm.launcher import detect
from parcompute.comm.process.communicators.world import of_rank


def __getattr__(name: str) -> Any:
    if name != "MPI":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    launcher = detect()
    if of_rank() is None and launcher is not None and launcher.started:
        from parcompute.comm.mpi import names

        return names()
    from parcompute.comm import names as own

    return own
