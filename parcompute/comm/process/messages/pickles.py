"""Pickles of objects that travel: plain where that suffices, by value where it does not.

`cloudpickle` sends functions and classes by value that no other process could import: lambdas,
closures, and all that lives in ``__main__`` of a script or a notebook. It is imported only then.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from io import BytesIO
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
        import cloudpickle

        data: bytes = cloudpickle.dumps(obj)
        return data


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
    import cloudpickle

    file = BytesIO()
    pickler = cloudpickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    # functions of our __main__ have that of the rank as their globals, so that what one function
    # keeps there (`global`) is there for the next
    pickler.globals_ref[id(_main_names())] = _MainNames()
    pickler.dump(obj)
    return file.getvalue()


class _MainNames:
    """Stands for the global names of ``__main__`` of whatever process unpickles it."""

    def __reduce__(self) -> tuple[Callable[[], dict[str, Any]], tuple[()]]:
        return _main_names, ()


def _main_names() -> dict[str, Any]:
    return vars(sys.modules["__main__"])
