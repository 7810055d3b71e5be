# ruff: noqa: N802 (the names are mpi4py's)
"""Values that libraries attach to a communicator under a key of their own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from parcompute.comm.constants import TAG_UB

_numbers = count(100)


class Keyval(int):
    """A key: a number that knows what happens to its value with the communicator."""

    on_copy: Any = None
    on_delete: Any = None


_NAMES = ["TAG_UB", "WTIME_IS_GLOBAL", "UNIVERSE_SIZE", "APPNUM", "IO"]
KEYVALS = {name: Keyval(number) for number, name in enumerate(_NAMES, 1)}
"""Keys of MPI's own attributes."""

_KNOWN: dict[int, Any] = {KEYVALS["TAG_UB"]: TAG_UB, KEYVALS["WTIME_IS_GLOBAL"]: True}


class Attributes:
    """Methods of a communicator for values under keys."""

    _attributes: dict[Keyval, Any]

    @classmethod
    def Create_keyval(
        cls,
        copy_fn: Callable[[Any, int, Any], Any] | bool | None = None,
        delete_fn: Callable[[Any, int, Any], None] | None = None,
        nopython: bool = False,
    ) -> int:
        """Return a new key.

        Parameters
        ----------
        copy_fn : callable or bool
            Called as (comm, key, value) by ``Dup``, returns the value for the new communicator;
            True: the same value; None: no value; if it returns NotImplemented: no value.
        delete_fn : callable
            Called as (comm, key, value) when the value goes.
        nopython : bool
            Has no meaning here.
        """
        key = Keyval(next(_numbers))
        key.on_copy, key.on_delete = copy_fn, delete_fn
        return key

    @classmethod
    def Free_keyval(cls, keyval: int) -> int:
        """Give a key up; return KEYVAL_INVALID."""
        return 0

    def Get_attr(self, keyval: int) -> Any:
        """Return the value under a key, or None."""
        return _KNOWN.get(keyval, self._attributes.get(Keyval(keyval)))

    def Set_attr(self, keyval: Any, attrval: Any) -> None:
        """Keep a value under a key."""
        if keyval in self._attributes:
            self.Delete_attr(keyval)
        self._attributes[keyval] = attrval

    def Delete_attr(self, keyval: Any) -> None:
        """Forget the value under a key."""
        key = next(key for key in self._attributes if key == keyval)
        value = self._attributes[key]
        if key.on_delete is not None:
            key.on_delete(self, key, value)
        del self._attributes[key]

    def _copied_attributes(self) -> dict[Keyval, Any]:
        """Return what a duplicate of the communicator begins with."""
        copies = {key: self._copy_of(key, value) for key, value in self._attributes.items()}
        return {key: value for key, value in copies.items() if value is not NotImplemented}

    def _copy_of(self, key: Keyval, value: Any) -> Any:
        if key.on_copy is True:
            return value
        return key.on_copy(self, key, value) if key.on_copy else NotImplemented

    def _delete_attributes(self) -> None:
        for key in list(self._attributes):
            self.Delete_attr(key)
