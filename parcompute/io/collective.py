"""Make ranks succeed or fail together in what touches the file system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from parcompute.comm import Communicator
from parcompute.errors import ParcomputeError

T = TypeVar("T")


def on_root(comm: Communicator, function: Callable[..., T], *args: object) -> T:
    """Call the function on rank 0 and return its result on every rank; collective.

    Raises
    ------
    ParcomputeError
        On every rank, what the function raised on rank 0; an OSError becomes a sentence.
    """
    result: T | None = None
    failure: ParcomputeError | None = None
    if comm.Get_rank() == 0:
        try:
            result = function(*args)
        except ParcomputeError as error:
            failure = error
        except OSError as error:
            failure = ParcomputeError(f"{sentence(error)}.")
    failure = comm.bcast(failure)
    if failure is not None:
        raise failure
    shared: T = comm.bcast(result)
    return shared


def together(comm: Communicator, path: Path, function: Callable[..., T], *args: object) -> T:
    """Call the function on every rank; if it raises OSError anywhere, all raise one error.

    Raises
    ------
    ParcomputeError
        On every rank, naming `path` and the lowest rank that failed.
    """
    result: T | None = None
    failure: tuple[int, str] | None = None
    try:
        result = function(*args)
    except OSError as error:
        failure = (comm.Get_rank(), sentence(error, path))
    first = comm.allreduce(failure, op=_lower)
    if first is not None:
        raise ParcomputeError(f"{first[1]} (rank {first[0]}).")
    return result  # type: ignore[return-value]  # it is the function's result by now


def sentence(error: OSError, path: Path | None = None) -> str:
    """Return the reason and the file of an operating system error."""
    reason = error.strerror or str(error)
    name = error.filename or path
    return f"{reason}: '{name}'" if name else reason


def _lower(a: tuple[int, str] | None, b: tuple[int, str] | None) -> tuple[int, str] | None:
    return b if a is None else a
