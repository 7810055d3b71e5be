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
from parcompute.comm.process import environment, ops, world
from parcompute.comm.process.attributes import KEYVALS
from parcompute.comm.process.cartesian import CartCommunicator, compute_dims
from parcompute.comm.process.communicator import ProcessCommunicator, UnsupportedCallError
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
from parcompute.comm.process.info import INFO_NULL, Info
from parcompute.comm.process.null import COMM_NULL, REQUEST_NULL
from parcompute.comm.process.ops import Op
from parcompute.comm.process.probe import Message
from parcompute.comm.process.requests import Request
from parcompute.comm.process.status import Status

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
