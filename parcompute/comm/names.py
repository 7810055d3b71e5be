"""The names of ``mpi4py.MPI`` that the serial and the process engine have."""

from __future__ import annotations

from typing import Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, PROC_NULL, TAG_UB, UNDEFINED
from parcompute.comm.process.datatypes import PREDEFINED, Datatype
from parcompute.comm.process.failures import (
    ERR_ARG,
    ERR_RANK,
    ERR_TAG,
    ERR_TRUNCATE,
    SUCCESS,
    Exception,
)
from parcompute.comm.process.probe import Message
from parcompute.comm.process.requests import Request
from parcompute.comm.process.status import Status

__all__ = [
    "ANY_SOURCE",
    "ANY_TAG",
    "ERR_ARG",
    "ERR_RANK",
    "ERR_TAG",
    "ERR_TRUNCATE",
    "PROC_NULL",
    "SUCCESS",
    "TAG_UB",
    "UNDEFINED",
    "Datatype",
    "Exception",
    "Message",
    "Prequest",
    "Request",
    "Status",
]

Prequest = Request


def __getattr__(name: str) -> Any:
    if name in PREDEFINED:
        return PREDEFINED[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
