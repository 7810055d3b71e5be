# ruff: noqa: N802 (the names are mpi4py's)
"""Operations of reductions: mpi4py's predefined ones, and those of the user."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from parcompute.comm.process.messages.buffers import Array, as_items
from parcompute.comm.process.messages.datatypes import datatype_of
from parcompute.comm.process.messages.failures import ERR_ARG, ERR_OP, ArgumentError, Exception

Objects = Callable[..., Any]
Arrays = Callable[..., Any]

_INTEGERS = "iu"
_LOGICALS = "iub"
_ORDERED = "iuf"
_NUMBERS = "iufc"
_PAIRS = "V"
_ANY = "iufcbVSUmM"


class Op:
    """An operation that combines what two ranks have; callable on two objects.

    Parameters
    ----------
    name : str
        As in mpi4py.
    objects : callable
        Combines two objects (lower rank first).
    arrays : callable
        Combines two arrays into a third: ``arrays(lower, higher, out=out)``.
    kinds : str
        The kinds of NumPy types it takes.
    """

    def __init__(self, name: str, objects: Objects, arrays: Arrays, kinds: str) -> None:
        self.name = name
        self._objects = objects
        self._arrays = arrays
        self._kinds = kinds

    def __repr__(self) -> str:
        return f"<Op {self.name}>"

    def __reduce__(self) -> Any:
        return self.name  # the name in this module

    def __call__(self, x: Any, y: Any) -> Any:
        """Return two objects combined."""
        return self._objects(x, y)

    @classmethod
    def Create(cls, function: Callable[[Any, Any, Any], Any], commute: bool = False) -> Op:
        """Return an operation of the user.

        Parameters
        ----------
        function : callable
            Called by uppercase reductions as ``function(inbuf, inoutbuf, datatype)`` with the bytes
            of two buffers, which it combines in the second; by lowercase ones as
            ``function(x, y, None)`` with two objects, and returns the combined one.
        commute : bool
            Whether the order does not matter. Here it is always that of the ranks.
        """
        return UserOp(function, commute)

    def Free(self) -> None:
        """Refuse: a predefined operation is not freed."""
        raise Exception(ERR_OP, f"expected an operation made by Op.Create to free, got {self.name}")

    def free(self) -> None:
        """Give an operation of the user up."""

    def Is_commutative(self) -> bool:
        """Return whether the order of two operands does not matter."""
        return self.name not in ("REPLACE", "NO_OP")

    def Is_predefined(self) -> bool:
        """Return whether it is not an operation of the user."""
        return True

    @property
    def is_commutative(self) -> bool:
        """Whether the order of two operands does not matter."""
        return self.Is_commutative()

    @property
    def is_predefined(self) -> bool:
        """Whether it is not an operation of the user."""
        return self.Is_predefined()

    def Reduce_local(self, inbuf: Any, inoutbuf: Any) -> None:
        """Combine two buffers in the second."""
        lower, higher = as_items(inbuf), as_items(inoutbuf)
        check_same(lower, higher)
        self.check(higher.dtype)
        self.combine(lower, higher, higher)

    def check(self, dtype: np.dtype[Any]) -> None:
        """Raise `Exception` if it does not combine arrays of this type."""
        if dtype.kind not in self._kinds or (self._kinds == _PAIRS and len(dtype.names or ()) != 2):
            fitting = "pairs such as DOUBLE_INT" if self._kinds == _PAIRS else self._fitting()
            raise Exception(ERR_OP, f"{self.name} combines {fitting}, got an array of {dtype}")

    def _fitting(self) -> str:
        kinds = {"i": "integers", "f": "floating-point", "c": "complex numbers", "b": "bools"}
        return ", ".join(word for kind, word in kinds.items() if kind in self._kinds)

    def combine(self, lower: Array, higher: Array, out: Array) -> None:
        """Combine two arrays into `out`, which may be one of them."""
        self._arrays(lower, higher, out=out)


class UserOp(Op):
    """An operation made by `Op.Create`."""

    def __init__(self, function: Callable[[Any, Any, Any], Any] | None, commute: bool) -> None:
        self.name = getattr(function, "__name__", "an operation of the user")
        self._function = function
        self._commutes = commute

    def __reduce__(self) -> Any:
        if self._function is None:
            return "OP_NULL"
        raise ValueError("an operation made by Op.Create cannot be pickled: create it on each rank")

    def __bool__(self) -> bool:
        return self._function is not None

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, UserOp) and not self and not other)

    def __hash__(self) -> int:
        return id(self)

    def __call__(self, x: Any, y: Any) -> Any:
        """Return two objects combined."""
        return self._ready()(x, y, None)

    def Free(self) -> None:
        """Give the operation up."""
        self._function = None

    free = Free

    def Is_commutative(self) -> bool:
        """Return whether the order of two operands does not matter."""
        return self._commutes

    def Is_predefined(self) -> bool:
        """Return False."""
        return False

    def check(self, dtype: np.dtype[Any]) -> None:
        """Take any type."""
        self._ready()

    def combine(self, lower: Array, higher: Array, out: Array) -> None:
        """Combine two arrays into `out`, which may be one of them."""
        result = higher if out is higher else higher.copy()
        self._ready()(_bytes_of(lower), _bytes_of(result), datatype_of(higher.dtype))
        if out is not result:
            out[:] = result

    def _ready(self) -> Callable[[Any, Any, Any], Any]:
        if self._function is None:
            raise Exception(ERR_OP, "expected an operation, got OP_NULL or one that was freed")
        return self._function


def check_same(first: Array, second: Array) -> None:
    """Raise `ArgumentError` unless two buffers hold as many items of the same type."""
    if first.dtype != second.dtype or len(first) != len(second):
        raise ArgumentError(
            ERR_ARG,
            f"expected buffers of the same type and count, got {len(first)} of {first.dtype} and "
            f"{len(second)} of {second.dtype}",
        )


def _bytes_of(items: Array) -> memoryview:
    return items.view(np.uint8).data


def _max(x: Any, y: Any) -> Any:
    return y if y > x else x


def _min(x: Any, y: Any) -> Any:
    return y if y < x else x


def _maxloc(x: Any, y: Any) -> Any:
    (u, i), (v, j) = x, y
    return (v, j) if v > u or (not u > v and j < i) else (u, i)


def _minloc(x: Any, y: Any) -> Any:
    (u, i), (v, j) = x, y
    return (v, j) if v < u or (not u < v and j < i) else (u, i)


def _locating(better: Callable[[Array, Array], Array]) -> Arrays:
    """Return what combines arrays of pairs: the better value wins; of equals, the lower index."""

    def combine(lower: Array, higher: Array, *, out: Array) -> None:
        value, index = lower.dtype.names or ("", "")
        equal = (lower[value] == higher[value]) & (higher[index] < lower[index])
        out[:] = np.where(better(higher[value], lower[value]) | equal, higher, lower)

    return combine


def _replace(lower: Array, higher: Array, *, out: Array) -> None:
    out[:] = higher


def _no_op(lower: Array, higher: Array, *, out: Array) -> None:
    out[:] = lower


SUM = Op("SUM", operator.add, np.add, _NUMBERS)
PROD = Op("PROD", operator.mul, np.multiply, _NUMBERS)
MAX = Op("MAX", _max, np.maximum, _ORDERED)
MIN = Op("MIN", _min, np.minimum, _ORDERED)
LAND = Op("LAND", lambda x, y: bool(x) & bool(y), np.logical_and, _LOGICALS)
LOR = Op("LOR", lambda x, y: bool(x) | bool(y), np.logical_or, _LOGICALS)
LXOR = Op("LXOR", lambda x, y: bool(x) ^ bool(y), np.logical_xor, _LOGICALS)
BAND = Op("BAND", operator.and_, np.bitwise_and, _INTEGERS)
BOR = Op("BOR", operator.or_, np.bitwise_or, _INTEGERS)
BXOR = Op("BXOR", operator.xor, np.bitwise_xor, _INTEGERS)
MAXLOC = Op("MAXLOC", _maxloc, _locating(np.greater), _PAIRS)
MINLOC = Op("MINLOC", _minloc, _locating(np.less), _PAIRS)
REPLACE = Op("REPLACE", lambda x, y: y, _replace, _ANY)
NO_OP = Op("NO_OP", lambda x, y: x, _no_op, _ANY)
OP_NULL = UserOp(None, True)
