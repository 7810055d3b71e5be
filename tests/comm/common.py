"""What the checks of the contract share."""

from __future__ import annotations

from typing import Any

from parcompute.comm import names as own


def names(comm: Any) -> Any:
    """Return the module with mpi4py's names that belongs to this communicator."""
    if is_mpi(comm):
        from mpi4py import MPI

        return MPI
    return own


def status(comm: Any) -> Any:
    return names(comm).Status()


def right(comm: Any) -> int:
    return (comm.rank + 1) % comm.size


def left(comm: Any) -> int:
    return (comm.rank - 1) % comm.size


def is_mpi(comm: Any) -> bool:
    return type(comm).__module__.startswith("mpi4py")
