"""Mean and standard deviation across the members of an ensemble, of every snapshot and measure.

Every rank reads its slab of one member after the other. Each number is computed from the members in
their order (Welford, "Note on a method for calculating corrected sums of squares and products",
Technometrics 4, 1962), so that the bits do not depend on the ranks.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.decomposition import slab
from parcompute.errors import ParcomputeError
from parcompute.io.collective import on_root, together
from parcompute.io.filters import Filters
from parcompute.io.layout import Axis, Layout, Variable, define, series_names
from parcompute.io.pieces import Piece
from parcompute.io.reader import Contents, Reader, holds_fields
from parcompute.io.snapshots import Snapshots
from parcompute.io.stores import open_store
from parcompute.run import directory
from parcompute.run.spec import RunSpec
from parcompute.run.table import Table
from parcompute.run.watchdog import Watchdog

_KINDS = {"mean": "mean", "std": "standard_deviation"}  # in names here, and as CF calls them


class Spread:
    """Mean and standard deviation of arrays that come one after the other.

    Numbers are float64, complex ones have a last axis with real and imaginary part. The deviation
    is that of the members themselves, sqrt(sum |x - mean|^2 / n), as `numpy.std` has it.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean: NDArray[np.float64] = np.zeros(())
        self._squares: NDArray[np.float64] = np.zeros(())

    def add(self, values: NDArray[Any]) -> None:
        """Take the array of the next member."""
        parts = _parts(values)
        self._count += 1
        if self._count == 1:
            self._mean, self._squares = parts.copy(), np.zeros(values.shape)
            return
        with np.errstate(invalid="ignore", over="ignore"):  # a measure may be infinite
            before = parts - self._mean
            self._mean += before / self._count
            before *= parts - self._mean
        self._squares += before if before.shape == values.shape else before[..., 0] + before[..., 1]

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean."""
        return self._mean

    @property
    def std(self) -> NDArray[np.float64]:
        """The standard deviation, which is real."""
        deviation: NDArray[np.float64] = np.sqrt(self._squares / max(self._count, 1))
        return deviation


def _parts(values: NDArray[Any]) -> NDArray[np.float64]:
    if not np.iscomplexobj(values):
        return values.astype(np.float64)
    return np.stack([values.real, values.imag], axis=-1).astype(np.float64)


@dataclass
class Statistic:
    """One statistic of a field, as a source of snapshots.

    Attributes
    ----------
    name : str
        Name of the dataset.
    shape : tuple of int
        Shape of a snapshot, with a last axis of length 2 if it is complex.
    box : Box
        What this rank has of it.
    file_dtype : dtype
        Type of the dataset.
    values : ndarray
        The values in `box` now.
    """

    name: str
    shape: Index
    box: Box
    file_dtype: np.dtype[Any]
    values: NDArray[np.float64] = field(default_factory=lambda: np.zeros(()))

    def buffer(self) -> NDArray[Any]:
        """Return memory for `piece`."""
        return np.empty((1, *self.box.shape), self.file_dtype)

    def piece(self, index: int, buffer: NDArray[Any]) -> Piece:
        """Return a copy of the values as they stand in snapshot `index`."""
        buffer[0] = self.values
        whole = Box((index, *(0 for _ in self.shape)), (index + 1, *self.shape))
        return Piece(
            self.name, whole, Box((index, *self.box.start), (index + 1, *self.box.stop)), buffer
        )


class Row(NamedTuple):
    """A line of ``diagnostics.csv``."""

    step: int
    time: float
    measures: dict[str, float]


class Across:
    """Writes the statistics across members; collective.

    Parameters
    ----------
    comm : Communicator
        All ranks of the ensemble.
    spec : RunSpec
        The ensemble, whose members are complete.
    watchdog : Watchdog
        Is told of progress.
    """

    def __init__(self, comm: Communicator, spec: RunSpec, watchdog: Watchdog) -> None:
        self._comm, self._output, self._watchdog = comm, spec.output, watchdog
        self._folder = Path(spec.directory)
        self._members = [
            directory.member(self._folder, number) for number in range(spec.ensemble.members)
        ]

    def write(self, attributes: dict[str, str]) -> str:
        """Write ``diagnostics.csv`` and ``fields.h5``; return how the fields were written.

        Raises
        ------
        ParcomputeError
            On every rank, if the members have different grids, times or measures.
        """
        rows = on_root(self._comm, self._write_table)
        if not on_root(self._comm, holds_fields, self._members[0] / directory.FIELDS):
            return "no fields"
        contents = on_root(self._comm, self._contents)
        sources = self._sources(contents)
        snapshots = self._open(contents, sources, rows, attributes)
        measures = {row.step: row.measures for row in rows}
        steps = zip(contents.steps.tolist(), contents.times.tolist(), strict=True)
        for index, (step, time) in enumerate(steps):
            together(self._comm, self._folder, self._combine, index, contents.fields, sources)
            snapshots.write(index, step, time, measures[step])
        snapshots.close()
        return snapshots.name

    def _write_table(self) -> list[Row]:
        directory.clear_output(self._folder)
        rows = combined([_rows(member / directory.DIAGNOSTICS) for member in self._members])
        table = Table(self._folder / directory.DIAGNOSTICS)
        for row in rows:
            table.append({"step": row.step, "time": row.time}, row.measures)
        table.sync()
        return rows

    def _contents(self) -> Contents:
        """Return what the file of each member holds, which must be the same."""
        found = []
        for member in self._members:
            with Reader(member / directory.FIELDS) as reader:
                found.append(reader.contents)
        for member, contents in zip(self._members, found, strict=True):
            if _frame(contents) != _frame(found[0]):
                raise ParcomputeError(
                    f"The members {self._members[0].name} and {member.name} differ in fields, grid "
                    f"or times, so that there are no statistics across them: vary another "
                    f"parameter, or make a sweep (-m)."
                )
        return found[0]

    def _sources(self, contents: Contents) -> dict[tuple[str, str], Statistic]:
        """Return what is written, by field and statistic."""
        box = slab(self._comm.Get_rank(), self._comm.Get_size(), contents.shape)
        nothing = Box(contents.shape, contents.shape)
        found = {}
        with Reader(self._members[0] / directory.FIELDS) as reader:
            for name in contents.fields:
                is_complex = np.iscomplexobj(reader.read(name, 0, nothing))
                for kind in _KINDS:
                    shape, part = contents.shape, box
                    if is_complex and kind == "mean":
                        shape, part = (*shape, 2), Box((*box.start, 0), (*box.stop, 2))
                    found[name, kind] = Statistic(f"{name}_{kind}", shape, part, self._dtype)
        return found

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype("float32" if self._output.precision == "single" else "float64")

    def _open(
        self,
        contents: Contents,
        sources: dict[tuple[str, str], Statistic],
        rows: Sequence[Row],
        attributes: dict[str, str],
    ) -> Snapshots:
        layout = _layout(contents, sources, list(rows[0].measures), attributes)
        filters, path = Filters.of(self._output.compression), self._folder / directory.FIELDS
        store = open_store(
            path,
            lambda file: define(file, layout, filters),
            self._comm,
            writer=self._output.writer,
            filters=filters,
        )
        return Snapshots(
            store,
            path,
            self._comm,
            list(sources.values()),
            series=layout.series,
            overlap=self._output.overlap,
        )

    def _combine(
        self, index: int, fields: Sequence[str], sources: dict[tuple[str, str], Statistic]
    ) -> None:
        """Give the sources the statistics of snapshot `index`."""
        box = slab(self._comm.Get_rank(), self._comm.Get_size(), self._shape(sources))
        spreads = {name: Spread() for name in fields}
        for member in self._members:
            with Reader(member / directory.FIELDS) as reader:
                for name, spread in spreads.items():
                    spread.add(reader.read(name, index, box))
            self._watchdog.progress()
        for name, spread in spreads.items():
            sources[name, "mean"].values, sources[name, "std"].values = spread.mean, spread.std

    @staticmethod
    def _shape(sources: dict[tuple[str, str], Statistic]) -> Index:
        return next(source.shape for (_, kind), source in sources.items() if kind == "std")


def combined(tables: Sequence[Sequence[Row]]) -> list[Row]:
    """Return mean and standard deviation of each measure across the tables of the members.

    Raises
    ------
    ParcomputeError
        If they have different steps, times or measures.
    """
    heads = [[(row.step, row.time, [*row.measures]) for row in table] for table in tables]
    different = [number for number, head in enumerate(heads) if head != heads[0]]
    if different:
        raise ParcomputeError(
            f"The members 000 and {different[0]:03d} differ in the times or names of their "
            f"measures, so that there are no statistics across them: vary another parameter, or "
            f"make a sweep (-m)."
        )
    return [_combined(rows) for rows in zip(*tables, strict=True)]


def _combined(rows: Sequence[Row]) -> Row:
    spread = Spread()
    for row in rows:
        spread.add(np.array([*row.measures.values()]))
    measures: dict[str, float] = {}
    for name, mean, std in zip(rows[0].measures, spread.mean, spread.std, strict=True):
        measures |= {f"{name}_mean": float(mean), f"{name}_std": float(std)}
    return Row(rows[0].step, rows[0].time, measures)


def _rows(file: Path) -> list[Row]:
    with file.open(newline="", encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    return [
        Row(
            int(line["step"]),
            float(line["time"]),
            {name: _number(text) for name, text in line.items() if name not in ("step", "time")},
        )
        for line in lines
    ]


def _number(text: str) -> float:
    return float({"True": "1", "False": "0"}.get(text, text))


def _frame(contents: Contents) -> list[object]:
    """Return what all members must have alike."""
    arrays = [*contents.axes.values(), *contents.faces.values(), contents.steps, contents.times]
    return [contents.places, contents.walls, *(array.tobytes() for array in arrays)]


def _layout(
    contents: Contents,
    sources: dict[tuple[str, str], Statistic],
    measures: Sequence[str],
    attributes: dict[str, str],
) -> Layout:
    """Return the layout of ``fields.h5``, on the axes of the members."""
    places = {**contents.axes, **contents.faces}
    axes = {
        name: Axis(positions, name[0], contents.walls[name[0]])
        for name, positions in places.items()
    }
    first = next(iter(contents.axes))
    variables = tuple(
        Variable(
            source.name,
            source.file_dtype,
            (*contents.places[name], *(("complex",) * (len(source.shape) > len(contents.shape)))),
            {
                "units": contents.units[name],
                "long_name": f"{kind} of {contents.long_names[name]}",
                "cell_methods": f"realization: {_KINDS[kind]}",
            },
        )
        for (name, kind), source in sources.items()
    )
    taken = {"time", "step", "complex", *axes, *(variable.name for variable in variables)}
    return Layout(
        len(contents.steps),
        axes,
        contents.units[first],
        contents.units["time"],
        variables,
        series_names(measures, taken),
        (),
        {"Conventions": "CF-1.11", **attributes},
    )
