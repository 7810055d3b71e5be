"""What stands where in ``fields.h5``: a dataset (time, z, y, x) for each field, CF attributes.

``/time`` and the axes are dimension scales, as netCDF-4 has them. Snapshots that were
never written have the step -1 and the time NaN. `vtkhdf` adds links for ParaView.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Index
from parcompute.errors import ConfigError
from parcompute.grid import Grid
from parcompute.io import vtkhdf
from parcompute.io.filters import Filters
from parcompute.io.views import View
from parcompute.particles import Particles

_CHUNK_BYTES = 4 * 2**20  # of compressed data; HDF5 allows less than 4 GiB
_PARTICLES = 2**14  # rows of a chunk


@dataclass(frozen=True)
class Axis:
    """Positions along one dimension.

    Attributes
    ----------
    positions : ndarray
        Of the values.
    letter : str
        z, y or x.
    walls : (float, float)
        Where the first cell begins and the last one ends.
    """

    positions: NDArray[np.float64]
    letter: str
    walls: tuple[float, float]


@dataclass(frozen=True)
class Variable:
    """A field in the file.

    Attributes
    ----------
    name, dtype
        Of the dataset.
    dimensions : tuple of str
        Its dimensions after time.
    attributes : dict
        Its attributes.
    """

    name: str
    dtype: np.dtype[Any]
    dimensions: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """Everything that is written before the first snapshot.

    Attributes
    ----------
    snapshots : int
        How many there will be.
    axes : dict of str to Axis
        Those of the cell centres, in [z, y, x] order, then those of faces.
    length_units, time_units : str
        Units of the axes and of time.
    variables : tuple of Variable
        The fields.
    series : tuple of str
        Names of the numbers that are recorded with every snapshot.
    particles : tuple of Particles
        Sets of particles.
    attributes : dict
        Attributes of the file.
    """

    snapshots: int
    axes: dict[str, Axis]
    length_units: str
    time_units: str
    variables: tuple[Variable, ...]
    series: tuple[str, ...]
    particles: tuple[Particles, ...]
    attributes: dict[str, str]

    @classmethod
    def of(
        cls,
        grid: Grid | None,
        views: Sequence[View],
        snapshots: int,
        time_units: str = "",
        attributes: Mapping[str, str] | None = None,
        *,
        measures: Sequence[str] = (),
        particles: Sequence[Particles] = (),
    ) -> Layout:
        """Return the layout for `views` of fields on `grid`.

        A measure that has the name of a field is called ``NAME_measure``.

        Raises
        ------
        ConfigError
            If a field or a set of particles has a name that the file needs.
        """
        axes = _axes(grid, views) if grid else {}
        reserved = ("time", "step", "complex", "VTKHDF", *axes)
        names = [*(v.name for v in views), *(n for p in particles for n in p.datasets)]
        for name in names:
            if name in reserved or names.count(name) > 1:
                raise ConfigError(
                    f"A field cannot be named '{name}': another thing in the file has this name; "
                    f"taken are {', '.join(reserved)}."
                )
        taken = {*reserved, *names}
        return cls(
            snapshots,
            axes,
            grid.units if grid else "",
            time_units,
            tuple(_variable(view) for view in views),
            series_names(measures, taken),
            tuple(particles),
            {"Conventions": "CF-1.11", **(attributes or {})},
        )

    def shape_of(self, variable: Variable) -> Index:
        """Return the shape of a dataset: (time, z, y, x)."""
        extents = {name: len(axis.positions) for name, axis in self.axes.items()} | {"complex": 2}
        return (self.snapshots, *(extents[name] for name in variable.dimensions))


def series_names(measures: Sequence[str], taken: Collection[str]) -> tuple[str, ...]:
    """Return the names of measures in a file in which the names `taken` are."""
    return tuple(f"{name}_measure" if name in taken else name for name in measures)


def _dimensions(view: View) -> tuple[str, ...]:
    grid = view.field.grid
    names = (
        f"{name}_face" if at == "face" else name
        for name, at in zip(grid.axes, view.field.at, strict=True)
    )
    return (*names, *(("complex",) if view.parts else ()))


def _variable(view: View) -> Variable:
    field = view.field
    attributes: dict[str, Any] = {"units": field.units or "1", "long_name": field.long_name}
    if field.missing is not None:
        attributes["missing_value"] = view.file_dtype.type(field.missing)
    return Variable(view.name, view.file_dtype, _dimensions(view), attributes | view.attributes)


def _axes(grid: Grid, views: Sequence[View]) -> dict[str, Axis]:
    """Return the axes of the cell centres, and those of the faces that any field is on."""
    if not views:
        return {}
    chosen = dict(zip(grid.axes, views[0].selection.ranges, strict=True))
    axes = {name: _axis(grid, axis, chosen[name]) for axis, name in enumerate(grid.axes)}
    for axis, name in enumerate(grid.axes):
        if any(view.field.at[axis] == "face" for view in views):
            positions = grid.coordinates_global(axis, "face")[_slice(chosen[name])]
            axes[f"{name}_face"] = Axis(positions, name, axes[name].walls)
    return axes


def _axis(grid: Grid, axis: int, chosen: range) -> Axis:
    """Return the chosen cell centres; with steps, the cells are as wide as the steps."""
    centres = grid.coordinates_global(axis)[_slice(chosen)]
    low, high = grid.extent[axis]
    walls = (low, high)
    if len(chosen) < grid.shape_global[axis]:
        half = (high - low) / grid.shape_global[axis] * chosen.step / 2
        walls = (float(centres[0] - half), float(centres[-1] + half))
    return Axis(centres, grid.axes[axis], walls)


def _slice(chosen: range) -> slice:
    return slice(chosen.start, chosen.stop, chosen.step)


def define(file: Any, layout: Layout, filters: Filters | None) -> None:
    """Make all datasets, scales and attributes in the open h5py `file`.

    In a parallel file every rank makes the same calls with the same values.
    """
    file.attrs.update(layout.attributes)
    _scale(file, "time", np.full(layout.snapshots, np.nan), layout.time_units, "time")
    file["time"].attrs["axis"] = "T"
    step = file.create_dataset("step", data=np.full(layout.snapshots, -1, np.int64))
    step.attrs.update({"units": "1", "long_name": "number of steps done"})
    _attach(file, step, ("time",))
    for name, axis in layout.axes.items():
        _define_axis(file, name, axis, layout.length_units)
    if any("complex" in variable.dimensions for variable in layout.variables):
        _scale(file, "complex", np.arange(2), "1", "0: real part, 1: imaginary part")
    for variable in layout.variables:
        _define_variable(file, variable, layout.shape_of(variable), filters)
    for name in layout.series:
        dataset = file.create_dataset(name, data=np.full(layout.snapshots, np.nan))
        dataset.attrs["long_name"] = f"{name} (measure)"
        _attach(file, dataset, ("time",))
    for particles in layout.particles:
        _define_particles(file, particles, layout.snapshots)
    centred = [v.name for v in layout.variables if not _on_faces(v.dimensions)]
    if centred:
        axes = {n: (a.walls, len(a.positions)) for n, a in layout.axes.items() if n == a.letter}
        vtkhdf.link(file, axes, centred)


def _on_faces(dimensions: tuple[str, ...]) -> bool:
    return any(name.endswith("_face") for name in dimensions)


def _define_axis(file: Any, name: str, axis: Axis, units: str) -> None:
    where = "lower face of the cell" if name.endswith("_face") else "cell centre"
    _scale(file, name, axis.positions, units, f"{axis.letter} of the {where}")
    file[name].attrs["axis"] = axis.letter.upper()
    file[name].attrs["walls"] = np.array(axis.walls)


def _define_variable(file: Any, variable: Variable, shape: Index, filters: Filters | None) -> None:
    if filters:
        dataset = file.create_dataset(
            variable.name,
            shape,
            variable.dtype,
            chunks=chunk_shape(shape, variable.dtype.itemsize),
            fill_time="never",
            **filters.arguments,
        )
    else:
        dataset = contiguous(file, variable.name, shape, variable.dtype)
    dataset.attrs.update(variable.attributes)
    dataset.attrs["coordinates"] = "step"
    _attach(file, dataset, ("time", *variable.dimensions))


def _define_particles(file: Any, particles: Particles, snapshots: int) -> None:
    """Make a contiguous ragged array as CF has it, which grows with each snapshot."""
    rows = file.create_dataset(
        particles.name, data=np.zeros(0, np.int64), maxshape=(None,), chunks=(_PARTICLES,)
    )
    rows.make_scale(particles.name)
    rows.attrs["long_name"] = "index of the snapshot"
    count = file.create_dataset(particles.count, data=np.zeros(snapshots, np.int64))
    count.attrs["sample_dimension"] = particles.name
    count.attrs["long_name"] = f"number of {particles.name} in each snapshot"
    _attach(file, count, ("time",))
    for name, array in particles.columns.items():
        column = file.create_dataset(
            particles.dataset(name), (0,), array.dtype, maxshape=(None,), chunks=(_PARTICLES,)
        )
        column.dims[0].attach_scale(rows)


def _attach(file: Any, dataset: Any, dimensions: tuple[str, ...]) -> None:
    for axis, name in enumerate(dimensions):
        dataset.dims[axis].attach_scale(file[name])


def _scale(file: Any, name: str, values: NDArray[Any], units: str, long_name: str) -> None:
    dataset = file.create_dataset(name, data=values)
    dataset.make_scale(name)
    dataset.attrs["units"] = units or "1"
    dataset.attrs["long_name"] = long_name


def contiguous(file: Any, name: str, shape: Index, dtype: np.dtype[Any]) -> Any:
    """Make a dataset whose bytes have their place in the file at once, and are not filled."""
    import h5py

    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    plist.set_obj_track_times(False)  # equal runs make equal files
    space = h5py.h5s.create_simple(shape)
    kind = h5py.h5t.py_create(dtype, logical=True)
    h5py.h5d.create(file.id, name.encode(), kind, space, dcpl=plist)
    return file[name]


def chunk_shape(shape: Index, itemsize: int) -> Index:
    """Return chunks of one snapshot or less: slow axes are cut until a chunk is small enough."""
    chunks = [1, *shape[1:]]
    for axis in range(1, len(chunks)):
        rest = itemsize * int(np.prod(chunks[axis + 1 :]))
        chunks[axis] = max(1, min(chunks[axis], _CHUNK_BYTES // rest))
    return tuple(chunks)
