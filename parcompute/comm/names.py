"""The names of ``mpi4py.MPI`` that the serial and the process engine have.

``from parcompute import MPI`` gives this module, unless an MPI launcher started the program.
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
    UNSUPPORTED_NAMES,
    UNSUPPORTED_PREFIXES,
)
from parcompute.comm.process.collective import ops
from parcompute.comm.process.collective.ops import Op
from parcompute.comm.process.communicators import environment, world
from parcompute.comm.process.communicators.attributes import KEYVALS
from parcompute.comm.process.communicators.cartesian import CartCommunicator, compute_dims
from parcompute.comm.process.communicators.communicator import (
    ProcessCommunicator,
    UnsupportedCallError,
)
from parcompute.comm.process.communicators.groups import Group
from parcompute.comm.process.communicators.identity import (
    ERRORS_ABORT,
    ERRORS_ARE_FATAL,
    ERRORS_RETURN,
    Errhandler,
)
from parcompute.comm.process.communicators.info import INFO_NULL, Info
from parcompute.comm.process.communicators.null import COMM_NULL, REQUEST_NULL
from parcompute.comm.process.messages.datatypes import PREDEFINED, TYPEDICT, Datatype
from parcompute.comm.process.messages.errorclasses import CLASSES, ERR_LASTCODE
from parcompute.comm.process.messages.failures import Exception
from parcompute.comm.process.messages.probe import Message
from parcompute.comm.process.messages.requests import Request
from parcompute.comm.process.messages.status import Status

__all__ = [
    "ANY_SOURCE",
    "ANY_TAG",
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
    "INFO_NULL",
    "IN_PLACE",
    "KEYVAL_INVALID",
    "ORDER_C",
    "ORDER_F",
    "ORDER_FORTRAN",
    "PROC_NULL",
    "REQUEST_NULL",
    "SIMILAR",
    "UNDEFINED",
    "UNEQUAL",
    "Cartcomm",
    "Comm",
    "Compute_dims",
    "Datatype",
    "Errhandler",
    "Exception",
    "Group",
    "Info",
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
KEYVAL_INVALID = 0
ORDER_F = ORDER_FORTRAN

_VALUES: dict[str, Any] = {
    **{name: value for name, value in vars(environment).items() if not name.startswith("_")},
    **{name: value for name, value in vars(ops).items() if isinstance(value, Op)},
    **PREDEFINED,
    **CLASSES,
    **KEYVALS,
    "_typedict": TYPEDICT,
}
_MADE_ON_DEMAND: dict[str, Callable[[], Any]] = {
    "COMM_WORLD": world.world,
    "COMM_SELF": world.alone,
}


def __getattr__(name: str) -> Any:
    if name in _MADE_ON_DEMAND:
        return _MADE_ON_DEMAND[name]()
    if name in _VALUES:
        return _VALUES[name]
    if name in UNSUPPORTED_NAMES or name.startswith(UNSUPPORTED_PREFIXES):
        raise UnsupportedCallError(
            f"MPI.{name} is not in the process engine: start the program with mpiexec, "
            "where MPI is that of mpi4py"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_VALUES, *_MADE_ON_DEMAND})
