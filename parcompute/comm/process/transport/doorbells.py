"""The semaphores that ranks ring.

A semaphore has a name from its creation until all ranks have opened it, a fraction of a second. If
the whole job is killed meanwhile, with the resource tracker of `multiprocessing`, the name stays;
the next job removes it.
"""

from __future__ import annotations

import secrets
from multiprocessing import get_context
from multiprocessing.synchronize import Semaphore
from pathlib import Path

from parcompute.comm.process.transport import remains

_NAMES = Path("/dev/shm")  # on Linux; macOS does not show the names


class _Bell(Semaphore):
    """A semaphore whose name tells the process that made it."""

    @staticmethod
    def _make_name() -> str:
        return f"/{remains.prefix()}{secrets.token_hex(4)}"


def doorbells(ranks: int) -> list[Semaphore]:
    """Return a semaphore for each rank; remove those of jobs that are no more."""
    remains.remove(_NAMES, "sem.")
    context = get_context("forkserver")
    return [_Bell(0, ctx=context) for _ in range(ranks)]
