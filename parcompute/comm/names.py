"""The names of ``mpi4py.MPI`` that the serial and the process engine have.

``from parcompute import MPI`` gives this module where no MPI launcher started the program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parcompute.comm.constants import (
    ANY_SOURCE,
    ANY_TAG,
    CART,
    COMM_TYPE_SHARED,
    CONGRUENT,
    IDENT,
    IN_PLACE,
    ORDER_C,
    ORDER_FORTRAN,
    PROC_NULL,
    SIMILAR,
    UNDEFINED,
    UNEQUAL,
)
from parcompute.comm.process import world
from parcompute.comm.process.attributes import KEYVALS
from parcompute.comm.process.cartesian import CartCommunicator, compute_dims
from parcompute.comm.process.communicator import ProcessCommunicator
from parcompute.comm.process.datatypes import PREDEFINED, TYPEDICT, Datatype
from parcompute.comm.process.errorclasses import CLASSES, ERR_LASTCODE
from parcompute.comm.process.failures import Exception
from parcompute.comm.process.groups import Group
from parcompute.comm.process.identity import (
    ERRORS_ABORT,
    ERRORS_ARE_FATAL,
    ERRORS_RETURN,
    Errhandler,
)
from parcompute.comm.process.null import COMM_NULL
from parcompute.comm.process.ops import (
    BAND,
    BOR,
    BXOR,
    LAND,
    LOR,
    LXOR,
    MAX,
    MAXLOC,
    MIN,
    MINLOC,
    NO_OP,
    PROD,
    REPLACE,
    SUM,
    Op,
)
from parcompute.comm.process.probe import Message
from parcompute.comm.process.requests import Request
from parcompute.comm.process.status import Status

__all__ = [
    "ANY_SOURCE",
    "ANY_TAG",
    "BAND",
    "BOR",
    "BXOR",
    "CART",
    "COMM_NULL",
    "COMM_TYPE_SHARED",
    "CONGRUENT",
    "ERRORS_ABORT",
    "ERRORS_ARE_FATAL",
    "ERRORS_RETURN",
    "ERR_LASTCODE",
    "GROUP_EMPTY",
    "GROUP_NULL",
    "IDENT",
    "IN_PLACE",
    "LAND",
    "LOR",
    "LXOR",
    "MAX",
    "MAXLOC",
    "MIN",
    "MINLOC",
    "NO_OP",
    "ORDER_C",
    "ORDER_FORTRAN",
    "PROC_NULL",
    "PROD",
    "REPLACE",
    "SIMILAR",
    "SUM",
    "UNDEFINED",
    "UNEQUAL",
    "Cartcomm",
    "Comm",
    "Compute_dims",
    "Datatype",
    "Errhandler",
    "Exception",
    "Group",
    "Intracomm",
    "Message",
    "Op",
    "Prequest",
    "Request",
    "Status",
    "Topocomm",
]

Comm = Intracomm = ProcessCommunicator
Cartcomm = Topocomm = CartCommunicator
Prequest = Request
Compute_dims = compute_dims
GROUP_EMPTY = Group(())
GROUP_NULL = Group()

_VALUES: dict[str, Any] = {**PREDEFINED, **CLASSES, **KEYVALS, "_typedict": TYPEDICT}
_MADE_ON_DEMAND: dict[str, Callable[[], Any]] = {
    "COMM_WORLD": world.world,
    "COMM_SELF": world.alone,
}


def __getattr__(name: str) -> Any:
    if name in _MADE_ON_DEMAND:
        return _MADE_ON_DEMAND[name]()
    if name in _VALUES:
        return _VALUES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
