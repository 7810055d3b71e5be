"""What the tests of checkpoints run on ranks: each function does many cases in one start."""

from __future__ import annotations

import resource
from pathlib import Path
from random import Random

import numpy as np

import parcompute as pc
from parcompute.decomposition import Decomposition
from parcompute.errors import ParcomputeError
from parcompute.io import checkpoint
from parcompute.io.blocks import DamagedError, Part
from parcompute.io.checkpoint import Checkpoint

MANIFEST = {"step": 5, "numbers": [1, 2.5, None], "words": {"ä": "ö"}}
STATE = bytes(range(256)) * 3


def arrays():
    """Return arrays of many types and shapes by name, with NaN, infinity and signed zeros."""
    random = np.random.default_rng(7)
    made = {
        "fields/u": random.normal(size=(13, 11)),
        "fields/v": random.normal(size=(5, 7, 6)).astype(np.float32),
        "fields/one": np.array([[[0.1]]]),
        "own/i": random.integers(-9, 9, 17).astype(np.int16),
        "own/flags": random.random((3, 9)) < 0.5,
        "own/z": random.normal(size=(9, 2)) + 1j,
        "own/bytes": random.integers(0, 255, (4, 4, 4)).astype(np.uint8),
        "particles/p/x": np.zeros(0),
        "particles/p/id": np.zeros(0, np.int64),
    }
    made["fields/u"][0, :5] = np.nan, np.inf, -np.inf, -0.0, 5e-324
    return made


def parts_of(comm, whole):
    """Return this rank's parts of arrays; where there are fewer cells than ranks, some have none.

    Values are views that are not contiguous, as the owned cells of a field are.
    """
    parts = []
    for name, array in whole.items():
        box = pc.Box.of_shape(array.shape)
        if min(array.shape) >= comm.Get_size():
            plan = Decomposition.plan(array.shape, comm.Get_size(), (False,) * array.ndim, None)
            box = plan.box(comm.Get_rank())
        elif comm.Get_rank():
            box = pc.Box(array.shape, array.shape)
        padded = np.pad(array[box.slices], 1)
        values = padded[(slice(1, -1),) * array.ndim]
        parts.append(Part(name, array.shape, box, values))
    return parts


def write(comm, folder, step, writer="auto", whole=None):
    """Save `whole`, else `arrays`."""
    path = checkpoint.path_of(folder, step)
    parts = parts_of(comm, arrays() if whole is None else whole)
    state = STATE if comm.Get_rank() == 0 else b"of another rank"
    checkpoint.save(comm, path, parts, MANIFEST, state, writer=writer)


def is_right(found, whole):
    """Return whether all that can be read, in the whole or in parts, has the bits of `whole`."""
    held = {name: found.manifest[name] for name in MANIFEST}
    right = held == MANIFEST and found.state == STATE
    right &= set(found.manifest["arrays"]) == set(whole)
    for name, array in whole.items():
        right &= found.shape(name) == array.shape
        middle = tuple(n // 2 for n in array.shape)
        for box in (pc.Box.of_shape(array.shape), pc.Box(middle, array.shape)):
            got = found.read(name, box)
            right &= got.dtype == array.dtype and got.shape == box.shape
            right &= got.tobytes() == array[box.slices].tobytes()
    return bool(right)


def read(comm, path, whole=None):
    """Return whether a checkpoint holds `whole`, else `arrays`."""
    return is_right(Checkpoint(comm, path), arrays() if whole is None else whole)


def verdict(comm, path, whole):
    """Return "right", "wrong", or what is said to be damaged."""
    try:
        return "right" if is_right(Checkpoint(comm, path), whole) else "wrong"
    except DamagedError as error:
        return str(error)


def flip_bits(comm, folder, count, seed):
    """Flip one bit of a checkpoint at a time; return the bits and the verdicts on them."""
    whole = {name: arrays()[name] for name in ("fields/u", "own/i", "particles/p/x")}
    write(comm, folder, 1, whole=whole)
    data = checkpoint.path_of(folder, 1).read_bytes()
    bits = Random(seed).sample(range(8 * len(data)), count)
    damaged = Path(folder / "flipped.h5")
    verdicts = []
    for bit in bits:
        if comm.Get_rank() == 0:
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            damaged.write_bytes(changed)
            (folder / "bit").write_text(str(bit))  # should HDF5 crash
        comm.Barrier()
        verdicts.append((bit, verdict(comm, damaged, whole)))
        comm.Barrier()
    return verdicts


def damage(comm, folder, files):
    """Return the verdicts on files, as bytes by name."""
    verdicts = {}
    for name, data in files.items():
        if comm.Get_rank() == 0:
            (folder / name).write_bytes(data)
        comm.Barrier()
        verdicts[name] = verdict(comm, folder / name, arrays())
    return verdicts


def fill_the_disk(comm, folder, short):
    """Save where rank `short` cannot write all; return what is said, and what is there then."""
    big = {"fields/u": np.random.default_rng(1).normal(size=(64, 4096))}  # 2 MiB
    write(comm, folder, 1, whole=big)
    write(comm, folder, 2, whole=big)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if comm.Get_rank() == short:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    text = ""
    try:
        write(comm, folder, 3, whole=big)
    except ParcomputeError as error:
        text = str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    comm.Barrier()
    names = sorted(path.name for path in (folder / checkpoint.FOLDER).iterdir())
    sound = [read(comm, path, big) for path in checkpoint.found(folder)]
    write(comm, folder, 4, whole=big)  # there is room again
    return text, names, sound, read(comm, checkpoint.path_of(folder, 4), big)
