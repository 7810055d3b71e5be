"""What a checkpoint holds of an experiment, and how it is put back.

Fields and particles are held as arrays of the whole, as are the experiment's own arrays that have
the shape of the rank's block. Every other attribute that Python can pickle is held as it is; fields
and grids that it refers to are held by name, and what several share they share again. What cannot
be pickled, such as a stencil bound to its fields, is what `setup` makes it, as are views of fields
and of own arrays.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.decomposition import block
from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.io.blocks import Part
from parcompute.io.checkpoint import Checkpoint
from parcompute.particles import Particles
from parcompute.run.experiment import Experiment
from parcompute.run.pickles import FIELD, OWN, PARTICLES, Known, Pickles, bare, is_framework

_OURS = ("steps", "steps_done")  # the driver sets these


@dataclass(frozen=True)
class State:
    """Everything that an experiment has.

    Attributes
    ----------
    parts : list of Part
        Arrays that are spread over the ranks.
    attributes : bytes
        The others, on rank 0.
    left_out : list of str
        Attributes that cannot be held.
    """

    parts: list[Part]
    attributes: bytes
    left_out: list[str]


def copied(experiment: Experiment) -> dict[str, Any]:
    """Return copies of all attributes that can be copied."""
    copies = {}
    for name, value in vars(experiment).items():
        with suppress(Exception):  # a user's object may raise anything
            copies[name] = deepcopy(value)
    return copies


def unchanged(experiment: Experiment, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the attributes `before` that are the same now."""
    return {
        name: value
        for name, value in before.items()
        if _is_unchanged(name, value, vars(experiment))
    }


def capture(comm: Communicator, experiment: Experiment, initial: Mapping[str, Any]) -> State:
    """Return the state of `experiment`; collective.

    Parameters
    ----------
    initial : mapping
        Parameters that `setup` left as they were: what is still equal to them is not state.
    """
    known = Known(comm, experiment)
    parts = [
        *(_field_part(field) for field in known.fields.values()),
        *(_own_part(name, array, grid) for name, (array, grid) in known.own.items()),
        *(part for particles in known.particles.values() for part in _particle_parts(particles)),
    ]
    values = {
        name: value
        for name, value in vars(experiment).items()
        if not (name in known.own or name in _OURS or _is_unchanged(name, value, initial))
        and (isinstance(value, Field | Grid | Particles) or not is_framework(value))
        and not known.is_view(value)
    }
    pickles, left_out = known.pickled(values)
    shared, differing = _compared(comm, pickles)
    return State(parts, pickle.dumps((shared, differing, comm.Get_size())), left_out)


def _is_unchanged(name: str, value: Any, initial: Mapping[str, Any]) -> bool:
    try:
        return name in initial and _equal(value, initial[name])
    except Exception:  # comparing a user's objects may raise anything
        return False


def _field_part(field: Field) -> Part:
    return Part(f"{FIELD}/{field.name}", field.shape_global, field.grid.box, field.owned)


def _own_part(name: str, array: NDArray[Any], grid: Grid) -> Part:
    return Part(f"{OWN}/{name}", grid.shape_global, grid.box, array)


def _particle_parts(particles: Particles) -> Iterator[Part]:
    counts = particles.comm.allgather(len(particles))
    begin = sum(counts[: particles.comm.Get_rank()])
    for column, array in particles.columns.items():
        box = Box((begin,), (begin + len(array),))
        yield Part(f"{PARTICLES}/{particles.name}/{column}", (sum(counts),), box, array)


def _compared(comm: Communicator, pickles: Pickles) -> tuple[Pickles, dict[str, list[bytes]]]:
    """Return, on rank 0, what is the same on all ranks, and what differs with the value of each."""
    first: Pickles = comm.bcast(pickles)
    mine = [name for name in {**first, **pickles} if pickles.get(name) != first.get(name)]
    names: list[str] = comm.allreduce(mine, op=lambda a, b: list(dict.fromkeys([*a, *b])))
    each = comm.gather({name: pickles[name] for name in names if name in pickles})
    differing: dict[str, list[bytes]] = {}
    if each is None:
        return {}, differing
    for name in names:
        values = [of_rank[name] for of_rank in each if name in of_rank]
        if len(values) < len(each) or not _all_equal(values):
            differing[name] = [of_rank.get(name, b"") for of_rank in each]
    return {name: data for name, data in first.items() if name not in differing}, differing


def _all_equal(pickles: list[bytes]) -> bool:
    """Return whether values are equal though their pickles are not (a set, say)."""
    try:
        first, *others = map(bare, pickles)
        return all(_equal(first[name], other[name]) for other in others for name in first)
    except Exception:  # comparing a user's objects may raise anything
        return False


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and _same_values(a, b)
    return type(a) is type(b) and bool(a == b or (a != a and b != b))


