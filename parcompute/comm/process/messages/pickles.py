"""Pickles of objects that travel: plain where that suffices, by value where it does not.

`cloudpickle` sends functions and classes by value that no other process could import: lambdas,
closures, and all that lives in ``__main__`` of a script or a notebook. It is imported only then.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from types import CodeType
from typing import Any

_REFUSALS = (pickle.PicklingError, AttributeError, TypeError)


def dumps(obj: Any) -> bytes:
    """Return the pickle of what one rank sends to another, or to the supervisor.

    Raises
    ------
    pickle.PicklingError, TypeError
        If it cannot be pickled by value either.
    """
    try:
        return pickle.dumps(obj, pickle.HIGHEST_PROTOCOL)
    except _REFUSALS:
        file = BytesIO()
        _pickler(file).dump(obj)
        return file.getvalue()


def loads(data: bytes | bytearray | memoryview) -> Any:
    """Return the object of a pickle; None of no bytes, as mpi4py does."""
    return pickle.loads(data) if data else None


def dumps_call(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    """Return the pickle of what ranks are to run; they never import ``__main__`` for it.

    Raises
    ------
    pickle.PicklingError, TypeError
        If it cannot be pickled.
    """
    try:
        plain = pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
        if b"__main__" not in plain:
            return plain
    except _REFUSALS:
        pass
    return _by_value((function, args))


def _by_value(obj: Any) -> bytes:
    file = BytesIO()
    pickler = _pickler(file)
    # functions of our __main__ have that of the rank as their globals, so that what one function
    # keeps there (`global`) is there for the next
    pickler.globals_ref[id(_main_names())] = _MainNames()
    pickler.dump(obj)
    return file.getvalue()


def _pickler(file: BytesIO) -> Any:
    """Return a pickler by value."""
    return _pickler_class()(file, pickle.HIGHEST_PROTOCOL)


@lru_cache
def _pickler_class() -> Any:
    """Return a pickler by value that keeps the names of files.

    From version 3.1.3 on cloudpickle leaves them out, but tracebacks on ranks are to show the
    user's lines, and stencils are read from their source.
    """
    import cloudpickle

    table = cloudpickle.Pickler.dispatch_table
    reduce_code = table[CodeType]

    def with_file(code: CodeType) -> tuple[Any, tuple[Any, ...]]:
        make, args = reduce_code(code)
        return make, tuple(code.co_filename if a == "<dynamic-code>" else a for a in args)

    names = {"dispatch_table": table.new_child({CodeType: with_file})}
    return type("Pickler", (cloudpickle.Pickler,), names)


class _MainNames:
    """Stands for the global names of ``__main__`` of whatever process unpickles it."""

    def __reduce__(self) -> tuple[Callable[[], dict[str, Any]], tuple[()]]:
        return _main_names, ()


def _main_names() -> dict[str, Any]:
    return vars(sys.modules["__main__"])
