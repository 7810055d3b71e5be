"""Statistics of every snapshot of a run, computed by all ranks, each reading its slab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute import reductions
from parcompute.comm import Communicator
from parcompute.decomposition import Decomposition
from parcompute.errors import ConfigError
from parcompute.io.collective import on_root
from parcompute.io.reader import Contents, Reader
from parcompute.run import directory, registry
from parcompute.run.experiment import Experiment

Row = dict[str, Any]


@dataclass(frozen=True)
class Slab:
    """What one rank reads: some rows of each snapshot, with their coordinates."""

    values: NDArray[np.float64]
    coordinates: list[NDArray[np.float64]]
    cell_volume: float


def analyze(comm: Communicator, folder: Path) -> list[Row]:
    """Return a row for each field and snapshot of the run in `folder`; collective.

    Columns: field, step, time, min, max, mean, l2 (square root of the integral of u^2), total
    (integral of u), and, where the experiment has an exact solution, error_max and error_rms.
    The numbers are the same on any number of ranks.

    Raises
    ------
    ConfigError
        On every rank, if `folder` is not a run directory.
    """
    record = on_root(comm, directory.read_record, folder)
    experiment = _experiment(record)
    on_root(comm, _check, folder / directory.FIELDS)
    with Reader(folder / directory.FIELDS) as reader:
        contents = reader.contents
        size = comm.Get_size()
        if size > contents.shape[0]:
            raise ConfigError(
                f"{size} ranks cannot share snapshots of {contents.shape[0]} rows: use at most "
                f"{contents.shape[0]} (backend.ranks)."
            )
        dims = (size, *(1,) * (len(contents.shape) - 1))
        box = Decomposition.plan(contents.shape, size, dims=dims).box(comm.Get_rank())
        rows = []
        for name in contents.fields:
            for index, time in enumerate(contents.times):
                slab = Slab(
                    reader.read(name, index, box),
                    _coordinates(contents, box.slices),
                    _cell_volume(contents),
                )
                solution = experiment.exact(float(time)).get(name)
                step = int(contents.steps[index])
                head = {"field": name, "step": step, "time": float(time)}
                rows.append({**head, **_statistics(comm, slab, solution)})
    return rows


def _experiment(record: dict[str, Any]) -> Experiment:
    try:
        parameters, file = dict(record["config"]["experiment"]), Path(record["experiment_file"])
    except KeyError as error:
        raise ConfigError(f"{directory.RECORD} of the run has no entry {error}.") from None
    name = parameters.pop("name")
    return registry.build(file if file.is_file() else registry.find(name), parameters)


def _check(path: Path) -> None:
    with Reader(path):
        pass


def _coordinates(contents: Contents, slices: tuple[slice, ...]) -> list[NDArray[np.float64]]:
    ndim = len(contents.shape)
    return [
        centres[span].reshape((-1, *(1,) * (ndim - 1 - axis)))
        for axis, (centres, span) in enumerate(zip(contents.axes.values(), slices, strict=True))
    ]


def _cell_volume(contents: Contents) -> float:
    """Return the volume of a cell; an axis of one cell counts as one unit long."""
    steps = [
        abs(c[-1] - c[0]) / (len(c) - 1) if len(c) > 1 else 1.0 for c in contents.axes.values()
    ]
    return float(np.prod(steps))


def _statistics(comm: Communicator, slab: Slab, solution: Callable[..., Any] | None) -> Row:
    row: Row = {
        "min": reductions.smallest(comm, slab.values),
        "max": reductions.largest(comm, slab.values),
        "mean": reductions.mean(comm, slab.values),
        "l2": reductions.norm(comm, slab.values) * slab.cell_volume**0.5,
        "total": reductions.total(comm, slab.values) * slab.cell_volume,
    }
    if solution is not None:
        difference = slab.values - solution(*slab.coordinates)
        row["error_max"] = reductions.largest(comm, np.abs(difference))
        row["error_rms"] = reductions.mean(comm, difference * difference) ** 0.5
    return row


def write_csv(file: Path, rows: list[Row]) -> None:
    """Write the rows; a row without an exact solution leaves its columns empty."""
    columns = dict.fromkeys(name for row in rows for name in row)
    file.unlink(missing_ok=True)
    table = directory.Table(file)
    for row in rows:
        table.append({name: row.get(name, "") for name in columns})


def table(rows: list[Row]) -> list[str]:
    """Return the rows as aligned lines of text."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name, "")) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    return [
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in [columns, *cells]
    ]


def _cell(value: Any) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)
