"""Communicators: how ranks talk to each other, and how they are started.

Everything above this layer takes a `Communicator`, a structural subset of `mpi4py.MPI.Comm`. There
are three engines with the same names and semantics:

- serial: `serial.serial()`, one rank, no other process;
- process: `launch(function, ranks)`, one process per rank on this machine, no MPI;
- MPI: `mpi.world()`, a duplicate of ``MPI.COMM_WORLD`` itself, not wrapped.

The process engine, bottom up:

- `process.transport`: one anonymous shared segment, a ring of bytes per ordered pair of ranks,
  matching by source, context and tag, reading of other ranks' memory, progress and waiting, what a
  waiting rank says;
- `process.messages`: buffers, datatypes, requests, probes; messages between two ranks;
- `process.collective`: collective calls and their operations;
- `process.communicators`: communicators, groups, grids; what they are asked for;
- `process.launching`: forking, watching and ending the processes; deadlocks.

Each knows only those before it; docs/architecture.md says how a message travels through them.

The serial engine is the same code with one rank. `names` is the module ``MPI`` of these engines;
`chosen` gives it, or mpi4py's, to the program.

Importing this package imports neither NumPy nor MPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, PROC_NULL

if TYPE_CHECKING:
    from parcompute.comm.process.launching.job import launch
    from parcompute.comm.protocol import Communicator, Request

__all__ = ["ANY_SOURCE", "ANY_TAG", "PROC_NULL", "Communicator", "Request", "launch"]

_HOME = {
    "Communicator": "parcompute.comm.protocol",
    "Request": "parcompute.comm.protocol",
    "launch": "parcompute.comm.process.launching.job",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
