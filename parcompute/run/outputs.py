"""The output of a run: ``fields.h5`` and ``diagnostics.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parcompute.comm import Communicator
from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.io import rewind
from parcompute.io.collective import on_root
from parcompute.io.filters import Filters
from parcompute.io.layout import Layout, define
from parcompute.io.snapshots import Snapshots
from parcompute.io.stores import open_store
from parcompute.io.views import View
from parcompute.run import directory
from parcompute.run.experiment import Experiment
from parcompute.run.spec import Output, RunSpec
from parcompute.run.table import Table


class Outputs:
    """Writes what the run gives out; all methods are collective.

    Parameters
    ----------
    comm : Communicator
        All ranks.
    spec : RunSpec
        The run.
    experiment : Experiment
        Set up.
    attributes : dict
        Attributes of the file.

    Attributes
    ----------
    schedule : list of int
        The steps at which there are snapshots.
    measured : set of int
        The steps at which there are measures: those, and the steps of ``output.measure_every``.
    done : list of int
        Those at which there was a snapshot.
    fields : list of Field
        The fields that are written.

    Raises
    ------
    ConfigError
        If ``output.*`` does not suit the experiment.
    """

    def __init__(
        self,
        comm: Communicator,
        spec: RunSpec,
        experiment: Experiment,
        attributes: dict[str, str],
    ) -> None:
        self._comm, self._experiment = comm, experiment
        self._options, self._attributes = spec.output, attributes
        self._path = Path(spec.directory) / directory.FIELDS
        self._views = _views(experiment, spec.output)
        self._particles = list(experiment.particles().values())
        self._filters = Filters.of(spec.output.compression)
        self._snapshots: Snapshots | None = None
        self._table = Table(Path(spec.directory) / directory.DIAGNOSTICS)
        self._last_row = -1  # its step
        self.schedule = _schedule(experiment.steps, spec.output.every)
        self.measured = {*self.schedule, *_schedule(experiment.steps, spec.output.measure_every)}
        self.done: list[int] = []
        self.fields = [view.field for view in self._views]

    @property
    def name(self) -> str:
        """How ``fields.h5`` is written."""
        text = self._snapshots.name if self._snapshots else "no fields"
        if any("precision" in view.attributes for view in self._views):
            text += ", rounded to single precision"
        return text

    @property
    def rows(self) -> int:
        """How many rows of measures there are, on rank 0."""
        return self._table.rows

    def resume(self, step: int, kept: Sequence[int], rows: int) -> None:
        """Go on from a checkpoint; what the run has given out after it is dropped.

        Parameters
        ----------
        step : int
            Steps that had been made.
        kept : sequence of int
            The steps of the snapshots that are kept.
        rows : int
            How many rows of measures there were. One at `step` is dropped if there would be none
            had the run not ended there.
        """
        self.done = list(kept)
        self.schedule = [*kept, *(step for step in self.schedule if step > max(kept, default=-1))]
        dropped = {step} - {*kept} - self.measured
        self._last_row = on_root(self._comm, self._table.rewind, rows, dropped)
        if self._has_file:
            layout = self._layout(self._table_measures())
            on_root(self._comm, rewind.rewind, self._path, layout, self._filters, kept)
            self._open(layout, new=False)

    @property
    def _has_file(self) -> bool:
        return bool(self._views or self._particles)

    def _table_measures(self) -> list[str]:
        columns: list[str] = self._comm.bcast(self._table.columns)
        return columns[2:]

    def write(self, step: int, time: float) -> None:
        """Make the next snapshot, with its measures."""
        measures = self._experiment.measure()
        if self._has_file and self._snapshots is None:
            self._open(self._layout(list(measures)), new=True)
        self._append(step, time, measures)
        if self._snapshots is not None:
            self._snapshots.write(len(self.done), step, time, measures)
        self.done.append(step)

    def measure(self, step: int, time: float) -> None:
        """Add a row of measures without a snapshot."""
        self._append(step, time, self._experiment.measure())

    def _append(self, step: int, time: float, measures: dict[str, Any]) -> None:
        """Add a row, unless a run that has been resumed has that of this step already."""
        if step > self._last_row:
            on_root(self._comm, self._table.append, {"step": step, "time": time}, measures)
            self._last_row = step

    def poll(self) -> None:
        """Complete the snapshot under way if it is written."""
        if self._snapshots is not None:
            self._snapshots.poll()

    def sync(self) -> None:
        """Bring all that was given out to the disk."""
        if self._snapshots is not None:
            self._snapshots.sync()
        on_root(self._comm, self._table.sync)

    def close(self) -> None:
        """Complete the files."""
        if self._snapshots is not None:
            self._snapshots.close()

    def _layout(self, measures: Sequence[str]) -> Layout:
        grid = self._views[0].field.grid if self._views else None
        return Layout.of(
            grid,
            self._views,
            len(self.schedule),
            self._experiment.time_units,
            self._attributes,
            measures=measures,
            particles=self._particles,
        )

    def _open(self, layout: Layout, *, new: bool) -> None:
        filters = self._filters
        store = open_store(
            self._path,
            (lambda file: define(file, layout, filters)) if new else None,
            self._comm,
            writer=self._options.writer,
            filters=filters,
        )
        self._snapshots = Snapshots(
            store,
            self._path,
            self._comm,
            self._views,
            series=layout.series,
            particles=self._particles,
            overlap=self._options.overlap,
        )


def _views(experiment: Experiment, options: Output) -> list[View]:
    fields = chosen(experiment.fields(), options.fields)
    return [View.of(field, options.region, options.precision) for field in fields]


def chosen(fields: dict[str, Field], names: list[str] | None) -> list[Field]:
    """Return the fields to be written, which must be of one grid."""
    unknown = [name for name in names or [] if name not in fields]
    if unknown:
        raise ConfigError(
            f"output.fields names {', '.join(unknown)}; the experiment has the fields "
            f"{', '.join(fields)}."
        )
    wanted = [fields[name] for name in dict.fromkeys(fields if names is None else names)]
    for field in wanted:
        if field.grid is not wanted[0].grid:
            raise ConfigError(
                f"The fields '{wanted[0].name}' {list(wanted[0].shape_global)} and '{field.name}' "
                f"{list(field.shape_global)} are on different grids, and a file holds one grid: "
                f"choose fields of one with output.fields."
            )
    return wanted


def _schedule(steps: int, every: int) -> list[int]:
    """Return the first step, every so many, and the last."""
    return sorted({0, *(range(0, steps, every) if every else ()), steps})
