"""What a job may not leave behind: processes, and names in ``/dev/shm``."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

_SHARED = Path("/dev/shm")
_MPI = ("mpich_shm_", "vader_segment.", "sm_segment.")


def names() -> set[str]:
    """Return what stands in ``/dev/shm`` (nothing on macOS, which has no such folder)."""
    return {path.name for path in _SHARED.iterdir()} if _SHARED.is_dir() else set()


def _is_of_another_job(name: str, leader: int) -> bool:
    if name.startswith(_MPI):
        return True
    return name.startswith("sem.parcompute-") and int(name.split("-")[1]) != leader


def session(leader: int) -> dict[int, str]:
    """Return the processes, but zombies, of the session that `leader` began: id and command."""
    rows = subprocess.run(
        ["ps", "-A", "-o", "pid=,sess=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found = [row.split(maxsplit=3) for row in rows]
    return {int(r[0]): r[3] for r in found if int(r[1]) == leader and not r[2].startswith("Z")}


def seconds_until_gone(leader: int, before: set[str], limit: float = 5.0) -> float:
    """Wait until the session of `leader` is empty and its names are gone; return the seconds.

    Raises
    ------
    AssertionError
        After `limit` seconds, with what is left.
    """
    begin = time.monotonic()
    new = {name for name in names() - before if not _is_of_another_job(name, leader)}
    while (left := session(leader)) or new & names():
        assert time.monotonic() - begin < limit, (left, new & names())
        time.sleep(0.02)
    return time.monotonic() - begin


def is_alive(pid: int) -> bool:
    """Say whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
