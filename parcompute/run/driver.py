"""The driver: what every rank of a run does, from set-up to the last snapshot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from parcompute import reductions, settings
from parcompute.comm import Communicator
from parcompute.comm.cores import usable_cpus
from parcompute.errors import ConfigError, DivergenceError
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.io.collective import on_root
from parcompute.io.layout import Layout
from parcompute.io.writers import Writer, open_writer
from parcompute.run import directory, registry
from parcompute.run.experiment import Experiment
from parcompute.run.guard import guard
from parcompute.run.pieces import Pieces
from parcompute.run.progress import Progress, logger
from parcompute.run.report import Report
from parcompute.run.spec import RunSpec
from parcompute.run.watchdog import Watchdog
from parcompute.stencils import described
from parcompute.timing import Timers

_GUARDED = 5  # pieces between two searches for NaN


def run_rank(comm: Communicator, spec: RunSpec, engine: str) -> Report:
    """Make the run as one of its ranks; collective.

    Raises
    ------
    ConfigError
        Before anything is written, on every rank, if the run cannot be made.
    DivergenceError
        On every rank, if a field holds NaN or infinity.
    """
    dims = None if spec.backend.dims is None else tuple(spec.backend.dims)
    chosen = settings.Settings(
        spec.kernels.engine, dims, spec.backend.threads, spec.kernels.time_tile
    )
    folder = Path(spec.directory)
    watchdog = Watchdog(spec.backend.hang_timeout, comm, folder)
    with directory.recorded(folder), settings.use(chosen), watchdog:
        experiment = registry.build(Path(spec.path), spec.parameters)
        try:
            run = Run(comm, spec, engine, experiment, watchdog)
        except MemoryError as error:
            raise ConfigError(
                f"The fields do not fit into memory ({error}): use a smaller grid or more ranks "
                f"on more machines."
            ) from None
        return run.make()


class Run:
    """One experiment on its way through its steps, as seen by one rank."""

    def __init__(
        self,
        comm: Communicator,
        spec: RunSpec,
        engine: str,
        experiment: Experiment,
        watchdog: Watchdog,
    ) -> None:
        self.comm, self.spec, self.engine, self.experiment = comm, spec, engine, experiment
        self.watchdog = watchdog
        self.is_root = comm.Get_rank() == 0
        self.directory = Path(spec.directory)
        self.timers = Timers()
        with self.timers.phase("setup"):
            experiment.setup(comm)
        watchdog.progress()
        self.fields = _chosen(experiment.fields(), spec.output.fields)
        self.grid: Grid | None = self.fields[0].grid if self.fields else None
        self.cells = int(np.prod(self.grid.shape_global)) if self.grid else 0
        self.started = False  # whether a step has been made
        self.finite: int | None = None  # the last step at which all fields were
        self.schedule = _schedule(experiment.steps, spec.output.every)
        self.pieces = Pieces(comm, experiment.steps, spec.backend.hang_timeout)

    def make(self) -> Report:
        """Make all steps with their output; return the report."""
        self.comm.Barrier()  # nothing is written before all ranks are set up
        say = on_start(self)
        progress = Progress(self.experiment.steps, self.cells, say) if self.is_root else None
        writer = self._open_writer()
        table = directory.Table(self.directory / directory.DIAGNOSTICS)
        try:
            self._output(writer, table, 0, 0)
            for index, (step, target) in enumerate(pairwise(self.schedule), start=1):
                self._advance(step, target, progress)
                self._output(writer, table, index, target)
        except DivergenceError:  # raised by all ranks, so that closing is collective
            if writer is not None:
                writer.close()
            raise
        except ConfigError:  # by one rank, perhaps
            if self.is_root and not self.started:
                directory.discard(self.directory)  # bad input that the first step has found
            raise
        finally:
            if progress is not None:
                progress.close()
        if writer is not None:
            with self.timers.phase("output"):
                writer.close()
        return self._finish(writer)

    def _open_writer(self) -> Writer | None:
        if self.grid is None:
            return None
        attributes = {"title": self.spec.name, "source": "parcompute"}
        layout = Layout.of(
            self.grid,
            self.fields,
            len(self.schedule),
            self.experiment.time_units,
            attributes,
        )
        path = self.directory / directory.FIELDS
        with self.timers.phase("output"):
            return open_writer(path, layout, self.comm, self.spec.output.compression)

    def _advance(self, step: int, target: int, progress: Progress | None) -> None:
        """Go from `step` to `target`; the first step of the run also loads the kernels."""
        for count in self.pieces.between(step, target):
            self.experiment.steps_done = step
            with self.timers.phase("steps" if step else "first step"):
                self.experiment.advance(count)
            self.started = True
            step += count
            self.experiment.steps_done = step
            self.watchdog.progress()
            if progress is not None:
                progress.update(step)
            if step < target and step % (self.pieces.most * _GUARDED) < count:
                self._guard(step)

    def _output(self, writer: Writer | None, table: directory.Table, index: int, step: int) -> None:
        self._guard(step)
        time = step * self.experiment.dt
        with self.timers.phase("measure"):
            measures = self.experiment.measure()
        on_root(self.comm, table.append, {"step": step, "time": time}, measures)
        if writer is not None:
            with self.timers.phase("output"):
                writer.write(index, step, time, self.fields)
        self.watchdog.progress()

    def _guard(self, step: int) -> None:
        """Stop the run on every rank if a field is no longer finite."""
        with self.timers.phase("guard"):
            for field in self.experiment.fields().values():
                guard(field, step, self.finite)
        self.finite = step
        self.watchdog.progress()

    def _finish(self, writer: Writer | None) -> Report:
        _save_timings(self.comm, self.timers, self.directory)
        return Report(
            directory=self.spec.directory,
            engine=self.engine,
            ranks=self.comm.Get_size(),
            dims=self.grid.dims if self.grid else None,
            steps=self.experiment.steps,
            cells=self.cells,
            first=self.timers.seconds.get("first step", 0.0),
            seconds=self.timers.seconds.get("steps", 0.0),
            errors=self._errors(),
            memory=self.comm.allreduce(peak_memory(), op=max),
            writer=writer.name if writer else "no fields",
            kernels=described(dict.fromkeys(f.grid for f in self.experiment.fields().values())),
        )

    def _errors(self) -> dict[str, dict[str, float]]:
        exact = self.experiment.exact(self.experiment.steps * self.experiment.dt)
        return {
            f.name: reductions.errors(self.comm, f.owned, exact[f.name](*f.coordinates_local()))
            for f in self.fields
            if f.name in exact
        }


def on_start(run: Run) -> Callable[[str], None]:
    """Write the record of the run; return what prints lines on rank 0, and nothing elsewhere."""

    def begin() -> None:
        directory.write_json(
            run.directory / directory.RECORD,
            {
                "status": "running",
                "name": run.spec.name,
                "config": run.spec.config(),
                "experiment_file": run.spec.path,
                "engine": run.engine,
                "ranks": run.comm.Get_size(),
                "dims": run.grid.dims if run.grid else None,
                **run.spec.origin,
            },
        )

    on_root(run.comm, begin)
    if not run.is_root:
        return lambda _: None
    say = logger(run.directory / directory.LOG)
    shape = " x ".join(map(str, run.grid.shape_global)) + " cells, " if run.grid else ""
    say(f"{run.spec.name}: {shape}{run.experiment.steps} steps, {_workers(run)}")
    say(f"in {directory.shown(run.directory)}")
    return say


def _workers(run: Run) -> str:
    """Return ranks x threads in words, against the cores where there are fewer."""
    ranks, threads = run.comm.Get_size(), run.spec.backend.threads
    text = f"{run.engine}, {ranks} rank{'s' * (ranks != 1)}"
    if threads > 1:
        text += f" x {threads} threads"
    if run.engine != "mpi" and ranks * threads > usable_cpus():
        text += f" on {usable_cpus()} cores"
    return text


def _chosen(fields: dict[str, Field], names: list[str] | None) -> list[Field]:
    """Return the fields to be written, which must be of one grid."""
    unknown = [name for name in names or [] if name not in fields]
    if unknown:
        raise ConfigError(
            f"output.fields names {', '.join(unknown)}; the experiment has the fields "
            f"{', '.join(fields)}."
        )
    chosen = [fields[name] for name in dict.fromkeys(fields if names is None else names)]
    for field in chosen:
        if field.grid is not chosen[0].grid:
            raise ConfigError(
                f"The fields '{chosen[0].name}' {list(chosen[0].shape_global)} and '{field.name}' "
                f"{list(field.shape_global)} are on different grids, and a file holds one grid: "
                f"choose fields of one with output.fields."
            )
    return chosen


def _schedule(steps: int, every: int) -> list[int]:
    """Return the steps at which there is output: the first, every so many, and the last."""
    return sorted({0, *(range(0, steps, every) if every else ()), steps})


def _save_timings(comm: Communicator, timers: Timers, folder: Path) -> None:
    """Write the seconds of each phase: least, mean and most over the ranks."""

    def combine(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
        return {k: (min(a[k][0], b[k][0]), a[k][1] + b[k][1], max(a[k][2], b[k][2])) for k in a}

    local = {name: (s, s, s) for name, s in timers.seconds.items()}
    phases = comm.allreduce(local, op=combine)
    size = comm.Get_size()
    rows = {k: {"min": v[0], "mean": v[1] / size, "max": v[2]} for k, v in phases.items()}
    content = {"ranks": size, "seconds": rows}
    on_root(comm, directory.write_json, folder / directory.TIMINGS, content)


def peak_memory() -> int:
    """Return the largest resident memory that this process has had [bytes]."""
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
