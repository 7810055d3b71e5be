"""Compare everything that two run directories hold, bit by bit."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Index
from parcompute.errors import ConfigError
from parcompute.io.reader import Reader
from parcompute.run import directory
from parcompute.verification.blocks import Cells
from parcompute.verification.runs import Made

_HEAD = 2  # columns of diagnostics.csv before those of the experiment: step and time


@dataclass(frozen=True)
class FieldDifference:
    """The first snapshot in which a field differs.

    Attributes
    ----------
    field : str
        Its name.
    step, previous : int
        Steps that had been made, then and at the snapshot before (-1: there is none).
    shape : tuple of int
        Of the field.
    cells : ndarray
        Global indices of all cells that differ, row by row, shape (n, number of axes).
    reference, value : scalar
        What the first of them is in the reference, and here.
    relative : float
        The largest difference of two values, relative to the largest value of the reference.
    """

    field: str
    step: int
    previous: int
    shape: Index
    cells: Cells
    reference: Any
    value: Any
    relative: float

    @property
    def first(self) -> Index:
        """Global index of the first cell that differs."""
        return tuple(int(i) for i in self.cells[0])


@dataclass(frozen=True)
class NumberDifference:
    """The first number that differs in something that is no field.

    Attributes
    ----------
    kind : {"measure", "error", "file"}
        What `measure` returns; the error against the exact solution; what else is in the files.
    what : str
        Its name, and where it stands.
    reference, value : str
        What it is in the reference, and here.
    relative : float
        The difference relative to the reference; infinity where that has no meaning.
    """

    kind: str
    what: str
    reference: str
    value: str
    relative: float


@dataclass(frozen=True)
class Comparison:
    """All that differs between two runs.

    Attributes
    ----------
    fields : tuple of FieldDifference
        In the order in which they begin to differ.
    numbers : tuple of NumberDifference
        The rest.
    """

    fields: tuple[FieldDifference, ...] = ()
    numbers: tuple[NumberDifference, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether all bits are the same."""
        return not self.fields and not self.numbers


def compare(reference: Made, other: Made) -> Comparison:
    """Return what differs between two runs of one experiment.

    Of a run that has failed, the snapshots that it had written are compared.
    """
    files = reference.folder / directory.FIELDS, other.folder / directory.FIELDS
    if other.failure:
        with suppress(ConfigError, OSError):  # none were written, or the file was left open
            return Comparison(_fields(*files))
        return Comparison()
    measures = _measures(reference.folder, other.folder)
    errors = _errors(reference, other)
    if not files[0].exists():  # neither fields nor particles
        return Comparison((), (*measures, *errors))
    told = {m.what.partition(" ")[0] for m in measures}  # they are in fields.h5 as well
    others = [
        n for n in _others(*files) if n.what.partition("[")[0].removesuffix("_measure") not in told
    ]
    return Comparison(_fields(*files), (*measures, *errors, *others))


def bits_differ(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where two arrays of one shape and type differ in any bit."""
    a, b = (np.ascontiguousarray(x).view(np.uint8).reshape(*x.shape, -1) for x in (a, b))
    different: NDArray[np.bool_] = (a != b).any(axis=-1)
    return different


def relative_difference(reference: NDArray[Any], value: NDArray[Any]) -> float:
    """Return the largest difference over the largest magnitude; infinity beside NaN or zero."""
    a, b = (np.asarray(x, np.result_type(x, np.float64)) for x in (reference, value))
    with np.errstate(all="ignore"):
        ratio = float(np.abs(b - a).max() / np.abs(a).max())
    return ratio if np.isfinite(ratio) else np.inf


def _fields(reference: Path, other: Path) -> tuple[FieldDifference, ...]:
    """Return the first difference of each field that differs, the earliest one first."""
    names = _names_of_fields(reference)
    found = list(_each_field(reference, other, names)) if names else []
    return tuple(sorted(found, key=lambda difference: difference.step))


def _each_field(reference: Path, other: Path, names: list[str]) -> Iterator[FieldDifference]:
    with Reader(reference) as ours, Reader(other) as theirs:
        steps = _common(ours.contents.steps, theirs.contents.steps)
        for name in names:
            for index, step in enumerate(steps):
                a, b = ours.read(name, index), theirs.read(name, index)
                mask = bits_differ(a, b)
                if mask.any():
                    cells = np.argwhere(mask)
                    first = tuple(cells[0])
                    relative = relative_difference(a, b)
                    previous = steps[index - 1] if index else -1
                    yield FieldDifference(
                        name, step, previous, a.shape, cells, a[first], b[first], relative
                    )
                    break


def _names_of_fields(path: Path) -> list[str]:
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        return [name for name, node in file.items() if hasattr(node, "shape") and node.ndim > 1]


def _common(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> list[int]:
    """Return the steps of the snapshots that both have: one run may have ended early."""
    return [int(a) for a, b in zip(ours, theirs, strict=False) if a == b]


def _others(reference: Path, other: Path) -> Iterator[NumberDifference]:
    """Yield what differs in coordinates, times, particles and measures."""
    import h5py

    with ExitStack() as stack:
        ours, theirs = (
            stack.enter_context(h5py.File(path, "r", locking=False)) for path in (reference, other)
        )
        for name, node in ours.items():
            if not hasattr(node, "shape") or node.ndim != 1:
                continue
            a, b = node[:], theirs[name][:]
            if a.shape != b.shape:
                yield NumberDifference("file", f"{name} rows", f"{len(a)}", f"{len(b)}", np.inf)
            elif (mask := bits_differ(a, b)).any():
                row = int(np.argmax(mask))
                relative = relative_difference(a, b)
                what = f"{name}[{row}]{_when(ours, node, row)}"
                yield NumberDifference("file", what, _text(a[row]), _text(b[row]), relative)


def _when(file: Any, node: Any, row: int) -> str:
    """Return at which step a row was written; "" for what does not vary in time."""
    scales = list(node.dims[0].keys())
    if not scales:
        return ""
    snapshot = row if scales[-1] == "time" else int(file[scales[-1]][row])  # of a particle
    return f" at step {file['step'][snapshot]}"


def _measures(reference: Path, other: Path) -> list[NumberDifference]:
    """Return for each column of diagnostics.csv the first row that differs."""
    found = []
    ours, theirs = (_rows(folder / directory.DIAGNOSTICS) for folder in (reference, other))
    for column, name in enumerate(ours[0] if ours else []):
        for a, b in zip(ours[1:], theirs[1:], strict=False):
            if a[column] != b[column]:
                what = f"{name} at step {a[0]}" if column >= _HEAD else name
                relative = relative_difference(_number(a[column]), _number(b[column]))
                found.append(NumberDifference("measure", what, a[column], b[column], relative))
                break
    return found


def _rows(file: Path) -> list[list[str]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def _number(text: str) -> NDArray[np.float64]:
    try:
        return np.array([float(text)])
    except ValueError:
        return np.array([np.nan])


def _errors(reference: Made, other: Made) -> list[NumberDifference]:
    """Return what differs in the errors against the exact solution."""
    found: list[NumberDifference] = []
    if reference.report is None or other.report is None:
        return found
    for name, kinds in reference.report.errors.items():
        for kind, a in kinds.items():
            b = other.report.errors[name][kind]
            if bits_differ(np.array([a]), np.array([b])).any():
                relative = relative_difference(np.array([a]), np.array([b]))
                what = f"{kind} error of {name}"
                found.append(NumberDifference("error", what, repr(a), repr(b), relative))
    return found


def _text(value: Any) -> str:
    return repr(value.item())
