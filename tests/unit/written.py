"""What the tests of output write, on any number of ranks, and the same values by NumPy alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import parcompute as pc
from parcompute.io.filters import Filters
from parcompute.io.layout import Layout, define
from parcompute.io.snapshots import Snapshots
from parcompute.io.stores import open_store
from parcompute.io.views import View

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
FLOATS = ["float16", "float32", "float64"]
DTYPES = ["bool", *INTEGERS, *FLOATS, "complex64", "complex128"]
WAYS = ["pwrite", "gathered", "gzip", "lzf", "zstd"]
SHAPES = [(11,), (7, 10), (5, 6, 7)]
FACE = "on_faces"  # a staggered field of float32 beside those named after their types
EXTENT = [(0.0, 1.0), (3.0, -3.0), (0.0, 70.0)]  # y descends
AXES = ("z", "y", "x")
CONFIG = {"experiment": {"name": "heat2d", "shape": [7, 10]}, "text": "ä\n\"'"}
ATTRIBUTES = {"config": json.dumps(CONFIG), "title": "a test", "history": "today: made"}
KINDS = [("pwrite", 1), ("pwrite", 2), ("pwrite", 3), ("gathered", 2), ("gzip", 2)]
STEPS, TIMES = [0, 10, 20, 30], [0.0, 0.5, 1.0, 1.5]


def values(shape: tuple[int, ...], index: int, dtype: str) -> Any:
    """Return a field at snapshot `index`: all bits of integers, and some numbers not finite."""
    rng = np.random.default_rng([index, len(shape), DTYPES.index(dtype)])
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    if kind.kind in "iu":
        info = np.iinfo(kind)
        return rng.integers(info.min, info.max, shape, kind, endpoint=True)
    made = (50 * rng.normal(size=shape)).astype(kind)
    if kind.kind == "c":
        made.imag = rng.normal(size=shape)
        made.reshape(-1)[2] = complex(1.0, np.inf)
    made.reshape(-1)[:2] = np.nan, -np.inf
    return made


def in_file(array: Any) -> Any:
    """Return `array` as netCDF-4 has it: no truth values, no half precision, no complex numbers."""
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag], axis=-1)
    return array.astype({"bool": "i1", "float16": "f4"}.get(array.dtype.name, array.dtype))


def columns(index: int) -> dict[str, Any]:
    """Return the particles at snapshot `index` in the order of their ids; none at the second."""
    count = [5, 0, 7, 4][index]
    rng = np.random.default_rng(100 + index)
    ids = np.sort(rng.choice(1000, count, replace=False))
    return {"id": ids, "x": rng.normal(size=count).astype("f4")}


def spread(particles: pc.Particles, index: int) -> None:
    """Give the particles to the ranks in disorder, the last rank none if there are others."""
    rank, size = particles.comm.Get_rank(), particles.comm.Get_size()
    owners = np.arange(len(columns(index)["id"]))[::-1] % max(1, size - 1)
    mine = {name: array[owners == rank][::-1] for name, array in columns(index).items()}
    particles.set(**mine)


@dataclass
class Written:
    """What makes a file: the parts of its layout, and how it is written."""

    path: Path
    shape: tuple[int, ...] = (7, 10)
    dtypes: Sequence[str] = ("float64",)
    faces: bool = False
    way: str = "pwrite"
    region: Sequence[str] | None = None
    precision: str = "full"
    planned: int = 4
    measures: Sequence[str] = ()
    key: str | None = None  # of particles
    swarm: bool = False
    overlap: bool = True
    extent: Sequence[tuple[float, float]] | None = None
    attributes: dict[str, str] | None = None

    def prepare(self, comm: Any) -> None:
        """Make the grid, the fields and the layout on this rank."""
        self.comm = comm
        self.grid = pc.Grid(self.shape, self.extent, comm=comm, units="km")
        self.fields = {n: self.grid.field(n, dtype=n, units="K") for n in self.dtypes}
        if self.faces:
            at = ["centre"] * (len(self.shape) - 1) + ["face"]
            self.fields[FACE] = self.grid.field(FACE, dtype="f4", at=tuple(at), long_name="flux")
        self.views = [View.of(f, self.region, self.precision) for f in self.fields.values()]
        names = {"id": np.int64, "x": np.float32}
        self.particles = [pc.Particles("swarm", comm, names, key=self.key)] if self.swarm else []
        self.filters = Filters.of(self.way if self.way in WAYS[2:] else None)
        self.layout = Layout.of(
            self.grid if self.views else None,
            self.views,
            self.planned,
            "s",
            self.attributes,
            measures=self.measures,
            particles=self.particles,
        )

    def open(self, *, new: bool = True) -> Snapshots:
        """Return the snapshots of a new file, or of the one that is there; collective."""
        store = open_store(
            self.path,
            (lambda file: define(file, self.layout, self.filters)) if new else None,
            self.comm,
            writer="auto" if self.filters else self.way,
            filters=self.filters,
        )
        return Snapshots(
            store,
            self.path,
            self.comm,
            self.views,
            series=self.layout.series,
            particles=self.particles,
            overlap=self.overlap,
        )

    def fill(self, index: int) -> None:
        """Set the fields and the particles as they are at snapshot `index`."""
        for name, field in self.fields.items():
            field[...] = values(self.shape, index, "float32" if name == FACE else name)
        for particles in self.particles:
            spread(particles, index)

    def add(self, snapshots: Snapshots, indices: Sequence[int]) -> None:
        """Write snapshots; what is in memory changes while they are written."""
        for index in indices:
            self.fill(index)
            measures = {name: index + 0.5 for name in self.measures}
            snapshots.write(index, STEPS[index], TIMES[index], measures)
            for field in self.fields.values():
                field[...] = 0
            snapshots.poll()

    def write(self, comm: Any, count: int = 3) -> str:
        """Write the file with `count` snapshots; return the name of the writer; collective."""
        self.prepare(comm)
        snapshots = self.open()
        self.add(snapshots, range(count))
        snapshots.close()
        return snapshots.name


def positions(axis: str, n: int, face: bool = False) -> Any:
    """Return where the values of an axis of `EXTENT` are."""
    low, high = EXTENT[AXES.index(axis)]
    return low + (np.arange(n) + (0.0 if face else 0.5)) * (high - low) / n


def write_kinds(folder: Path) -> dict[tuple[str, int], Path]:
    """Write a file for each of `KINDS`, a way and a number of axes, with 3 of 4 snapshots."""
    made = {}
    for way, ndim in KINDS:
        made[way, ndim] = path = folder / f"{way}{ndim}.h5"
        file = Written(path, SHAPES[ndim - 1], DTYPES, faces=True, way=way, extent=EXTENT[-ndim:])
        file.swarm, file.key, file.measures, file.attributes = True, "id", ["total"], ATTRIBUTES
        file.write(pc.serial())
    return made


def datasets(path: Path) -> dict[str, Any]:
    """Return everything that a file holds, by name."""
    import hdf5plugin  # noqa: F401  for zstd

    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = node[...]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def same_bytes(a: dict[str, Any], b: dict[str, Any], but: Sequence[str] = ()) -> None:
    """Assert that two files hold the same bytes (but for snapshots that were not written)."""
    assert list(a) == list(b)
    done = a["step"] >= 0
    for name in a:
        if name in but:
            continue
        one, other = a[name], b[name]
        if one.ndim > 1:
            one, other = one[done], other[done]
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        assert one.tobytes() == other.tobytes(), name
