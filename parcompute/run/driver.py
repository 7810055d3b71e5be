"""The driver: what every rank of a run does, from set-up to the last snapshot."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parcompute import reductions, settings
from parcompute.comm import Communicator
from parcompute.errors import ConfigError, DivergenceError
from parcompute.grid import Grid
from parcompute.io.collective import on_root
from parcompute.run import directory, registry, saving, state
from parcompute.run.experiment import Experiment
from parcompute.run.guard import guard
from parcompute.run.outputs import Outputs
from parcompute.run.pieces import Pieces
from parcompute.run.progress import Progress, Say
from parcompute.run.report import Report
from parcompute.run.saving import Saving
from parcompute.run.spec import RunSpec
from parcompute.run.start import attributes, begin, on_grid, workers
from parcompute.run.stops import Asked, StopRequests
from parcompute.run.timings import save_timings
from parcompute.run.watchdog import Watchdog
from parcompute.stencils import described
from parcompute.timing import Timers

_GUARDED = 5  # pieces between two searches for NaN


@dataclass(frozen=True)
class Host:
    """What a run has from the one that it is a part of.

    Attributes
    ----------
    folder : Path
        Its run directory.
    stops : Asked
        Tells requests to stop.
    show : callable
        Takes lines about the progress of this run, on its rank 0; the others stand in its log only.
    """

    folder: Path
    stops: Asked
    show: Say


def run_rank(comm: Communicator, spec: RunSpec, engine: str, host: Host | None = None) -> Report:
    """Make the run as one of its ranks; collective.

    Parameters
    ----------
    comm : Communicator
        All ranks of the run.
    spec : RunSpec
        The run.
    engine : str
        What `comm` is of.
    host : Host, optional
        If the run is a part of another one.

    Raises
    ------
    ConfigError
        Before anything is written, on every rank, if the run cannot be made.
    DivergenceError
        On every rank, if a field holds NaN or infinity.
    """
    dims = None if spec.backend.dims is None else tuple(spec.backend.dims)
    chosen = settings.Settings(
        spec.kernels.engine, dims, spec.backend.threads, spec.kernels.time_tile, spec.poison
    )
    folder = Path(spec.directory)
    around = (host.folder,) if host else ()
    watchdog = Watchdog(spec.backend.hang_timeout, comm, folder, *around)
    with directory.recorded(folder), settings.use(chosen), watchdog:
        experiment = registry.build(Path(spec.path), spec.parameters)
        try:
            run = Run(comm, spec, engine, experiment, watchdog, host)
        except MemoryError as error:
            raise ConfigError(
                f"The fields do not fit into memory ({error}): use a smaller grid or more ranks "
                f"on more machines."
            ) from None
        with nullcontext(host.stops) if host else StopRequests() as stops:
            return run.make(stops)


class Run:
    """One experiment on its way through its steps, as seen by one rank."""

    def __init__(
        self,
        comm: Communicator,
        spec: RunSpec,
        engine: str,
        experiment: Experiment,
        watchdog: Watchdog,
        host: Host | None,
    ) -> None:
        self.comm, self.spec, self.engine, self.experiment = comm, spec, engine, experiment
        self.watchdog, self.host = watchdog, host
        self.is_root = comm.Get_rank() == 0
        self.directory = Path(spec.directory)
        self.timers = Timers()
        parameters = state.copied(experiment)  # what is changed in place is state too
        with self.timers.phase("setup"):
            experiment.setup(comm)
        self.initial = state.unchanged(experiment, parameters)
        watchdog.progress()
        fields = list(experiment.fields().values())
        self.grid: Grid | None = fields[0].grid if fields else None
        self.cells = int(np.prod(self.grid.shape_global)) if self.grid else 0
        self.step = self.first = 0  # steps made, and made before this session
        self.finite: int | None = None  # the last step at which all fields were
        self.pieces = Pieces(comm, experiment.steps, spec.backend.hang_timeout)
        self.stopped: str | None = None
        self.outputs = Outputs(comm, spec, experiment, self._attributes())

    def make(self, stops: Asked) -> Report:
        """Make all steps with their output; return the report."""
        self.comm.Barrier()  # nothing is written before all ranks are set up
        with self._begun() as say:
            self.saving = Saving(self.comm, self.spec, self.experiment, self.initial, stops)
            if self.spec.resumed:
                self._resume(say)
            progress = self._progress(say) if self.is_root else None
            try:
                self._loop(progress)
            except DivergenceError:  # raised by all ranks, so that closing is collective
                self.outputs.close()
                raise
            except ConfigError:  # by one rank, perhaps
                if self.is_root and not self.step and not self.spec.resumed:
                    directory.discard(self.directory)  # bad input that the first step has found
                raise
            finally:
                if progress is not None:
                    progress.close()
            with self.timers.phase("output"):
                self.outputs.close()
            return self._finish(say)

    def _begun(self) -> AbstractContextManager[Say]:
        shape = " x ".join(map(str, self.grid.shape_global)) + " cells, " if self.grid else ""
        how = workers(self.comm, self.spec, self.engine)
        title = f"{self.spec.name}: {shape}{self.experiment.steps} steps, {how}"
        entries = {"engine": self.engine, "ranks": self.comm.Get_size(), **on_grid(self.grid)}
        return begin(self.comm, self.spec, title, entries, printed=self.host is None)

    def _progress(self, say: Say) -> Progress:
        def show(line: str) -> None:
            say(line)
            if self.host is not None:
                self.host.show(line)

        return Progress(self.experiment.steps, self.cells, show, bar=self.host is None)

    def _resume(self, say: Say) -> None:
        """Go back to the last checkpoint; to the beginning if the run was not saved before."""
        with self.timers.phase("resume"):
            found = saving.load(self.comm, self.directory, say)
            if found is None:
                on_root(self.comm, directory.clear_output, self.directory)
                say("there is no checkpoint yet: the run begins again")
                return
            state.restore(self.comm, self.experiment, found)
            self.step = self.first = self.finite = self.saving.saved = found.manifest["step"]
            self.experiment.steps_done = self.step
            kept, every = found.manifest["outputs"], found.manifest["config"]["output"]["every"]
            rows = found.manifest.get("rows", len(kept))
            if self.spec.output.every == every and self.step not in self.outputs.schedule:
                kept = [step for step in kept if step < self.step]  # the end of a shorter run
            self.outputs.resume(self.step, kept, rows)
        say(f"goes on at step {self.step} from {found.path.name}")
        self.watchdog.progress()

    def _loop(self, progress: Progress | None) -> None:
        """Make steps, outputs and checkpoints until all are made or the run is to stop."""
        saves = set(self.saving.steps())
        self._give_out()
        events = sorted({*self.outputs.measured, *saves})
        for target in (event for event in events if event > self.step):
            self._advance(target, progress)
            if self.stopped is None:
                self._give_out()
            if target in saves and self.step == target:
                self._save()
            if self.stopped is None:
                self._heed()
            if self.stopped is not None:
                return
        if self.spec.checkpoint.is_on:
            self._save()

    def _advance(self, target: int, progress: Progress | None) -> None:
        """Go on to `target`, or stop before; the first step also loads the kernels."""
        for count in self.pieces.between(self.step, target):
            with self.timers.phase("steps" if self.step > self.first else "first step"):
                self.experiment.advance(count)
            self.step += count
            self.experiment.steps_done = self.step
            self.watchdog.progress()
            if progress is not None:
                progress.update(self.step)
            if self.step % (self.pieces.most * _GUARDED) < count:
                self._guard()
            if self.step < target:
                self._between()
            if self.stopped is not None:
                return

    def _between(self) -> None:
        """Do between two pieces what need not wait for the next event."""
        with self.timers.phase("output"):
            self.outputs.poll()
        self._heed()

    def _heed(self) -> None:
        """Save or stop if that is wished; nothing more is wished of a run at its end."""
        wish = self.saving.wish()
        if self.step == self.experiment.steps:
            return
        if wish.save:
            self._save()
        self.stopped = wish.stop

    def _save(self) -> None:
        self._guard()
        with self.timers.phase("checkpoint"):
            self.outputs.sync()  # a checkpoint must not know of output that can be lost
            self.saving.save(self.step, self.outputs.done, self.outputs.rows)
        self.watchdog.progress()

    def _give_out(self) -> None:
        """Write the snapshot or the measures of this step, if there are to be any."""
        if self.step in self.outputs.schedule and self.step not in self.outputs.done:
            self._output()
        elif self.step in self.outputs.measured:
            with self.timers.phase("output"):
                self.outputs.measure(self.step, self.step * self.experiment.dt)
                self.outputs.poll()

    def _output(self) -> None:
        self._guard()
        with self.timers.phase("output"):
            self.outputs.write(self.step, self.step * self.experiment.dt)
        self.watchdog.progress()

    def _guard(self) -> None:
        """Stop the run on every rank if a field is no longer finite."""
        if not self.spec.guarded or self.finite == self.step:
            return
        with self.timers.phase("guard"):
            for field in self.experiment.fields().values():
                guard(field, self.step, self.finite)
        self.finite = self.step
        self.watchdog.progress()

    def _attributes(self) -> dict[str, str]:
        dims = " x ".join(map(str, self.grid.dims)) if self.grid else "none"
        how = f"{workers(self.comm, self.spec, self.engine)}, decomposition {dims}"
        return attributes(self.spec, how, dims)

    def _finish(self, say: Say) -> Report:
        save_timings(self.comm, self.timers, self.directory)
        if self.saving.left_out:
            names = ", ".join(self.saving.left_out)
            say(f"not in checkpoints, made anew by setup(): {names}")
        return Report(
            directory=self.spec.directory,
            engine=self.engine,
            ranks=self.comm.Get_size(),
            dims=self.grid.dims if self.grid else None,
            steps=self.step,
            made=self.step - self.first,
            cells=self.cells,
            first=self.timers.seconds.get("first step", 0.0),
            seconds=self.timers.seconds.get("steps", 0.0),
            errors=self._errors(),
            memory=self.comm.allreduce(peak_memory(), op=max),
            writer=self.outputs.name,
            kernels=described(dict.fromkeys(f.grid for f in self.experiment.fields().values())),
            saved=self.saving.saved,
            stopped=self.stopped,
            part_of=str(self.host.folder) if self.host else None,
        )

    def _errors(self) -> dict[str, dict[str, float]]:
        exact = self.experiment.exact(self.step * self.experiment.dt)
        return {
            f.name: reductions.errors(self.comm, f.owned, exact[f.name](*f.coordinates_local()))
            for f in self.outputs.fields
            if f.name in exact
        }


def peak_memory() -> int:
    """Return the largest resident memory that this process has had [bytes]."""
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
