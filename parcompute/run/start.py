"""The beginning of a run: the lock on its directory, its record, and the first lines."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from parcompute.comm import Communicator
from parcompute.comm.cores import usable_cpus
from parcompute.errors import BusyError
from parcompute.grid import Grid
from parcompute.io.collective import on_root
from parcompute.run import directory
from parcompute.run.progress import Say, logger
from parcompute.run.spec import RunSpec


def is_busy(folder: Path) -> bool:
    """Say whether a process is making the run in `folder`."""
    if not (folder / directory.LOG).is_file():
        return False
    file = os.open(folder / directory.LOG, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(file)
    return False


@contextmanager
def begin(
    comm: Communicator,
    spec: RunSpec,
    title: str,
    entries: dict[str, Any],
    *,
    printed: bool = True,
) -> Iterator[Say]:
    """Lock the run directory, write the record of the run, and say what is run; collective.

    Parameters
    ----------
    comm : Communicator
        All ranks of the run.
    spec : RunSpec
        The run.
    title : str
        Its first line.
    entries : dict
        What the record tells beside what follows from `spec`.
    printed : bool
        Whether lines are printed; if not, they stand in the log only.

    Yields
    ------
    callable
        Takes lines on rank 0, and does nothing elsewhere.

    Raises
    ------
    BusyError
        On every rank, if another process makes this run.
    """
    folder, is_root = Path(spec.directory), comm.Get_rank() == 0
    lock = on_root(comm, _lock, folder)
    try:
        on_root(comm, _record, spec, entries)
        yield _opening(folder, title, printed) if is_root else lambda _: None
    finally:
        if is_root and lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return an open file that holds the lock: it goes with the process, however that ends."""
    file = os.open(folder / directory.LOG, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise BusyError(busy(folder)) from None
    except OSError:  # a file system without locks
        os.close(file)
        return None
    return file


def busy(folder: Path) -> str:
    """Return the sentence about a run that is still going on."""
    return f"The run '{directory.shown(folder)}' is still going on: wait until it has ended."


def on_grid(grid: Grid | None) -> dict[str, Any]:
    """Return the entries of the record about the grid."""
    return {"dims": grid.dims if grid else None, "periods": grid.periods if grid else None}


def _record(spec: RunSpec, entries: dict[str, Any]) -> None:
    folder = Path(spec.directory)
    before = directory.read_record(folder) if spec.resumed else {}
    record = {
        **before,
        "status": "running",
        "name": spec.name,
        "config": spec.config(),
        "experiment_file": spec.path,
        **entries,
        **spec.origin,
        "started": before.get("started", spec.origin.get("started")),
    }
    for outdated in ("error", "finished", "report"):
        record.pop(outdated, None)
    for left in folder.glob(f".{directory.RECORD}.*"):
        left.unlink(missing_ok=True)  # of a process that was killed
    directory.write_json(folder / directory.RECORD, record)


def _opening(folder: Path, title: str, printed: bool) -> Say:
    say = logger(folder / directory.LOG, printed=printed)
    say(title)
    say(f"in {directory.shown(folder)}")
    return say


def attributes(spec: RunSpec, how: str, dims: str) -> dict[str, str]:
    """Return what ``fields.h5`` tells about the run.

    Parameters
    ----------
    spec : RunSpec
        The run.
    how : str
        What made it, in words.
    dims : str
        Ranks along each axis.
    """
    origin = spec.origin
    return {
        "title": spec.name,
        "source": f"parcompute {origin.get('parcompute', '')}",
        "history": f"{origin.get('started', '')}: {how}",
        "config": json.dumps(spec.config()),
        "versions": json.dumps(origin.get("packages", {})),
        "git_commit": origin.get("git_commit") or "",
        "decomposition": dims,
    }


def workers(comm: Communicator, spec: RunSpec, engine: str) -> str:
    """Return ranks x threads in words, against the cores where there are fewer."""
    ranks, threads = comm.Get_size(), spec.backend.threads
    text = f"{engine}, {ranks} rank{'s' * (ranks != 1)}"
    if threads > 1:
        text += f" x {threads} threads"
    if engine != "mpi" and ranks * threads > usable_cpus():
        text += f" on {usable_cpus()} cores"
    return text
