"""The communicator of all ranks, as programs written for mpi4py find it: ``MPI.COMM_WORLD``.

parcompute itself never asks for it: whatever communicates takes a communicator as its argument.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from parcompute.comm.constants import SELF_CONTEXT

_of_rank: Any = None


def enter(comm: Any) -> None:
    """Make `comm` the world of this process, which is a rank."""
    global _of_rank
    _of_rank = _named(comm, "MPI_COMM_WORLD")


def of_rank() -> Any:
    """Return the world of this process if it is a rank that a supervisor started, else None."""
    return _of_rank


def world() -> Any:
    """Return the communicator of all ranks; in a process that is no rank, one of a single rank."""
    return _of_rank or _alone()


@cache
def _alone() -> Any:
    from parcompute.comm.serial import serial

    return _named(serial(), "MPI_COMM_WORLD")


@cache
def alone() -> Any:
    """Return the communicator of this rank only, ``MPI.COMM_SELF``."""
    from parcompute.comm.process.communicators.communicator import ProcessCommunicator

    engine = world()._engine
    return _named(ProcessCommunicator(engine, SELF_CONTEXT, [engine.rank]), "MPI_COMM_SELF")


def _named(comm: Any, name: str) -> Any:
    comm.name = name
    return comm
