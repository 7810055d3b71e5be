"""``parcompute run``: compose the configuration, start the ranks, show the summary."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from parcompute.comm.launcher import Launcher, detect
from parcompute.errors import DivergenceError, ParcomputeError
from parcompute.io.collective import sentence
from parcompute.run import directory
from parcompute.run.progress import logger
from parcompute.run.report import Report
from parcompute.run.spec import RunSpec


def main(arguments: list[str]) -> int:
    """Run the experiment that `arguments` describe; return the exit code."""
    launcher = detect()
    if launcher is not None and launcher.started and _under_mpi(launcher, arguments):
        from parcompute.comm.mpi import guarded

        return guarded(_rank_main, arguments)
    from parcompute.cli import hydra_app

    hydra_app.run(arguments, _lead)
    return 0


def _under_mpi(launcher: Launcher, arguments: list[str]) -> bool:
    """Return whether the launcher's processes are the ranks; a single one may start its own."""
    own = ("backend=serial", "backend=multiprocessing")
    return launcher.size > 1 or not any(a in own for a in arguments)


def _lead(spec: RunSpec) -> None:
    """Make one run with ranks that this process starts."""
    from parcompute.analysis import preview
    from parcompute.run import launch
    from parcompute.run.driver import run_rank

    Thread(target=preview.load_matplotlib, daemon=True).start()
    with _Record(spec):
        engine, ranks = launch.chosen(spec.backend)
        report = launch.start(engine, ranks, spec.backend.threads, run_rank, (spec, engine))
        _finish(spec, report)


def _rank_main(comm: Any, arguments: list[str]) -> int:
    """Be one of the ranks that an MPI launcher started: rank 0 alone runs Hydra."""
    from parcompute.run.driver import run_rank

    if comm.Get_rank() != 0:
        while (spec := comm.bcast(None)) is not None:
            run_rank(comm, spec, "mpi")
        return 0
    together = True

    def lead(spec: RunSpec) -> None:
        nonlocal together
        from parcompute.run.launch import check_launched

        check_launched(spec.backend, comm)
        with _Record(spec):
            comm.bcast(spec)
            together = False  # until run_rank returns, an error is the affair of all ranks
            report = run_rank(comm, spec, "mpi")
            together = True
            _finish(spec, report)

    from parcompute.cli import hydra_app

    try:
        hydra_app.run(arguments, lead)
    except ParcomputeError as error:
        if not together:
            raise
        comm.bcast(None)
        from parcompute.cli.main import report as say

        return say(error)
    except SystemExit as error:
        comm.bcast(None)
        return int(error.code or 0)
    comm.bcast(None)
    return 0


class _Record:
    """Keeps the status in ``run.json`` true, and leaves no empty run directory behind."""

    def __init__(self, spec: RunSpec) -> None:
        self.folder = Path(spec.directory)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if error is None:
            return
        if not (self.folder / directory.RECORD).exists():
            directory.discard(self.folder)
            return
        status = "diverged" if isinstance(error, DivergenceError) else "failed"
        if isinstance(error, KeyboardInterrupt):
            status = "interrupted"
        with suppress(OSError):  # a full disk, which is what has to be told
            directory.update_record(
                self.folder, status=status, error=str(error), finished=directory.now()
            )
        if isinstance(error, OSError):
            raise ParcomputeError(f"{sentence(error)}.") from None


def _finish(spec: RunSpec, report: Report) -> None:
    """Complete the run directory and show the summary."""
    folder = Path(spec.directory)
    directory.update_record(
        folder, status="complete", finished=directory.now(), report=report.record()
    )
    lines = report.lines()
    if (folder / directory.FIELDS).exists():
        from parcompute.analysis.preview import draw

        shape = " x ".join(map(str, spec.parameters.get("shape") or ()))
        draw(folder, f"{spec.name}: {shape} cells" if shape else spec.name)
        lines.append(f"{'picture':<14} {directory.PREVIEW}")
    say = logger(folder / directory.LOG)
    for line in lines:
        say(line)
