"""The names of ``mpi4py.MPI`` that the serial and the process engine have."""

from __future__ import annotations

from typing import Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, IN_PLACE, PROC_NULL, TAG_UB, UNDEFINED
from parcompute.comm.process.datatypes import PREDEFINED, Datatype
from parcompute.comm.process.failures import (
    ERR_ARG,
    ERR_OP,
    ERR_RANK,
    ERR_ROOT,
    ERR_TAG,
    ERR_TRUNCATE,
    SUCCESS,
    Exception,
)
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
    "ERR_ARG",
    "ERR_OP",
    "ERR_RANK",
    "ERR_ROOT",
    "ERR_TAG",
    "ERR_TRUNCATE",
    "IN_PLACE",
    "LAND",
    "LOR",
    "LXOR",
    "MAX",
    "MAXLOC",
    "MIN",
    "MINLOC",
    "NO_OP",
    "PROC_NULL",
    "PROD",
    "REPLACE",
    "SUCCESS",
    "SUM",
    "TAG_UB",
    "UNDEFINED",
    "Datatype",
    "Exception",
    "Message",
    "Op",
    "Prequest",
    "Request",
    "Status",
]

Prequest = Request


def __getattr__(name: str) -> Any:
    if name in PREDEFINED:
        return PREDEFINED[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
