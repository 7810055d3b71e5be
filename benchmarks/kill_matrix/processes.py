"""Starting commands, finding all their processes wherever they went, and killing some of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from parcompute.comm.mpiexec import mpiexec_command

KINDS = ("rank", "launcher", "everything", "SIGTERM", "SIGUSR1")
ENGINES = ("serial", "multiprocessing", "mpi", "mpiexec")
_MARK = "PARCOMPUTE_KILL_MATRIX"
_ROOT = Path(__file__).resolve().parents[2]
_PROC = Path("/proc")
_SHARED = Path("/dev/shm")
_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}


def command(engine: str, ranks: int, words: Iterable[str]) -> list[str]:
    """Return the command that makes a run with these words on an engine."""
    python = [sys.executable, "-m", "parcompute", "run", *words]
    if engine == "mpiexec":
        return [*mpiexec_command(ranks), *python, "backend=mpi"]
    return [*python, f"backend={engine}", f"backend.ranks={ranks}"]


class Job:
    """A command whose processes carry a mark in their environment, as do all that they start.

    Parameters
    ----------
    words : list of str
        The command.
    folder : Path
        Working directory.
    name : str
        Of the file with what it prints.
    """

    def __init__(self, words: list[str], folder: Path, name: str) -> None:
        mark = uuid4().hex
        self._mark = f"{_MARK}={mark}\0".encode()
        self._log = (folder / f"{name}.txt").open("w+")
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": path, _MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def pids(self) -> list[int]:
        """Return all living processes of the job."""
        found = []
        for entry in _PROC.iterdir():
            if entry.name.isdigit():
                with suppress(OSError):  # it has ended, or is not ours
                    if self._mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
        return sorted(found)

    def ranks(self, engine: str) -> list[int]:
        """Return the processes of ranks, or those that are to become ranks."""
        pids = self.pids()
        if engine == "serial":
            return pids
        if engine.startswith("mpi"):
            wanted = b"parcompute.run.worker" if engine == "mpi" else b"parcompute"
            return [p for p in pids if p != self.process.pid and _is_python(p, wanted)]
        parents = {_parent(pid) for pid in pids}
        leaves = [pid for pid in pids if pid not in parents and pid != self.process.pid]
        return [pid for pid in leaves if "resource_tracker" not in _command_line(pid)]

    def hit(self, kind: str, victims: list[int]) -> None:
        """Send the signals of a kind of kill."""
        number = getattr(signal, kind, signal.SIGKILL)
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait(self, limit: float) -> int | None:
        """Return how the command has ended, None if it does not within `limit` seconds."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(limit)
        return None

    def left(self, limit: float = 5.0) -> list[str]:
        """Return the commands of processes that are left after `limit` seconds; kill them."""
        wait_until(lambda: not self.pids(), limit)
        left = self.pids()
        texts = [f"{pid} {_command_line(pid)}" for pid in left]
        self.hit("rank", left)
        wait_until(lambda: not self.pids(), limit)
        return texts

    def segments(self) -> list[str]:
        """Return the names in shared memory that this job has made."""
        names = (path.name for path in _SHARED.glob("*parcompute-*"))
        return [
            n for n in names if n.split("parcompute-")[1].split("-")[0] == str(self.process.pid)
        ]

    def text(self) -> str:
        """Return what the command has printed."""
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """End whatever is left."""
        self.hit("rank", self.pids())
        self.process.wait()
        self._log.close()


def wait_until(true: Callable[[], bool], limit: float) -> bool:
    """Wait until something is true, or `limit` seconds; say whether it is."""
    end = time.monotonic() + limit
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _is_python(pid: int, wanted: bytes) -> bool:
    with suppress(OSError):
        line = (_PROC / str(pid) / "cmdline").read_bytes()
        return b"python" in line.split(b"\0")[0] and wanted in line
    return False


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return "?"
