"""What stands where in ``fields.h5``: a dataset (time, z, y, x) for each field, CF attributes.

``/time``, ``/step`` and the axes are dimension scales, so that xarray, ParaView and h5dump read
the file without parcompute. Snapshots that were never written have the step -1 and the time NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.grid import Grid

_CHUNK_BYTES = 4 * 2**20  # of compressed data; HDF5 allows less than 4 GiB


@dataclass(frozen=True)
class Variable:
    """A field in the file: its name, type and attributes."""

    name: str
    dtype: np.dtype[Any]
    attributes: dict[str, str]


@dataclass(frozen=True)
class Layout:
    """Everything that is written before the first snapshot.

    Attributes
    ----------
    snapshots : int
        How many there will be.
    axes : dict of str to ndarray
        Cell centres, in [z, y, x] order.
    walls : dict of str to (float, float)
        Positions of the low and the high wall of each axis.
    length_units, time_units : str
        Units of the axes and of time.
    variables : tuple of Variable
        The fields.
    attributes : dict
        Attributes of the file.
    """

    snapshots: int
    axes: dict[str, NDArray[np.float64]]
    walls: dict[str, tuple[float, float]]
    length_units: str
    time_units: str
    variables: tuple[Variable, ...]
    attributes: dict[str, str]

    @classmethod
    def of(
        cls,
        grid: Grid,
        fields: Sequence[Field],
        snapshots: int,
        time_units: str,
        attributes: dict[str, str],
    ) -> Layout:
        """Return the layout for `fields` on `grid`.

        Raises
        ------
        ConfigError
            If a field has the name of a scale.
        """
        taken = [f.name for f in fields if f.name in ("time", "step", *grid.axes)]
        if taken:
            raise ConfigError(
                f"A field cannot be named '{taken[0]}': time, step and the axes "
                f"{', '.join(grid.axes)} have these names in the file; choose another."
            )
        return cls(
            snapshots,
            {name: grid.coordinates_global(axis) for axis, name in enumerate(grid.axes)},
            dict(zip(grid.axes, grid.extent, strict=True)),
            grid.units,
            time_units,
            tuple(
                Variable(f.name, f.dtype, {"units": f.units or "1", "long_name": f.long_name})
                for f in fields
            ),
            {"Conventions": "CF-1.11", **attributes},
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of each dataset: (time, z, y, x)."""
        return (self.snapshots, *(len(centres) for centres in self.axes.values()))


def define(file: Any, layout: Layout, compression: str | None) -> None:
    """Make all datasets, scales and attributes in the open h5py `file`.

    In a parallel file every rank makes the same calls with the same values.
    """
    file.attrs.update(layout.attributes)
    _scale(file, "time", np.full(layout.snapshots, np.nan), layout.time_units, "time")
    _scale(file, "step", np.full(layout.snapshots, -1, np.int64), "1", "number of steps done")
    for name, centres in layout.axes.items():
        _scale(file, name, centres, layout.length_units, f"{name} of the cell centre")
        file[name].attrs["axis"] = name.upper()
        file[name].attrs["walls"] = np.array(layout.walls[name])
    for variable in layout.variables:
        dataset = _dataset(file, variable, layout.shape, compression)
        dataset.attrs.update(variable.attributes)
        dataset.dims[0].attach_scale(file["step"])  # first: readers name an axis by its last scale
        for axis, name in enumerate(("time", *layout.axes)):
            dataset.dims[axis].attach_scale(file[name])


def _scale(file: Any, name: str, values: NDArray[Any], units: str, long_name: str) -> None:
    dataset = file.create_dataset(name, data=values)
    dataset.make_scale(name)
    dataset.attrs["units"] = units or "1"
    dataset.attrs["long_name"] = long_name


def _dataset(file: Any, variable: Variable, shape: tuple[int, ...], compression: str | None) -> Any:
    if compression:
        return file.create_dataset(
            variable.name,
            shape,
            variable.dtype,
            chunks=_chunks(shape, variable.dtype.itemsize),
            compression=compression,
        )
    import h5py

    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    kind = h5py.h5t.py_create(variable.dtype, logical=True)
    h5py.h5d.create(file.id, variable.name.encode(), kind, space, dcpl=plist)
    return file[variable.name]


def _chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return chunks of one snapshot or less: slow axes are cut until a chunk is small enough."""
    chunks = [1, *shape[1:]]
    for axis in range(1, len(chunks)):
        rest = itemsize * int(np.prod(chunks[axis + 1 :]))
        chunks[axis] = max(1, min(chunks[axis], _CHUNK_BYTES // rest))
    return tuple(chunks)
