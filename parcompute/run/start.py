"""The beginning of a run: the lock on its directory, its record, and the first lines."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from parcompute.comm.cores import usable_cpus
from parcompute.errors import BusyError
from parcompute.io.collective import on_root
from parcompute.run import directory
from parcompute.run.progress import Say, logger

if TYPE_CHECKING:
    from parcompute.run.driver import Run


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
def begin(run: Run) -> Iterator[Say]:
    """Lock the run directory, write the record of the run, and say what is run; collective.

    Yields
    ------
    callable
        Prints lines on rank 0, and does nothing elsewhere.

    Raises
    ------
    BusyError
        On every rank, if another process makes this run.
    """
    lock = on_root(run.comm, _lock, run.directory)
    try:
        on_root(run.comm, _record, run)
        yield _opening(run) if run.is_root else lambda _: None
    finally:
        if run.is_root and lock is not None:
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


def _record(run: Run) -> None:
    before = {}
    if run.spec.resumed:
        before = directory.read_record(run.directory)
    record = {
        **before,
        "status": "running",
        "name": run.spec.name,
        "config": run.spec.config(),
        "experiment_file": run.spec.path,
        "engine": run.engine,
        "ranks": run.comm.Get_size(),
        "dims": run.grid.dims if run.grid else None,
        "periods": run.grid.periods if run.grid else None,
        **run.spec.origin,
        "started": before.get("started", run.spec.origin.get("started")),
    }
    for outdated in ("error", "finished", "report"):
        record.pop(outdated, None)
    for left in run.directory.glob(f".{directory.RECORD}.*"):
        left.unlink(missing_ok=True)  # of a process that was killed
    directory.write_json(run.directory / directory.RECORD, record)


def _opening(run: Run) -> Say:
    say = logger(run.directory / directory.LOG)
    shape = " x ".join(map(str, run.grid.shape_global)) + " cells, " if run.grid else ""
    say(f"{run.spec.name}: {shape}{run.experiment.steps} steps, {workers(run)}")
    say(f"in {directory.shown(run.directory)}")
    return say


def workers(run: Run) -> str:
    """Return ranks x threads in words, against the cores where there are fewer."""
    ranks, threads = run.comm.Get_size(), run.spec.backend.threads
    text = f"{run.engine}, {ranks} rank{'s' * (ranks != 1)}"
    if threads > 1:
        text += f" x {threads} threads"
    if run.engine != "mpi" and ranks * threads > usable_cpus():
        text += f" on {usable_cpus()} cores"
    return text
