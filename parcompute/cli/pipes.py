"""Behave in pipes as other commands do."""

from __future__ import annotations

import signal


def end_quietly_when_the_reader_does() -> None:
    """Let ``| head`` end a command that only prints; never used where something is computed."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
