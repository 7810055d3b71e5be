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
from parcompute.decomposition import slab
from parcompute.errors import ConfigError
from parcompute.io.collective import on_root
from parcompute.io.reader import Contents, Reader
from parcompute.run import directory, registry
from parcompute.run.table import Table

Row = dict[str, Any]
Exact = Callable[[float], dict[str, Any]]  # of the time: functions by the name of the field


@dataclass(frozen=True)
class Slab:
    """What one rank reads: some rows of each snapshot, with their coordinates."""

    values: NDArray[np.float64]
    coordinates: list[NDArray[np.float64]]
    cell_volume: float
    missing: float | None

    @property
    def present(self) -> NDArray[np.float64]:
        """The values without those that stand for none."""
        return self.values if self.missing is None else self.values[self.values != self.missing]


def analyze(comm: Communicator, folder: Path) -> tuple[list[Row], list[str]]:
    """Return a row for each field and snapshot of the run in `folder`, and remarks; collective.

    Columns: field, step, time, min, max, mean, l2 (square root of the integral of u^2), total
    (integral of u), and, where the experiment has an exact solution, error_max and error_rms.
    Values that stand for none are left out. The numbers are the same on any number of ranks.

    Raises
    ------
    ConfigError
        On every rank, if `folder` is not a run directory.
    """
    record = on_root(comm, directory.read_record, folder)
    on_root(comm, _check, folder / directory.FIELDS)
    exact, remarks = solution(record)
    with Reader(folder / directory.FIELDS) as reader:
        contents = reader.contents
        done = len(contents.steps)
        if done < contents.planned or record.get("status") != "complete":
            remarks.append(
                f"the run is {record.get('status')}: {done} of {contents.planned} snapshots"
            )
        box = slab(comm.Get_rank(), comm.Get_size(), contents.shape)
        rows = []
        for name in contents.fields:
            for index, time in enumerate(contents.times):
                part = Slab(
                    reader.read(name, index, box),
                    _coordinates(contents.positions(name), box.slices),
                    _cell_volume(contents),
                    contents.missing.get(name),
                )
                head = {"field": name, "step": int(contents.steps[index]), "time": float(time)}
                rows.append({**head, **_statistics(comm, part, exact(float(time)).get(name))})
    return rows, remarks


def solution(record: dict[str, Any]) -> tuple[Exact, list[str]]:
    """Return the exact solution of the experiment of a run; nothing, and why, if it cannot be had.

    Parameters
    ----------
    record : dict
        ``run.json``.
    """
    try:
        parameters, file = dict(record["config"]["experiment"]), Path(record["experiment_file"])
        name = parameters.pop("name")
        experiment = registry.build(file if file.is_file() else registry.find(name), parameters)
    except (KeyError, ConfigError) as error:
        return lambda _: {}, [f"no errors against an exact solution: {error}"]
    return experiment.exact, []


def _check(path: Path) -> None:
    with Reader(path):
        pass


def _coordinates(
    positions: list[NDArray[np.float64]], slices: tuple[slice, ...]
) -> list[NDArray[np.float64]]:
    ndim = len(positions)
    return [
        along[span].reshape((-1, *(1,) * (ndim - 1 - axis)))
        for axis, (along, span) in enumerate(zip(positions, slices, strict=True))
    ]


def _cell_volume(contents: Contents) -> float:
    walls = contents.walls.values()
    return float(np.prod([abs(b - a) / n for (a, b), n in zip(walls, contents.shape, strict=True)]))


def _statistics(comm: Communicator, slab: Slab, solution: Callable[..., Any] | None) -> Row:
    values = slab.present
    if not comm.allreduce(values.size, op=max):  # all are missing
        return dict.fromkeys(("min", "max", "mean", "l2", "total"), float("nan"))
    row: Row = {
        "min": reductions.smallest(comm, values),
        "max": reductions.largest(comm, values),
        "mean": reductions.mean(comm, values),
        "l2": reductions.norm(comm, values) * slab.cell_volume**0.5,
        "total": reductions.total(comm, values) * slab.cell_volume,
    }
    if solution is not None:
        errors = reductions.errors(comm, slab.values, solution(*slab.coordinates))
        row |= {f"error_{kind}": value for kind, value in errors.items()}
    return row


def write_csv(file: Path, rows: list[Row]) -> None:
    """Write the rows; a row without an exact solution leaves its columns empty."""
    columns = dict.fromkeys(name for row in rows for name in row)
    file.unlink(missing_ok=True)
    table = Table(file)
    for row in rows:
        table.append({}, {name: row.get(name, "") for name in columns})


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
