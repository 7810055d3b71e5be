"""Read ``fields.h5`` of a run, whole or a slab of each snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.errors import ConfigError
from parcompute.io.filters import load_filters


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes
    ----------
    fields : tuple of str
        Names of the fields.
    shape : tuple of int
        Shape of a snapshot, [z, y, x].
    axes : dict of str to ndarray
        Positions of the values along the axes z, y, x, for fields at cell centres.
    places : dict of str to tuple of str
        Names of the axes of each field: ``x``, or ``x_face`` for values on faces.
    faces : dict of str to ndarray
        Positions along the axes ``x_face`` and so on, where there are any.
    walls : dict of str to (float, float)
        Positions of the low and the high wall of each axis.
    steps, times : ndarray
        Of the complete snapshots.
    planned : int
        How many snapshots there are to be.
    units, long_names : dict of str to str
        Of the fields, and of time and the axes.
    missing : dict of str to float
        Values that stand for none, of the fields that have one.
    """

    fields: tuple[str, ...]
    shape: Index
    axes: dict[str, NDArray[np.float64]]
    places: dict[str, tuple[str, ...]]
    faces: dict[str, NDArray[np.float64]]
    walls: dict[str, tuple[float, float]]
    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    planned: int
    units: dict[str, str]
    long_names: dict[str, str]
    missing: dict[str, float]

    def positions(self, field: str) -> list[NDArray[np.float64]]:
        """Return the positions of the values of a field along each of its axes."""
        return [(self.axes | self.faces)[name] for name in self.places[field]]


class Reader:
    """An open file; any number of ranks may read the same file, each on its own.

    The run may still be going on: the snapshots that were complete when the file was opened are
    seen.

    Raises
    ------
    ConfigError
        If the file does not exist, or is not one that parcompute wrote.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        try:
            self._file = h5py.File(path, "r", locking=False)
            self.contents = self._contents()
            load_filters(self._file)
        except (OSError, KeyError, ValueError) as error:
            raise ConfigError(f"'{path}' cannot be read as the fields of a run: {error}.") from None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _contents(self) -> Contents:
        file = self._file
        nodes = {name: node for name, node in file.items() if hasattr(node, "shape")}
        done = file["step"][:] >= 0
        fields = {n: _dimensions(node) for n, node in nodes.items() if node.ndim > 1}
        if not fields:
            raise ValueError("it holds no field")
        faces = {n for names in fields.values() for n in names if n.endswith("_face")}
        letters = [name.removesuffix("_face") for name in next(iter(fields.values()))]
        axes = {name: file[name][:] for name in letters}
        return Contents(
            tuple(fields),
            tuple(len(positions) for positions in axes.values()),
            axes,
            fields,
            {name: file[name][:] for name in sorted(faces)},
            {name: _pair(file[name].attrs["walls"]) for name in axes},
            file["step"][:][done],
            file["time"][:][done],
            len(done),
            {name: _text(node.attrs.get("units", "")) for name, node in nodes.items()},
            {name: _text(node.attrs.get("long_name", name)) for name, node in nodes.items()},
            {n: float(file[n].attrs["missing_value"]) for n in fields if _is_missing(file[n])},
        )

    def read(self, field: str, index: int, box: Box | None = None) -> NDArray[Any]:
        """Return snapshot `index` of `field`, or its cells in `box`."""
        part = () if box is None else box.slices
        dataset = self._file[field]
        values: NDArray[Any] = dataset[(index, *part)]
        if "complex" in _names(dataset):
            return np.ascontiguousarray(values).view(f"c{2 * values.itemsize}")[..., 0]
        if _text(dataset.attrs.get("dtype", "")) == "bool":
            return values.astype(bool)
        return values


def holds_fields(path: Path) -> bool:
    """Say whether there is a file of a run with any field in it."""
    import h5py

    if not path.is_file():
        return False
    with h5py.File(path, "r", locking=False) as file:
        return any(getattr(node, "ndim", 0) > 1 for node in file.values())


def _names(dataset: Any) -> list[str]:
    """Return the names of the dimensions, which are those of their last scales."""
    return [list(d.keys())[-1] for d in dataset.dims]


def _dimensions(dataset: Any) -> tuple[str, ...]:
    return tuple(name for name in _names(dataset)[1:] if name != "complex")


def _is_missing(dataset: Any) -> bool:
    return "missing_value" in dataset.attrs


def _pair(values: Any) -> tuple[float, float]:
    low, high = values
    return float(low), float(high)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
