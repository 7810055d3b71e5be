"""``parcompute run``: compose the configuration, start the ranks, show the summary."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

from parcompute.cli.launched import is_rank
from parcompute.cli.main import STOPPED
from parcompute.errors import ParcomputeError
from parcompute.run import directory
from parcompute.run.progress import logger
from parcompute.run.report import Report, conclude
from parcompute.run.spec import RunSpec


def main(arguments: list[str]) -> int:
    """Run the experiment that `arguments` describe; return the exit code."""
    if is_rank(arguments):
        from parcompute.comm.mpi import guarded

        return guarded(_rank_main, arguments)
    from parcompute.cli import hydra_app

    try:
        hydra_app.run(arguments, _lead)
    except _StoppedError:
        return STOPPED
    return 0


class _StoppedError(Exception):
    """The run has stopped early, in order: further ones that Hydra has to make are left out."""


def _lead(spec: RunSpec) -> None:
    """Make one run with ranks that this process starts."""
    from parcompute.analysis import preview
    from parcompute.run import launch
    from parcompute.run.ensemble import run_all

    # no daemon: Python must not end while C code is being loaded
    Thread(target=preview.load_matplotlib).start()
    with directory.recorded(Path(spec.directory)):
        engine, ranks = launch.chosen(spec.backend)
        report = launch.start(
            engine, ranks, spec.backend.threads, run_all, (spec, engine), stoppable=True
        )
        _finish(spec, report)
    if report.stopped:
        raise _StoppedError


def _rank_main(comm: Any, arguments: list[str]) -> int:
    """Be one of the ranks that an MPI launcher started: rank 0 alone runs Hydra.

    A run that is stopped early has one exit code that is not 0, that of rank 0, which leaves last:
    launchers may kill the others because of it.
    """
    crew = _Crew(comm)
    if comm.Get_rank() != 0:
        crew.follow()
        return 0
    from parcompute.cli import hydra_app, main
    from parcompute.comm.mpi import leave_last

    code = 0
    try:
        hydra_app.run(arguments, crew.lead)
    except _StoppedError:
        code = STOPPED
    except ParcomputeError as error:
        if crew.at_work:
            raise
        code = main.report(error)
    except SystemExit as error:  # --help and the like
        code = int(error.code or 0)
    crew.dismiss()
    if code == STOPPED:
        leave_last()
    return code


class _Crew:
    """The ranks of an MPI launcher: rank 0 leads them from run to run."""

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self.at_work = False  # while it is, an error is the affair of all ranks

    def follow(self) -> None:
        """Make the runs that rank 0 sends, until it dismisses this rank."""
        from parcompute.run.ensemble import run_all

        while (spec := self._tell(None)) is not None:
            run_all(self._comm, spec, "mpi")

    def lead(self, spec: RunSpec) -> None:
        """Make one run together with the other ranks."""
        from parcompute.run.ensemble import run_all
        from parcompute.run.launch import check_launched

        with directory.recorded(Path(spec.directory)):
            check_launched(spec.backend, self._comm)
            self._tell(spec)
            self.at_work = True
            report = run_all(self._comm, spec, "mpi")
            self.at_work = False
            _finish(spec, report)
        if report.stopped:
            raise _StoppedError

    def dismiss(self) -> None:
        """Tell the other ranks that there is nothing more to do."""
        self._tell(None)

    def _tell(self, spec: RunSpec | None) -> RunSpec | None:
        """Return what rank 0 has to say; the others leave the processor to it until then."""
        from parcompute.comm.mpi import meet

        meet(self._comm)
        said: RunSpec | None = self._comm.bcast(spec)
        return said


def _finish(spec: RunSpec, report: Report) -> None:
    """Complete the run directory and show the summary."""
    folder = Path(spec.directory)
    say = logger(folder / directory.LOG)
    conclude(report, say)
    if not report.stopped and (folder / directory.FIELDS).exists():
        from parcompute.analysis.preview import draw

        members = spec.ensemble.members
        draw(folder, f"{spec.name}, {members} members" if members > 1 else spec.name)
        say(f"{'picture':<14} {directory.PREVIEW}")
