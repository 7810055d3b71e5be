"""Read ``fields.h5`` of a run, whole or a slab of each snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.errors import ConfigError


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
        Cell centres.
    walls : dict of str to (float, float)
        Positions of the low and the high wall of each axis.
    steps, times : ndarray
        Of the complete snapshots.
    planned : int
        How many snapshots there are to be.
    units, long_names : dict of str to str
        Of the fields, and of time and the axes.
    """

    fields: tuple[str, ...]
    shape: Index
    axes: dict[str, NDArray[np.float64]]
    walls: dict[str, tuple[float, float]]
    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    planned: int
    units: dict[str, str]
    long_names: dict[str, str]


class Reader:
    """An open file; any number of ranks may read the same file, each on its own.

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
        except (OSError, KeyError, ValueError) as error:
            raise ConfigError(f"'{path}' cannot be read as the fields of a run: {error}.") from None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _contents(self) -> Contents:
        file = self._file
        done = file["step"][:] >= 0
        named = [n for n in file if n not in ("time", "step") and file[n].ndim > 1]
        if not named:
            raise ValueError("it holds no field")
        shape = file[named[0]].shape[1:]
        axes = ("z", "y", "x")[-len(shape) :]
        return Contents(
            tuple(named),
            tuple(shape),
            {name: file[name][:] for name in axes},
            {name: _pair(file[name].attrs["walls"]) for name in axes},
            file["step"][:][done],
            file["time"][:][done],
            len(done),
            {name: _text(file[name].attrs.get("units", "")) for name in file},
            {name: _text(file[name].attrs.get("long_name", name)) for name in file},
        )

    def read(self, field: str, index: int, box: Box | None = None) -> NDArray[Any]:
        """Return snapshot `index` of `field`, or its cells in `box`."""
        part = () if box is None else box.slices
        values: NDArray[Any] = self._file[field][(index, *part)]
        return values


def _pair(values: Any) -> tuple[float, float]:
    low, high = values
    return float(low), float(high)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
