"""Which call of the user's program is being made, and on which line."""

from __future__ import annotations

import os
from contextlib import suppress
from types import FrameType
from typing import NamedTuple

_PACKAGE = __name__.partition(".")[0]
_COMM = f"{_PACKAGE}.comm"  # its functions are what users know as calls
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_FROZEN = "<frozen "
_BOTTOM = f"{_COMM}.process.launching.rank"  # what called it is not the user's


class UsersCall(NamedTuple):
    """A call of a communicator in the user's program.

    Attributes
    ----------
    name : str
        Of the method.
    frame : FrameType
        That made the call.
    """

    name: str
    frame: FrameType

    @property
    def place(self) -> str:
        """File and line, as ``solver.py:12``."""
        return f"{_shown(self.frame.f_code.co_filename)}:{self.frame.f_lineno}"


def users_call(frame: FrameType) -> UsersCall:
    """Return the call that led to `frame`: from the innermost line outside of this package.

    Where there is none (the package's own driver makes the call), the outermost line of the package
    that is not the engine's counts.
    """
    name, own = "", frame
    step: FrameType | None = frame
    while step is not None and (module := _module(step)) != _BOTTOM:
        if module.partition(".")[0] != _PACKAGE and not _is_pythons(step.f_code.co_filename):
            return UsersCall(name, step)
        if not module.startswith(_COMM):
            own = step
        elif own is frame:
            name = step.f_code.co_name
        step = step.f_back
    return UsersCall(name, own)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _is_pythons(filename: str) -> bool:
    """Say whether a file is of the standard library, which called back."""
    return filename.startswith(_FROZEN) or (
        filename.startswith(_LIBRARY) and "site-packages" not in filename
    )


def _shown(filename: str) -> str:
    """Return a file as users name it: relative, if it is in the current folder."""
    with suppress(FileNotFoundError):  # the folder has been removed
        filename = filename.removeprefix(os.getcwd() + os.sep)
    return filename.encode(errors="replace").decode()  # not all names are valid text
