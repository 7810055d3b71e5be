"""Ranks start no ranks: a program that does so while they import it would never stop starting."""

from __future__ import annotations

import sys
from types import FrameType

from parcompute.comm.process.communicators import world
from parcompute.errors import ConfigError


def refuse_in_rank() -> None:
    """Raise ConfigError if this process is a rank: ranks that start ranks never stop to do so."""
    comm = world.of_rank()
    if comm is None:
        return
    if (place := _importing()) is not None:
        raise ConfigError(
            f"{place} starts ranks whenever it is imported, and ranks import it as well: put the "
            'call under `if __name__ == "__main__":` or into a function'
        )
    raise ConfigError(
        f"a rank cannot start ranks, and this process is rank {comm.rank} of {comm.size}: call "
        "pc.launch and pc.Job outside of what ranks run"
    )


def _importing() -> str | None:
    """Return the file and line of the module that is being imported now, if any."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals["__name__"] != "__main__":
            return f"{frame.f_code.co_filename}, line {frame.f_lineno},"
        frame = frame.f_back
    return None
