"""The semaphores that ranks ring, and what a job that was killed left of them.

A semaphore has a name from its creation until all ranks have opened it, a fraction of a second. If
the whole job is killed meanwhile, with the resource tracker of `multiprocessing`, the name stays.
It holds the id of its process, so that the next job can remove it.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.synchronize import Semaphore
from pathlib import Path

_NAMES = Path("/dev/shm")  # on Linux; macOS does not show the names
_PREFIX = "parcompute-"
_AGE = 60.0  # seconds: other containers, whose process ids mean nothing here, are long past it


class _Bell(Semaphore):
    """A semaphore whose name tells the process that made it."""

    @staticmethod
    def _make_name() -> str:
        return f"/{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"


def doorbells(ranks: int) -> list[Semaphore]:
    """Return a semaphore for each rank; remove those of jobs that are no more."""
    _reap()
    context = get_context("forkserver")
    return [_Bell(0, ctx=context) for _ in range(ranks)]


def _reap() -> None:
    for path in _NAMES.glob(f"sem.{_PREFIX}*"):
        with suppress(OSError, ValueError):  # another job was faster, or it is not ours
            pid = int(path.name.split("-")[1])
            if not _exists(pid) and time.time() - path.stat().st_mtime > _AGE:
                path.unlink()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
