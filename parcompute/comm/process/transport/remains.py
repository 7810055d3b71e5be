"""What a job that was killed as a whole left behind: names that hold the id of its process."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

_PREFIX = "parcompute-"
_AGE = 60.0  # seconds: other containers, whose process ids mean nothing here, are long past it


def prefix() -> str:
    """Return how names begin that this process makes, and that live for a moment only."""
    return f"{_PREFIX}{os.getpid()}-"


def remove(folder: Path, before: str = "") -> None:
    """Remove files and folders with such names, behind `before`, of processes that are no more."""
    for path in folder.glob(f"{before}{_PREFIX}*"):
        with suppress(OSError, ValueError):  # another job was faster, or it is not ours
            pid = int(path.name.split("-")[1])
            if not _exists(pid) and time.time() - path.lstat().st_mtime > _AGE:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
