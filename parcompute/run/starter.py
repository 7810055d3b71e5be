"""Ranks under mpiexec end with the process that has started it, however that ends.

mpiexec does not notice: killed alone, the starter would leave a run that nobody waits for, and that
holds the lock on its directory.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

_NAME = "alive"


@contextmanager
def alive(folder: Path) -> Iterator[None]:
    """Hold the lock that tells rank 0 that this process is alive."""
    file = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def end_with(folder: Path) -> None:
    """End this rank, and with it the job, as soon as the starter is no more; return at once."""
    Thread(target=_wait, args=(folder,), daemon=True, name="starter").start()


def _wait(folder: Path) -> None:
    try:
        file = os.open(folder / _NAME, os.O_RDONLY)
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:  # a file system without locks, or the starter has just ended
        return
    shutil.rmtree(folder, ignore_errors=True)  # which the starter could not do
    os._exit(1)