def _same_values(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def restore(comm: Communicator, experiment: Experiment, checkpoint: Checkpoint) -> None:
    """Put the state of a checkpoint into an experiment that has been set up; collective.

    Raises
    ------
    ConfigError
        On every rank, if the checkpoint does not suit the experiment, or holds values that differ
        from rank to rank and there is another number of ranks.
    """
    known = Known(comm, experiment)
    _check(checkpoint, known)
    values = {}
    for name in checkpoint.manifest["arrays"]:
        kind, _, rest = name.partition("/")
        if kind == OWN:
            now = getattr(experiment, rest, None)
            values[rest] = checkpoint.read(name, _box_of(now, checkpoint.shape(name), known.grids))
    for name, value in values.items():
        _assign(experiment, name, value)
    shared, differing, size = pickle.loads(checkpoint.state)
    if differing and size != comm.Get_size():
        raise ConfigError(
            f"The attributes {', '.join(differing)} of the experiment differ from rank to rank, so "
            f"that the run can go on with {size} ranks only, not {comm.Get_size()}: set "
            f"backend.ranks={size}, or hold such values in fields."
        )
    rank = comm.Get_rank()
    mine = {name: data[rank] for name, data in differing.items() if data[rank]}
    for data in {**shared, **mine}.values():
        for name, value in known.unpickled(data).items():
            values[name] = value
            _assign(experiment, name, value)
    for field in known.fields.values():
        field.owned[...] = checkpoint.read(f"{FIELD}/{field.name}", field.grid.box)
    for particles in known.particles.values():
        _restore_particles(checkpoint, particles)
    _part_again(experiment, values)


def _check(checkpoint: Checkpoint, known: Known) -> None:
    """Raise ConfigError if fields and particles are not those of the checkpoint."""
    made: dict[str, list[Any]] = {
        f"{FIELD}/{name}": [list(field.shape_global), str(field.dtype)]
        for name, field in known.fields.items()
    }
    for name, particles in known.particles.items():
        made |= {f"{PARTICLES}/{name}/{column}": [] for column in particles.columns}
    held = {
        name: [list(checkpoint.shape(name)), checkpoint.dtype(name)]
        if name.startswith(f"{FIELD}/")
        else []
        for name in checkpoint.manifest["arrays"]
        if not name.startswith(f"{OWN}/")
    }
    for name in {**held, **made}:
        if held.get(name) != made.get(name):
            there, here = (
                " ".join(map(str, (name, *of[name]))) if name in of else f"no {name}"
                for of in (held, made)
            )
            raise ConfigError(
                f"The checkpoint has {there}, but setup() of the experiment makes {here}: all "
                f"fields and particles must be made in setup(), as when the run began."
            )


def _box_of(now: Any, shape: Index, grids: list[Grid]) -> Box:
    """Return what an own array is to have of the whole.

    A table that every rank has may look like a block on one number of ranks: `setup` makes it
    the same everywhere, and its values are those of rank 0.
    """
    grid = next((grid for grid in grids if grid.shape_global == shape), None)
    if isinstance(now, np.ndarray) and (grid is None or now.shape != grid.shape_local):
        return Box.of_shape(now.shape)
    return Box.of_shape(shape) if grid is None else grid.box


def _assign(experiment: Experiment, name: str, value: Any) -> None:
    """Set an attribute; an array keeps its memory, which other attributes may be views of."""
    now = getattr(experiment, name, None)
    if (
        isinstance(now, np.ndarray)
        and isinstance(value, np.ndarray)
        and (now.shape, now.dtype) == (value.shape, value.dtype)
        and now.flags.writeable
    ):
        now[...] = value
    else:
        setattr(experiment, name, value)


def _part_again(experiment: Experiment, values: Mapping[str, Any]) -> None:
    """Give arrays memory of their own that share it after `setup`, but did not when saved."""
    for name, value in values.items():
        if isinstance(value, np.ndarray) and not _same_values(getattr(experiment, name), value):
            setattr(experiment, name, value)


def _restore_particles(checkpoint: Checkpoint, particles: Particles) -> None:
    """Give each rank an equal share; the experiment moves them on as it would after any step."""
    comm = particles.comm
    names = {column: f"{PARTICLES}/{particles.name}/{column}" for column in particles.columns}
    (total,) = checkpoint.shape(next(iter(names.values())))
    box = Box(*((bound,) for bound in block(comm.Get_rank(), comm.Get_size(), total)))
    particles.set(**{column: checkpoint.read(name, box) for column, name in names.items()})
