# ruff: noqa: N802 (the names are mpi4py's)
"""Hints to an MPI library: accepted and kept, not used."""

from __future__ import annotations


class Info(dict[str, str]):
    """Words by name, as mpi4py's ``Info``."""

    _is_null = False

    def __bool__(self) -> bool:
        return not self._is_null

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Info) and not self and not other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    @classmethod
    def Create(cls, items: dict[str, str] | None = None) -> Info:
        """Return a new one."""
        return cls(items or {})

    def Set(self, key: str, value: str) -> None:
        """Keep a word."""
        self[key] = value

    def Get(self, key: str) -> str | None:
        """Return a word, or None."""
        return self.get(key)

    def Delete(self, key: str) -> None:
        """Forget a word."""
        del self[key]

    def Get_nkeys(self) -> int:
        """Return the number of words."""
        return len(self)

    def Get_nthkey(self, n: int) -> str:
        """Return the name of a word."""
        return list(self)[n]

    def Dup(self) -> Info:
        """Return a copy."""
        return Info(self)

    def Free(self) -> None:
        """Give it up: it is INFO_NULL then."""
        self.clear()
        self._is_null = True


def _null() -> Info:
    info = Info()
    info.Free()
    return info


INFO_NULL = _null()
"""No hints."""
