"""Start ranks on the engine that the configuration names, from a process that is not a rank."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from math import prod
from pathlib import Path
from typing import IO, Any

from parcompute.comm import Communicator
from parcompute.comm.cores import physical_cores, thread_variables
from parcompute.comm.launcher import detect, without_launcher
from parcompute.errors import ConfigError, ParcomputeError, RankError, TerminatedError
from parcompute.run import starter
from parcompute.run.spec import Backend
from parcompute.run.stops import Folder, passed_on

_PATIENCE = 5.0  # seconds for mpiexec to end its ranks after Ctrl-C


class ReportedError(ParcomputeError):
    """The ranks failed and have said why."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"the ranks ended with exit code {exit_code}")
        self.exit_code = exit_code


def chosen(backend: Backend) -> tuple[str, int]:
    """Return the engine and the number of ranks that `backend` means outside of a launcher.

    Raises
    ------
    ConfigError
        If more than one rank is asked of the serial engine.
    """
    pinned = prod(backend.dims) if backend.dims else None
    ranks = backend.ranks or pinned or _default_ranks(backend.name)
    engine = backend.name
    if engine == "auto":
        engine = "multiprocessing" if ranks > 1 else "serial"
    if engine == "serial" and ranks > 1:
        raise ConfigError(
            f"backend=serial has one rank, but backend.ranks={ranks}: use backend=multiprocessing."
        )
    return engine, ranks


def _default_ranks(name: str) -> int:
    """Return one rank per task of a Slurm job for MPI, else one per physical core here."""
    job = detect()
    if name == "mpi" and job is not None and not job.started:
        return job.size
    return 1 if name == "serial" else physical_cores()


def start(
    engine: str,
    ranks: int,
    threads: int,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    *,
    stoppable: bool = False,
    printed: IO[str] | None = None,
) -> Any:
    """Run ``function(comm, *args)`` on new ranks and return the result of rank 0.

    If it is `stoppable`, it takes SIGTERM and SIGUSR1 as requests to stop (`run.stops`), which are
    passed on to its ranks. What MPI ranks print goes to the file `printed` if there is one.

    Raises
    ------
    ParcomputeError
        As a rank raised it; RankError if it raised anything else; ReportedError by MPI ranks,
        which report for themselves.
    """
    if engine == "mpi":
        return _under_mpiexec(ranks, threads, function, args, stoppable, printed)
    if engine == "serial":
        return _serial(function, args)
    if stoppable:
        return _stoppable(ranks, threads, function, args)
    from parcompute.comm.process.launching.job import launch

    return launch(function, ranks, args, threads=threads)[0]


def _serial(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    from parcompute.comm.serial import serial

    try:
        return function(serial(), *args)
    except ParcomputeError:
        raise
    except Exception:
        raise RankError(0, traceback.format_exc()) from None


def _stoppable(
    ranks: int, threads: int, function: Callable[..., Any], args: tuple[Any, ...]
) -> Any:
    from parcompute.comm.process.launching.stoppable import StoppableJob

    with (
        StoppableJob(function, ranks, args, threads=threads) as job,
        passed_on(job.ask, job.able),
    ):
        return job.results()[0]


def _under_mpiexec(
    ranks: int,
    threads: int,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    stoppable: bool,
    printed: IO[str] | None,
) -> Any:
    """Start workers under the mpiexec of the MPI library in use, and wait for them."""
    from parcompute.comm.mpiexec import mpiexec_command

    command = [*mpiexec_command(ranks), sys.executable, "-m", "parcompute.run.worker"]
    environment = without_launcher() | thread_variables(threads)
    with tempfile.TemporaryDirectory(prefix="parcompute-") as folder:
        task, result = Path(folder, "task"), Path(folder, "result")
        task.write_bytes(pickle.dumps((function, args)))
        asking = Folder(Path(folder)) if stoppable else None
        with starter.alive(Path(folder)):
            code = _finished([*command, str(task), str(result)], environment, asking, printed)
        if code or not result.exists():
            raise ReportedError(code or 1)
        return pickle.loads(result.read_bytes())


def _finished(
    command: list[str],
    environment: dict[str, str],
    asking: Folder | None,
    printed: IO[str] | None,
) -> int:
    """Run `command`, return its exit code; at Ctrl-C, which it gets too, let it end its ranks."""
    process = subprocess.Popen(command, env=environment, stdout=printed, stderr=printed)
    try:
        with passed_on(asking.ask, asking.able) if asking else nullcontext():
            return process.wait()
    except KeyboardInterrupt as error:
        if asking:
            asking.end()
        if isinstance(error, TerminatedError):
            process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        raise


def check_launched(backend: Backend, comm: Communicator) -> None:
    """Raise ConfigError where `backend` contradicts the MPI launcher of this process."""
    size = comm.Get_size()
    if backend.name not in ("auto", "mpi"):
        raise ConfigError(
            f"backend={backend.name}, but a launcher started {size} MPI rank"
            f"{'s' * (size != 1)}: leave backend out, or start parcompute without mpiexec or srun."
        )
    if backend.ranks not in (None, size):
        raise ConfigError(
            f"backend.ranks={backend.ranks}, but the launcher started {size}: leave it out, or "
            f"give the launcher the same number."
        )
