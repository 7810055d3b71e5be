"""Communicators: how ranks talk to each other, and how they are started.

Everything above this layer takes a `Communicator`, a structural subset of `mpi4py.MPI.Comm`. There
are three engines with the same names and semantics:

- serial: `serial.serial()`, one rank, no other process;
- process: `launch(function, ranks)`, one spawned process per rank on this machine, no MPI;
- MPI: `mpi.world()`, a duplicate of ``MPI.COMM_WORLD`` itself, not wrapped.

The stack of the process engine, bottom up: `memory` (one anonymous shared segment), `ring` (a byte
stream per ordered pair of ranks), `mailbox` (matching by source, communicator and tag), `engine`
(progress and waiting), `requests`, `point_to_point`, `collectives`, `identity` (name, group,
comparison), `family` (communicators made of others), `communicator`, `cartesian`. Datatypes are
made in `deriving`, lie in memory as `layouts` say, and travel as `packed` messages. `processes`,
`rank`, `supervisor` and `job` start, watch and end the processes. The serial engine is the same
code with one rank. `names` is the module ``MPI`` of this engine; `chosen` gives it or mpi4py's to
the program.

Importing this package imports neither NumPy nor MPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, PROC_NULL

if TYPE_CHECKING:
    from parcompute.comm.process.job import launch
    from parcompute.comm.protocol import Communicator, Request

__all__ = ["ANY_SOURCE", "ANY_TAG", "PROC_NULL", "Communicator", "Request", "launch"]

_HOME = {
    "Communicator": "parcompute.comm.protocol",
    "Request": "parcompute.comm.protocol",
    "launch": "parcompute.comm.process.job",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
