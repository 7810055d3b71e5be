"""Attributes of an experiment as bytes, in which fields, grids and the like stand by name."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box
from parcompute.comm import Communicator
from parcompute.comm.mpi import is_mpi
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.particles import Particles
from parcompute.run.experiment import Experiment
from parcompute.stencils import Clock

FIELD, OWN, PARTICLES = "fields", "own", "particles"

Pickles = dict[str, bytes]
"""For each attribute, or several that share an object ("a, b"), a pickle of values by name."""

_ATOMS = (type(None), bool, int, float, complex, str, bytes, np.generic)
_FIXED = (*_ATOMS, type, np.dtype, FunctionType, BuiltinFunctionType)
"""Types of what can be shared and nobody would notice."""
_EMPTY: tuple[()] = ()  # there is one empty tuple


def is_framework(value: Any) -> bool:
    """Return whether `value` is a tool that `setup` makes, such as a stencil or communicator."""
    ours = type(value).__module__.startswith("parcompute.")
    return (ours and not isinstance(value, Clock | Box)) or is_mpi(value)


def root(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array that has the memory of `array`."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Known:
    """The fields, grids, particles and own arrays of an experiment, which have names.

    Attributes
    ----------
    fields, particles : dict
        By name.
    grids : list of Grid
        Those of the fields, and attributes.
    own : dict of str to (ndarray, Grid)
        Arrays that have the shape of this rank's block, on every rank.
    """

    def __init__(self, comm: Communicator, experiment: Experiment) -> None:
        self._comm, self._experiment = comm, experiment
        self.fields = experiment.fields()
        self.particles = experiment.particles()
        held = [v for v in vars(experiment).values() if isinstance(v, Grid)]
        self.grids = list(dict.fromkeys([*(f.grid for f in self.fields.values()), *held]))
        memory = [m for f in self.fields.values() for m in (f.padded, f._spare) if m is not None]
        self._memory = {id(root(m)) for m in memory}
        self.own = self._own_arrays()
        self._memory |= {id(array) for array, _ in self.own.values()}

    def _own_arrays(self) -> dict[str, tuple[NDArray[Any], Grid]]:
        local = {
            name: next((i for i, g in enumerate(self.grids) if g.shape_local == value.shape), -1)
            for name, value in vars(self._experiment).items()
            if isinstance(value, np.ndarray)
            and value.dtype.kind in "biufc"
            and not self.is_view(value)
        }
        places: dict[str, int] = self._comm.allreduce(
            local, op=lambda a, b: {k: v for k, v in a.items() if b.get(k) == v >= 0}
        )
        named = vars(self._experiment)
        return {name: (named[name], self.grids[i]) for name, i in places.items() if i >= 0}

    def is_view(self, value: Any) -> bool:
        """Return whether `value` shows memory of a field or of an own array, and no other."""
        if not isinstance(value, np.ndarray):
            return False
        memory = root(value)
        return memory is not value and id(memory) in self._memory

    def pickled(self, values: Mapping[str, Any]) -> tuple[Pickles, list[str]]:
        """Return pickles of `values`, and the names of those that cannot be held."""
        pickles, left_out, parts = {}, [], {}
        for name, value in values.items():
            picked = self._attempt({name: value})
            if picked is None:
                left_out.append(name)
            else:
                pickles[name], parts[name] = picked
        for names in _sharing(parts):
            picked = self._attempt({name: values[name] for name in names})
            if picked is not None:
                pickles = {k: v for k, v in pickles.items() if k not in names}
                pickles[", ".join(names)] = picked[0]
        return pickles, left_out

    def _attempt(self, values: dict[str, Any]) -> tuple[bytes, dict[int, Any]] | None:
        stream = io.BytesIO()
        pickler = _Pickler(stream, self.name)
        try:
            pickler.dump(values)
        except Exception:  # a user's object may raise anything
            return None
        pickler.parts.pop(id(values), None)
        return stream.getvalue(), pickler.parts

    def name(self, value: Any) -> Any:
        """Return the name of what is not to be pickled, None for anything else."""
        if isinstance(value, Field) and self.fields.get(value.name) is value:
            return (FIELD, value.name)
        if isinstance(value, Particles) and self.particles.get(value.name) is value:
            return (PARTICLES, value.name)
        if isinstance(value, Grid) and value in self.grids:
            return ("grids", self.grids.index(value))
        if isinstance(value, np.ndarray):
            found = next((name for name, (array, _) in self.own.items() if array is value), None)
            return None if found is None else (OWN, found)
        if value is self._comm:
            return ("comm", 0)
        if is_framework(value):
            raise pickle.PicklingError(f"{type(value).__name__} is made by setup()")
        return None

    def unpickled(self, data: bytes) -> dict[str, Any]:
        """Return the values of a pickle, with the fields of this experiment in them."""
        values: dict[str, Any] = _Unpickler(io.BytesIO(data), self._object).load()
        return values

    def _object(self, name: Any) -> Any:
        kind, key = name
        groups: dict[str, Any] = {
            FIELD: self.fields,
            PARTICLES: self.particles,
            OWN: vars(self._experiment),
            "grids": self.grids,
            "comm": [self._comm],
        }
        return groups[kind][key]


def bare(data: bytes) -> dict[str, Any]:
    """Return the values of a pickle, with names in the place of what has a name."""
    values: dict[str, Any] = _Unpickler(io.BytesIO(data), lambda name: name).load()
    return values


def _sharing(parts: Mapping[str, dict[int, Any]]) -> Iterator[list[str]]:
    """Yield groups of names whose values have an object in common."""
    groups: list[tuple[list[str], set[int]]] = []
    for name, objects in parts.items():
        near = [group for group in groups if not group[1].isdisjoint(objects)]
        groups = [group for group in groups if group not in near]
        names = [n for group in near for n in group[0]]
        groups.append(([*names, name], set(objects).union(*(group[1] for group in near))))
    return (names for names, _ in groups if len(names) > 1)


class _Pickler(pickle.Pickler):
    """Notes all objects, which it keeps: those that it makes itself must not share an id."""

    def __init__(self, stream: io.BytesIO, name: Callable[[Any], Any]) -> None:
        super().__init__(stream)
        self._name = name
        self.parts: dict[int, Any] = {}

    def persistent_id(self, value: Any) -> Any:
        name = self._name(value)
        if name is None and not isinstance(value, _FIXED) and value is not _EMPTY:
            self.parts[id(value)] = value
        return name


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, find: Callable[[Any], Any]) -> None:
        super().__init__(stream)
        self._find = find

    def persistent_load(self, pid: Any) -> Any:
        return self._find(pid)
