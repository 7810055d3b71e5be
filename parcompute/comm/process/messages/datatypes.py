# ruff: noqa: N802 (the names are mpi4py's)
"""Types of what buffers hold: mpi4py's predefined ones, as names of NumPy types."""

from __future__ import annotations

from typing import Any

import numpy as np

from parcompute.comm.process.messages.deriving import Deriving
from parcompute.comm.process.messages.failures import ERR_TYPE, ArgumentError, Exception
from parcompute.comm.process.messages.layouts import Layout, Region, Strided
from parcompute.comm.process.messages.typenames import ALIASES, OF_CODES, PAIRS, SIMPLE


class Datatype(Deriving):
    """The type of the items of a buffer: one of NumPy's types.

    Parameters
    ----------
    name : str
        MPI's name, without ``MPI_``.
    dtype : dtype
        NumPy's type of the same items.

    Attributes
    ----------
    dtype : dtype or None
        None for a type made of others.
    lb, ub : int
        Bounds of an item, in bytes, relative to its address.
    basic : int
        Bytes of the basic items that it is made of; 0 if they differ.
    """

    dtype: np.dtype[Any] | None

    def __init__(self, name: str, dtype: Any) -> None:
        kind = np.dtype(dtype)
        self.name = f"MPI_{name}"
        self.dtype = kind
        self.lb, self.ub = 0, kind.itemsize
        self.alignment = kind.alignment
        self.basic = kind.itemsize
        self._layout: Layout | None = Strided(kind.itemsize)

    def __repr__(self) -> str:
        return f"<Datatype {self.name or self.typestr}>"

    def __bool__(self) -> bool:
        return self._layout is not None

    @property
    def layout(self) -> Layout:
        """Where the bytes of an item lie."""
        if self._layout is None:
            raise Exception(ERR_TYPE, "expected a datatype, got DATATYPE_NULL or one that is freed")
        return self._layout

    @property
    def size(self) -> int:
        """Bytes of data of an item."""
        fields = self.dtype.fields if self.dtype is not None else None
        if fields is None:
            return self.layout.size
        return sum(field[0].itemsize for field in fields.values())

    @property
    def extent(self) -> int:
        """Bytes from one item to the next."""
        return self.ub - self.lb

    @property
    def true_lb(self) -> int:
        """Where the first byte of data lies."""
        return self.layout.bounds[0]

    @property
    def true_ub(self) -> int:
        """Where the last byte of data ends."""
        return self.layout.bounds[1]

    @property
    def true_extent(self) -> int:
        """Bytes from the first byte of data to the end of the last."""
        return self.true_ub - self.true_lb

    @property
    def is_predefined(self) -> bool:
        """Whether it is not made of others."""
        return self.dtype is not None

    @property
    def is_named(self) -> bool:
        """Whether it is not made of others."""
        return self.is_predefined

    @property
    def typechar(self) -> str:
        """NumPy's character; "V" for what NumPy has no type of."""
        return "V" if self.dtype is None else self.dtype.char

    @property
    def typestr(self) -> str:
        """NumPy's code with the size, e.g. "f8"."""
        return f"V{self.size}" if self.dtype is None else self.dtype.str[1:]

    def Get_size(self) -> int:
        """Return `size`."""
        return self.size

    def Get_extent(self) -> tuple[int, int]:
        """Return (`lb`, `extent`)."""
        return self.lb, self.extent

    def Get_true_extent(self) -> tuple[int, int]:
        """Return (`true_lb`, `true_extent`)."""
        return self.true_lb, self.true_extent

    def Get_name(self) -> str:
        """Return the name."""
        return self.name

    def Set_name(self, name: str) -> None:
        """Set the name."""
        self.name = name

    def tocode(self) -> str:
        """Return NumPy's code of the type."""
        if self.dtype is None or self.dtype.names:
            raise ValueError(f"there is no type code for {self!r}")
        return _CODES.get(self.name, self.dtype.char)

    @classmethod
    def fromcode(cls, code: str) -> Datatype:
        """Return the predefined type of a code such as "d" or "f8"."""
        if code not in TYPEDICT:
            raise ValueError(f"expected the code of a datatype such as 'd' or 'f8', got {code!r}")
        return TYPEDICT[code]

    def Commit(self) -> Datatype:
        """Return the type, ready for messages."""
        return self

    def Free(self) -> None:
        """Give the type up: it is DATATYPE_NULL then."""
        raise Exception(ERR_TYPE, f"{self.name} is predefined and cannot be freed")

    def check(self) -> None:
        """Raise `Exception` if the type is not ready for messages."""

    def Pack_size(self, count: int, comm: Any) -> int:
        """Return the bytes that `count` items need when packed."""
        return count * self.layout.size

    def Pack(self, inbuf: Any, outbuf: Any, position: int, comm: Any) -> int:
        """Copy the items of a buffer side by side into another; return where they end."""
        region = self._region(inbuf)
        region.pack()
        end = position + len(region.data)
        memoryview(outbuf).cast("B")[position:end] = region.data
        return end

    def Unpack(self, inbuf: Any, position: int, outbuf: Any, comm: Any) -> int:
        """Copy packed items into a buffer, which they fill; return where they end."""
        region = self._region(outbuf)
        end = position + len(region.data)
        region.data[:] = memoryview(inbuf).cast("B")[position:end]
        region.unpack(len(region.data))
        return end

    def _region(self, buffer: Any) -> Region:
        memory = np.frombuffer(memoryview(buffer).cast("B"), np.uint8)
        return self.layout.repeated(len(memory) // self.extent, self.extent).region(memory)

    def _made(self, layout: Layout, lb: int, ub: int, alignment: int) -> Datatype:
        made = Derived(layout, lb, ub, alignment)
        made.basic = self.basic
        return made


class Derived(Datatype):
    """A type made of others.

    Parameters
    ----------
    layout : Layout, optional
        Where the bytes of an item lie; None: the type is DATATYPE_NULL.
    lb, ub : int
        Its bounds.
    alignment : int
        Of its largest basic item, in bytes.
    """

    def __init__(
        self, layout: Layout | None = None, lb: int = 0, ub: int = 0, alignment: int = 1
    ) -> None:
        self.name = "" if layout else "MPI_DATATYPE_NULL"
        self.dtype = None
        self.lb, self.ub = lb, ub
        self.alignment = alignment
        self.basic = 0
        self._layout = layout
        self._committed = False

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Derived) and not self and not other)

    def __hash__(self) -> int:
        return id(self)

    def Commit(self) -> Datatype:
        """Return the type, ready for messages."""
        self._committed = True
        return self

    def Free(self) -> None:
        """Give the type up: it is DATATYPE_NULL then."""
        self._layout = None

    def check(self) -> None:
        """Raise `Exception` if the type is not ready for messages."""
        if not self._committed and self.layout:
            raise Exception(ERR_TYPE, "expected a committed datatype: call its Commit() first")


def _predefined() -> dict[str, Datatype]:
    """Return the types by their names in mpi4py."""
    types = {name: Datatype(name, code) for name, code in SIMPLE}
    for name, code in PAIRS:
        types[name] = Datatype(name, np.dtype([("value", code), ("index", "i")], align=True))
    types |= {name: types[of] for name, of in ALIASES}
    return types | {"DATATYPE_NULL": Derived()}


PREDEFINED = _predefined()
"""Name in mpi4py to type."""

TYPEDICT = {code: PREDEFINED[name] for code, name in OF_CODES}
"""NumPy's code to type."""

_CODES = {kind.name: code for code, kind in reversed(TYPEDICT.items())}


def as_dtype(kind: Any) -> np.dtype[Any]:
    """Return NumPy's type for a `Datatype` or a character code such as "d".

    Raises
    ------
    TypeError
        If it is neither.
    Exception
        If it is a type made of others.
    """
    if isinstance(kind, Datatype):
        if kind.dtype is None:
            raise ArgumentError(
                ERR_TYPE, "expected a predefined datatype: this call takes none made of others"
            )
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
