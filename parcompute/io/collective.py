"""Make ranks succeed or fail together in what touches the file system."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from parcompute.comm import Communicator
from parcompute.errors import ParcomputeError

T = TypeVar("T")

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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


def together(
    comm: Communicator, path: Path, function: Callable[..., T], *args: object, needed: int = 0
) -> T:
    """Call the function on every rank; if it raises anywhere, all raise one error.

    That is for `OSError` and `ParcomputeError`.

    Parameters
    ----------
    needed : int
        Bytes that this rank was writing, for the message if there is no room for them.

    Raises
    ------
    ParcomputeError
        On every rank, naming the lowest rank that failed, and `path` after an `OSError`.
    """
    result: T | None = None
    failure: tuple[int, str] | None = None
    try:
        result = function(*args)
    except OSError as error:
        text = sentence(error, path)
        if error.errno in _NO_ROOM and needed:
            text += f" needs {size(needed)} more"
        failure = (comm.Get_rank(), text)
    except ParcomputeError as error:
        failure = (comm.Get_rank(), str(error).removesuffix("."))
    first = comm.allreduce(failure, op=_lower)
    if first is not None:
        raise ParcomputeError(f"{first[1]} (rank {first[0]}).")
    return result  # type: ignore[return-value]  # it is the function's result by now


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"


def sentence(error: OSError, path: Path | None = None) -> str:
    """Return the reason and the file of an operating system error."""
    reason = error.strerror or str(error)
    name = error.filename or path
    return f"{reason}: '{name}'" if name else reason


def _lower(a: tuple[int, str] | None, b: tuple[int, str] | None) -> tuple[int, str] | None:
    return b if a is None else a


@contextmanager
def errors_of_hdf5(path: Path) -> Iterator[None]:
    """Turn an error of HDF5 that tells an errno (a full disk) into the one of the system.

    Raises
    ------
    OSError
        Naming `path`; HDF5 raises RuntimeError where it notices only when the file is closed.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = re.search(r"errno = (\d+)", str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from None
