# ruff: noqa: N802 (the names are mpi4py's)
"""What is known of a received message."""

from __future__ import annotations

from typing import Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, UNDEFINED


class Status:
    """Where a message came from and how long it is; an argument of `Recv`, `recv`, `Wait`.

    Attributes
    ----------
    source, tag : int
        Of the message; ``ANY_SOURCE`` and ``ANY_TAG`` as long as there was none.
    count : int
        Bytes.
    error : int
        0: errors are raised.
    """

    def __init__(self, status: Status | None = None) -> None:
        self.set(ANY_SOURCE, ANY_TAG, 0)
        if status is not None:
            vars(self).update(vars(status))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Status) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def set(self, source: int, tag: int, count: int, *, cancelled: bool = False) -> None:
        """Describe another message."""
        self.source = source
        self.tag = tag
        self.count = count
        self.error = 0
        self.cancelled = cancelled

    def Get_source(self) -> int:
        """Return the rank that sent the message."""
        return self.source

    def Get_tag(self) -> int:
        """Return the tag of the message."""
        return self.tag

    def Get_error(self) -> int:
        """Return 0: errors are raised."""
        return self.error

    def Get_count(self, datatype: Any = None) -> int:
        """Return the number of items of `datatype` (default: bytes); UNDEFINED if not whole."""
        size = 1 if datatype is None else datatype.layout.size
        count, rest = divmod(self.count, size) if size else (0, self.count)
        return UNDEFINED if rest else count

    def Get_elements(self, datatype: Any) -> int:
        """Return the number of basic items of `datatype`."""
        basic = datatype.basic
        return self.count // basic if basic else self.Get_count(datatype)

    def Is_cancelled(self) -> bool:
        """Return whether the receive was cancelled."""
        return self.cancelled

    @property
    def is_cancelled(self) -> bool:
        """Whether the receive was cancelled."""
        return self.cancelled
