# ruff: noqa: N802 (the names are mpi4py's)
"""Types of what buffers hold: mpi4py's predefined ones, as names of NumPy types."""

from __future__ import annotations

from typing import Any

import numpy as np


class Datatype:
    """The type of the items of a buffer.

    Parameters
    ----------
    name : str
        MPI's name, without ``MPI_``.
    dtype : dtype
        NumPy's type of the same items.
    """

    def __init__(self, name: str, dtype: Any) -> None:
        self.name = f"MPI_{name}"
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    def __repr__(self) -> str:
        return f"<Datatype {self.name}>"

    @property
    def size(self) -> int:
        """Bytes of data of an item."""
        fields = self.dtype.fields
        if fields is None:
            return self.dtype.itemsize
        return sum(field[0].itemsize for field in fields.values())

    @property
    def extent(self) -> int:
        """Bytes from one item to the next."""
        return self.dtype.itemsize

    def Get_size(self) -> int:
        """Return `size`."""
        return self.size

    def Get_extent(self) -> tuple[int, int]:
        """Return (0, `extent`)."""
        return 0, self.extent

    def Get_name(self) -> str:
        """Return MPI's name."""
        return self.name

    def tocode(self) -> str:
        """Return NumPy's character code."""
        return self.dtype.char

    def Commit(self) -> Datatype:
        """Return the type: it is ready for use as it is."""
        return self

    def Free(self) -> None:
        """Give the type up."""


_SIMPLE = """
BYTE=B PACKED=B CHAR=b WCHAR=i4 SIGNED_CHAR=b UNSIGNED_CHAR=B SHORT=h UNSIGNED_SHORT=H INT=i
UNSIGNED=I LONG=l UNSIGNED_LONG=L LONG_LONG=q UNSIGNED_LONG_LONG=Q FLOAT=f DOUBLE=d LONG_DOUBLE=g
C_BOOL=? INT8_T=i1 INT16_T=i2 INT32_T=i4 INT64_T=i8 UINT8_T=u1 UINT16_T=u2 UINT32_T=u4 UINT64_T=u8
C_FLOAT_COMPLEX=F C_DOUBLE_COMPLEX=D C_LONG_DOUBLE_COMPLEX=G AINT=p OFFSET=i8 COUNT=i8
"""
_PAIRS = "FLOAT_INT=f DOUBLE_INT=d LONG_INT=l SHORT_INT=h 2INT=i LONG_DOUBLE_INT=g"
_ALIASES = """
BOOL=C_BOOL COMPLEX=C_FLOAT_COMPLEX DOUBLE_COMPLEX=C_DOUBLE_COMPLEX SINT16_T=INT16_T
SINT32_T=INT32_T SINT64_T=INT64_T SINT8_T=INT8_T UNSIGNED_INT=UNSIGNED TWOINT=2INT INT_INT=2INT
"""


def _predefined() -> dict[str, Datatype]:
    """Return the types by their names in mpi4py."""
    simple = [word.split("=") for word in _SIMPLE.split()]
    types = {name: Datatype(name, code) for name, code in simple}
    for name, code in (word.split("=") for word in _PAIRS.split()):
        pair = np.dtype([("value", code), ("index", "i")], align=True)
        types[name] = Datatype(name, pair)
    types |= {name: types[of] for name, of in (word.split("=") for word in _ALIASES.split())}
    return types


PREDEFINED = _predefined()
"""Name in mpi4py to type."""


def as_dtype(kind: Any) -> np.dtype[Any]:
    """Return NumPy's type for a `Datatype` or a character code such as "d".

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(kind, Datatype):
        return kind.dtype
    if isinstance(kind, str):
        return np.dtype(kind)
    raise TypeError(f"expected a Datatype or a type code such as 'd', got {kind!r}")


def datatype_of(dtype: np.dtype[Any]) -> Datatype:
    """Return the `Datatype` of a NumPy type."""
    for datatype in PREDEFINED.values():
        if datatype.dtype == dtype:
            return datatype
    return Datatype(dtype.name, dtype)
