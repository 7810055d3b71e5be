"""Which collective call a message belongs to."""

from __future__ import annotations

from typing import Any

_NUMBERS = 1 << 20


class Calls:
    """The collective calls of one communicator, numbered: every rank makes the same, in order."""

    def __init__(self) -> None:
        self._number = 0

    def begin(self, name: str, *signature: Any) -> int:
        """Return the tag of all messages of the next call.

        Parameters
        ----------
        name : str
            Of the call, e.g. "Bcast".
        *signature
            What must be the same on all ranks, e.g. the root.
        """
        self._number = (self._number + 1) % _NUMBERS
        return self._number
