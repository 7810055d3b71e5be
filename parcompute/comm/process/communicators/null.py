"""Things that are none: ``COMM_NULL``, which a freed communicator becomes, ``REQUEST_NULL``."""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn

from parcompute.comm.process.communicators.communicator import ProcessCommunicator
from parcompute.comm.process.messages.failures import ERR_COMM, Exception
from parcompute.comm.process.messages.requests import Request


def _refuse(name: str, *args: Any, **keywords: Any) -> NoReturn:
    raise Exception(
        ERR_COMM,
        f"expected a communicator to call {name} on, got COMM_NULL: it was freed, or this rank is "
        "not in it (compare with COMM_NULL first)",
    )


class NullCommunicator(ProcessCommunicator):
    """Every call raises an error of class ``ERR_COMM``."""

    def __init__(self) -> None:
        pass

    def __reduce__(self) -> Any:
        return "COMM_NULL"  # the name in this module

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NullCommunicator)

    def __hash__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<COMM_NULL>"

    def __getattribute__(self, name: str) -> Any:
        found = getattr(ProcessCommunicator, name, None)
        if name.startswith("_") or name == "Get_parent":
            return super().__getattribute__(name)
        if name in ("name", "Get_name"):
            return "MPI_COMM_NULL" if name == "name" else lambda: "MPI_COMM_NULL"
        return partial(_refuse, name) if callable(found) else _refuse(name)


COMM_NULL = NullCommunicator()
"""The communicator of no ranks."""


class NullRequest(Request):
    """A request that is none: complete at once, and passed over in lists."""

    def __init__(self) -> None:
        pass

    def __repr__(self) -> str:
        return "<REQUEST_NULL>"


REQUEST_NULL = NullRequest()
"""No request."""
