"""An ensemble: runs that differ in one parameter, side by side on groups of the ranks.

Every member is an ordinary run in a directory of its own, on a communicator of its own, so that it
has the bits of a single run; statistics across members follow when all are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parcompute.comm import Communicator
from parcompute.errors import ConfigError, DivergenceError
from parcompute.io.collective import on_root
from parcompute.run import directory, members
from parcompute.run.across import Across
from parcompute.run.driver import Host, peak_memory, run_rank
from parcompute.run.progress import Say, logger
from parcompute.run.report import EnsembleReport, Report, conclude
from parcompute.run.spec import RunSpec
from parcompute.run.start import attributes, begin, on_grid, workers
from parcompute.run.stops import Asked, SharedStops, StopRequests
from parcompute.run.timings import save_timings
from parcompute.run.watchdog import Watchdog
from parcompute.timing import Timers

_FEW = 8  # values that are listed in a line


def run_all(comm: Communicator, spec: RunSpec, engine: str) -> Report:
    """Make the run, or all runs of an ensemble, as one of the ranks; collective.

    Raises
    ------
    ParcomputeError
        As `run_rank` does, naming the member. All ranks raise where that has diverged; other
        errors may be raised on the ranks of its group alone.
    """
    if spec.ensemble.members == 1:
        return run_rank(comm, spec, engine)
    folder = Path(spec.directory)
    with directory.recorded(folder), StopRequests() as stops:
        try:
            return EnsembleRun(comm, spec, engine).make(stops)
        except ConfigError:
            if not spec.resumed:
                _discard(folder)
            raise


def _discard(folder: Path) -> None:
    """Remove the directory of an ensemble if the input was too bad for any member to begin."""
    directory.discard_empty(folder / directory.MEMBERS)
    if not (folder / directory.MEMBERS).exists():
        directory.discard(folder)


class EnsembleRun:
    """An ensemble on its way, as seen by one rank.

    Groups of neighbouring ranks make members, each one after the other; there are as many groups as
    members, or as ranks if these are fewer.
    """

    def __init__(self, comm: Communicator, spec: RunSpec, engine: str) -> None:
        self.comm, self.spec, self.engine = comm, spec, engine
        self.directory = Path(spec.directory)
        self.members, self.vary = spec.ensemble.members, spec.ensemble.vary
        self.values: list[Any] = spec.ensemble.values or []
        self.groups = min(self.members, comm.Get_size())
        self.group = comm.Get_rank() * self.groups // comm.Get_size()
        self.timers = Timers()

    def make(self, stops: Asked) -> Report:
        """Make all members that are not complete, then the statistics; return the report."""
        with begin(self.comm, self.spec, self._title(), self._entries()) as say:
            todo = on_root(self.comm, self._prepare)
            if self.spec.resumed:
                say(f"{self.members - len(todo)} of {self.members} members are complete")
            with self.timers.phase("members"):
                made, stopped, diverged = self._make_members(todo, stops, say)
            with self.timers.phase("waiting"):
                stopped = self.comm.allreduce(stopped, op=_either)
            diverged = self.comm.allreduce(diverged, op=_either)
            on_root(self.comm, self._forget_requests)
            if diverged is not None:
                raise DivergenceError(diverged)
            writer = "no statistics yet" if stopped else self._statistics(say)
            save_timings(self.comm, self.timers, self.directory)
            return self._report(self.comm.allreduce(made), writer, stopped)

    def _title(self) -> str:
        shown = ", ".join(map(str, self.values[:_FEW]))
        more = ", ..." * (self.members > _FEW)
        how = workers(self.comm, self.spec, self.engine)
        return (
            f"{self.spec.name}: {self.members} members, {self.vary} = {shown}{more}, {how} in "
            f"{self.groups} group{'s' * (self.groups != 1)}"
        )

    def _entries(self) -> dict[str, Any]:
        listed = [
            {
                "directory": f"{directory.MEMBERS}/{self._folder(number).name}",
                "experiment": {str(self.vary): value},
            }
            for number, value in enumerate(self.values)
        ]
        ranks = self.comm.Get_size()
        return {"engine": self.engine, "ranks": ranks, **on_grid(None), "members": listed}

    def _folder(self, number: int) -> Path:
        return directory.member(self.directory, number)

    def _prepare(self) -> dict[int, RunSpec]:
        """Return the runs that are to be made, with directories for them."""
        self._forget_requests()  # of an earlier session
        todo = members.to_be_made(self.spec)
        for number in todo:
            self._folder(number).mkdir(parents=True, exist_ok=True)
        return todo

    def _forget_requests(self) -> None:
        (self.directory / directory.REQUEST).unlink(missing_ok=True)

    def _make_members(
        self, todo: dict[int, RunSpec], stops: Asked, say: Say
    ) -> tuple[int, str | None, str | None]:
        """Make the members of this rank's group.

        Returns
        -------
        made : int
            Steps of them all, on rank 0 of the group; 0 elsewhere.
        stopped : str or None
            What has stopped the group.
        diverged : str or None
            How a member has diverged; the other groups then stop too, so that nothing is lost.
        """
        comm = self.comm.Split(self.group, self.comm.Get_rank())
        is_first = comm.Get_rank() == 0
        shared = SharedStops(stops, self.directory / directory.REQUEST, looks=is_first)
        made, stopped, diverged = 0, None, None
        for number in list(todo)[self.group :: self.groups]:
            stopped = comm.allreduce(shared.asked, op=_either)
            if stopped is not None:
                break
            try:
                report = self._make_member(comm, number, todo[number], shared, say)
            except DivergenceError as error:  # raised by all ranks of the group
                diverged = str(error)
                shared.tell("a member that has diverged")
                break
            made, stopped = made + report.made, report.stopped
            if stopped is not None:
                break
        comm.Free()
        return (made if is_first else 0), stopped, diverged

    def _make_member(
        self, comm: Communicator, number: int, spec: RunSpec, stops: Asked, say: Say
    ) -> Report:
        name = f"member {self._folder(number).name} ({self.vary}={self.values[number]})"
        host = Host(self.directory, stops, lambda line: say(f"{name}: {line}"))
        try:
            report = run_rank(comm, spec, self.engine, host)
        except Exception as error:
            if error.args and isinstance(error.args[0], str):
                error.args = (f"{name}: {error.args[0]}", *error.args[1:])
            raise
        log = logger(self._folder(number) / directory.LOG, printed=False)
        on_root(comm, conclude, report, log)
        return report

    def _statistics(self, say: Say) -> str:
        """Write the statistics; return how."""
        say(f"all {self.members} members complete: statistics across them")
        watchdog = Watchdog(self.spec.backend.hang_timeout, self.comm, self.directory)
        with self.timers.phase("statistics"), watchdog:
            how = f"{workers(self.comm, self.spec, self.engine)}, {self.groups} groups"
            text = attributes(self.spec, how, "none")
            return Across(self.comm, self.spec, watchdog).write(text)

    def _report(self, made: int, writer: str, stopped: str | None) -> EnsembleReport:
        records = on_root(self.comm, self._records)
        ended = [record for record in records if record["status"] == "complete"]
        first = ended[0]["report"] if ended else {}
        return EnsembleReport(
            directory=self.spec.directory,
            engine=self.engine,
            ranks=self.comm.Get_size(),
            dims=None,
            steps=first.get("steps", 0),
            made=made,
            cells=first.get("cells", 0),
            first=0.0,
            seconds=self.comm.allreduce(self.timers.seconds["members"], op=max),
            errors={},
            memory=self.comm.allreduce(peak_memory(), op=max),
            writer=writer,
            kernels=first.get("kernels", []),
            stopped=stopped,
            members=self.members,
            complete=len(ended),
            groups=self.groups,
        )

    def _records(self) -> Sequence[dict[str, Any]]:
        return [directory.read_record(folder) for folder in directory.members(self.directory)]


def _either(a: str | None, b: str | None) -> str | None:
    return b if a is None else a
