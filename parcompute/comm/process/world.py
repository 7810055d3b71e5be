"""The communicator of all ranks, as programs written for mpi4py find it: ``MPI.COMM_WORLD``.

parcompute itself never asks for it: whatever communicates takes a communicator as its argument.
"""

from __future__ import annotations

from typing import Any

_world: Any = None


def enter(comm: Any) -> None:
    """Make `comm` the world of this process, once, before any program of the user runs."""
    global _world
    _world = comm


def world() -> Any:
    """Return the communicator of all ranks; in a process that is no rank, one of a single rank."""
    if _world is None:
        from parcompute.comm.serial import serial

        enter(serial())
    return _world
