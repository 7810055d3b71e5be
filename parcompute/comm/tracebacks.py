"""Tracebacks as users need them: they begin in the user's program."""

from __future__ import annotations

import traceback
from types import TracebackType

_OURS = ("parcompute", "runpy")


def text(error: BaseException) -> str:
    """Return the traceback of an error, without the frames that led to the user's program."""
    return "".join(traceback.format_exception(error.with_traceback(_users_part(error))))


def place(error: BaseException) -> str:
    """Return where an error was raised, e.g. "model.py, line 3"."""
    frames = traceback.extract_tb(_users_part(error))
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "no file"


def _users_part(error: BaseException) -> TracebackType | None:
    part = error.__traceback__
    while part is not None and _is_ours(part.tb_frame.f_globals.get("__name__", "")):
        part = part.tb_next
    if part is None and not isinstance(error, SyntaxError):  # which names its place itself
        return error.__traceback__
    return part


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS
