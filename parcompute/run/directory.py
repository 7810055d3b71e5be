"""The run directory: what stands in it, and the record ``run.json``."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from parcompute._version import __version__
from parcompute.errors import BusyError, ConfigError, DivergenceError, ParcomputeError
from parcompute.io.collective import sentence

RUNS = "runs"  # the default place of run directories, in the current folder
FIELDS = "fields.h5"
RECORD = "run.json"
DIAGNOSTICS = "diagnostics.csv"
TIMINGS = "timings.json"
LOG = "log.txt"
PREVIEW = "preview.png"
ANALYSIS = "analysis.csv"
MEMBERS = "members"  # of an ensemble: a run directory for each
REQUEST = "request"  # made by `parcompute checkpoint`, removed by the run

BEFORE = (".hydra", LOG)  # what a run leaves that is killed before it has a record
_FIRST = (
    FIELDS,
    f".{FIELDS}.journal",
    RECORD,
    DIAGNOSTICS,
    LOG,
)  # what there is before the first step
_PACKAGES = ("numpy", "numba", "h5py", "mpi4py", "hydra-core", "matplotlib")


def read_record(directory: Path) -> dict[str, Any]:
    """Return ``run.json`` of a run directory.

    Raises
    ------
    ConfigError
        If `directory` is not a run directory.
    """
    try:
        record: dict[str, Any] = json.loads((directory / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"'{directory}' is not a run directory: {RECORD} in it cannot be read ({error})."
        ) from None
    return record


def write_json(file: Path, values: Any) -> None:
    """Write `values` to `file` in one piece: a reader sees the old file or the new one."""
    draft = file.with_name(f".{file.name}.{platform.node()}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def update_record(directory: Path, **changes: Any) -> None:
    """Change entries of ``run.json``."""
    file = directory / RECORD
    record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    write_json(file, {**record, **changes})


@contextmanager
def recorded(folder: Path) -> Iterator[None]:
    """Keep the status in ``run.json`` true if what is done inside fails; any rank may.

    An empty run directory is removed: nothing has been written before the record is.

    Raises
    ------
    ParcomputeError
        In place of an OSError.
    """
    try:
        yield
    except BaseException as error:
        with _undisturbed(), suppress(OSError):  # a full disk: the error under way tells
            record_failure(folder, error)
        if isinstance(error, OSError):
            raise ParcomputeError(f"{sentence(error)}.") from None
        raise


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C again and SIGTERM, which mpiexec sends after Ctrl-C: the record comes first."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the affair of the main thread
        return
    before = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def record_failure(folder: Path, error: BaseException) -> None:
    """Tell in ``run.json`` and in the log why the run has ended, unless that is told already."""
    if isinstance(error, BusyError):
        return  # it is the other process's run
    if not (folder / RECORD).exists():
        discard(folder)
    elif read_record(folder)["status"] == "running":
        update_record(folder, status=_status(error), error=str(error), finished=now())
        with (folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{_status(error)}: {error}\n")


def _status(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "diverged" if isinstance(error, DivergenceError) else "failed"


def shown(directory: Path) -> str:
    """Return the path as a user wants to see it: relative to the current folder, if inside."""
    inside = directory.is_relative_to(Path.cwd())
    return str(directory.relative_to(Path.cwd()) if inside else directory)


def member(folder: Path, number: int) -> Path:
    """Return the run directory of a member of the ensemble in `folder`."""
    return folder / MEMBERS / f"{number:03d}"


def members(folder: Path) -> list[Path]:
    """Return the run directories of the members that have begun, in their order."""
    found = [path.parent for path in (folder / MEMBERS).glob(f"*/{RECORD}")]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def clear_output(folder: Path) -> None:
    """Remove what a run has given out before it was first saved."""
    for name in (FIELDS, f".{FIELDS}.journal", DIAGNOSTICS):
        (folder / name).unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Remove a run directory in which no step has been recorded, and nothing else."""
    for path in (*folder.glob(".hydra/*"), *(folder / name for name in _FIRST)):
        path.unlink(missing_ok=True)
    discard_empty(folder)


def discard_empty(folder: Path) -> None:
    """Remove a run directory if nothing is in it."""
    ours = [folder / ".hydra", folder]
    if folder.parent == Path.cwd() / RUNS:
        ours.append(folder.parent)
    for empty in ours:
        with suppress(OSError):  # not there, or not empty
            empty.rmdir()


def environment(experiment: Path) -> dict[str, Any]:
    """Return what a reader needs to know to repeat the run: versions, commit, host, command.

    Parameters
    ----------
    experiment : Path
        File of the experiment; the commit is that of the repository around it.
    """
    return {
        "parcompute": __version__,
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "git_commit": git_commit(experiment.parent),
        "host": platform.node(),
        "command": sys.orig_argv,
        "started": now(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def now() -> str:
    """Return the time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_commit(folder: Path) -> str | None:
    """Return the commit checked out around `folder`, None outside of Git.

    Read from the files of the repository: no process may be forked once MPI has started.
    """
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        if git.is_file():  # a worktree: the file names its folder
            git = parent / git.read_text().removeprefix("gitdir:").strip()
        if git.is_dir():
            return _resolve(git)
    return None


def _resolve(git: Path) -> str | None:
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = git / "commondir"
        if common.exists():
            git = git / common.read_text().strip()
        if (git / name).exists():
            return (git / name).read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except OSError:
        return None
