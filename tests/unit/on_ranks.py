"""What the tests run on ranks: each function does many cases in one start of the processes."""

from __future__ import annotations

from math import prod
from random import Random
from unittest.mock import patch

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from parcompute.stencils import repeats
from tests.unit import kernels
from tests.unit.padding import padded
from tests.unit.random_kernels import (
    FLOATS,
    Kind,
    by_numpy,
    by_tiles,
    program,
    random_shape,
    same,
    whole,
)

WALLS = [pc.Dirichlet(1.5), pc.Neumann(-2.0), pc.Reflecting()]


def _wave(*coordinates, t):
    return np.cos(sum((k + 1) * x for k, x in enumerate(coordinates)) - t)


def _double(ghost, inner, t):
    ghost[...] = 2 * inner[: len(ghost)] + t


# one of each kind; those that vary are made for every wall
EVERY = [
    *WALLS,
    pc.Reflecting("odd"),
    pc.Extrapolating(),
    pc.Extrapolating(1),
    pc.Fixed(0.5),
    pc.Robin(2.0, 0.5, 3.0),
    pc.Robin(2.0, 0.5, _wave),
    pc.Dirichlet(_wave),
    pc.Custom(_double),
]


def dims_of(size, ndim):
    """Return every way to put `size` ranks on `ndim` axes."""
    if ndim == 1:
        return [(size,)]
    return [
        (first, *rest)
        for first in range(1, size + 1)
        if size % first == 0
        for rest in dims_of(size // first, ndim - 1)
    ]


def exchange_like_numpy_pad(comm, count):
    """Exchange random fields and compare each block with the padded global array."""
    rng = np.random.default_rng(comm.Get_size())
    for _ in range(count):
        ndim = int(rng.integers(1, 4))
        every = dims_of(comm.Get_size(), ndim)
        dims = every[rng.integers(len(every))]
        halo = tuple(map(int, rng.integers(0, 4, ndim)))
        shape = tuple(d * max(1, w) + int(rng.integers(4)) for d, w in zip(dims, halo, strict=True))
        sides = [_sides(rng) for _ in shape]
        _exchange(comm, rng.normal(size=shape), dims, halo, sides, corners=rng.random() < 0.7)
    return count


def _sides(rng):
    if rng.random() < 0.4:
        return None
    low, high = rng.integers(len(WALLS), size=2)
    return WALLS[low], WALLS[high]


def _exchange(comm, whole, dims, halo, sides, *, corners):
    grid = pc.Grid(whole.shape, comm=comm, dims=dims, periods=[pair is None for pair in sides])
    spec = [pc.Periodic() if pair is None else pair for pair in sides]
    u = grid.field("u", halo=halo, boundary=spec)
    u.owned[...] = whole[grid.box.slices]
    for _ in range(2):  # persistent requests are used again
        u.exchange(corners=corners)
    window = padded(whole, halo, sides, grid.spacing)[
        grid.box.grow((0,) * grid.ndim, tuple(2 * w for w in halo)).slices
    ]
    outside = np.zeros(u.padded.shape, int)
    for axis, (n, w) in enumerate(zip(u.padded.shape, halo, strict=True)):
        line = (np.arange(n) < w) | (np.arange(n) >= n - w)
        outside += line.reshape((-1, *(1,) * (grid.ndim - 1 - axis)))
    chosen = slice(None) if corners else outside <= 1
    np.testing.assert_array_equal(u.padded[chosen], window[chosen])


def boundaries_like_one_rank(comm, count):
    """Fill the ghosts of every boundary, at centres and faces, and compare with one rank's bits."""
    rng = np.random.default_rng(comm.Get_size())
    for _ in range(count):
        ndim = int(rng.integers(1, 4))
        every = dims_of(comm.Get_size(), ndim)
        dims = every[rng.integers(len(every))]
        halo = tuple(map(int, rng.integers(0, 4, ndim)))
        shape = tuple(
            d * max(2, w + 1) + int(rng.integers(4)) for d, w in zip(dims, halo, strict=True)
        )
        spec = [_two_of_every(rng, shape, axis) for axis in range(ndim)]
        options = {
            "halo": halo,
            "boundary": spec,
            "at": tuple(str(a) for a in rng.choice(["centre", "face"], ndim)),
            "dtype": rng.choice([np.float32, np.float64]),
        }
        _compare(comm, rng.normal(size=shape), dims, options)
    return count


def _two_of_every(rng, shape, axis):
    if rng.random() < 0.3:
        return pc.Periodic()
    across = rng.normal(size=[n for a, n in enumerate(shape) if a != axis])
    walls = [*EVERY, pc.Neumann(across), pc.Dirichlet(across)]
    low, high = rng.integers(len(walls), size=2)
    return walls[low], walls[high]


def _compare(comm, whole, dims, options):
    periods = [isinstance(b, pc.Periodic) for b in options["boundary"]]
    extent = [(0.0, 1.0), (2.0, -1.0), (0.0, 3.0)][: whole.ndim]
    blocks = []
    for ranks, split in ((pc.serial(), None), (comm, dims)):
        grid = pc.Grid(whole.shape, extent, comm=ranks, dims=split, periods=periods)
        u = grid.field("u", **options)
        for time in (0.25, 0.75):
            u.owned[...] = whole[grid.box.slices]
            u.exchange(time=time)
        blocks.append(u.padded)
    window = blocks[0][grid.box.grow((0,) * grid.ndim, tuple(2 * w for w in u.halo)).slices]
    assert window.tobytes() == blocks[1].tobytes(), (options, whole.shape, dims)


def widened(comm):
    """Widen a field on ranks; return whether its ghosts and halos hold the same as before."""
    size = comm.Get_size()
    grid = pc.Grid((4 * size + 1, 5), comm=comm, dims=(size, 1))
    u = grid.field("u", at=("face", "centre"), boundary=pc.Dirichlet(_wave))
    u.fill(lambda y, x: np.sin(y) + x)
    u.exchange()
    before = u.padded.copy()
    u.widen((3, 1))
    u.exchange()
    same = np.array_equal(u.padded[2:-2], before)
    if size > 1:  # a halo may not reach the face that the boundary sets
        with pytest.raises(pc.ConfigError, match="needs 5 owned cells across it"):
            u.widen((4, 1))
    return same and u.depth == (1, 1) and u.halo == (3, 1)


def index_like_numpy(comm, count):
    """Get and set random parts of fields by global index, and compare with the whole array."""
    rng = np.random.default_rng(7)  # all ranks choose the same
    for _ in range(count):
        shape = tuple(map(int, rng.integers(comm.Get_size(), 10, rng.integers(1, 4))))
        u = pc.Grid(shape, comm=comm).field("u")
        whole = rng.normal(size=shape)
        u[...] = whole
        for _ in range(4):
            key = _key(rng, shape)
            np.testing.assert_array_equal(u[key], whole[key])
            value = rng.normal(size=whole[key].shape)
            u[key] = whole[key] = value
            np.testing.assert_array_equal(u.owned, whole[u.grid.box.slices])
    return count


def _key(rng, shape):
    keys = []
    for n in shape:
        if rng.random() < 0.3:
            keys.append(int(rng.integers(-n, n)))
        else:
            bounds = [
                None if rng.random() < 0.3 else int(b) for b in rng.integers(-n - 2, n + 3, 2)
            ]
            keys.append(slice(*bounds, int(rng.choice([-3, -2, -1, 1, 2, 3]))))
    cut = int(rng.integers(len(keys) + 1))
    if rng.random() < 0.5:  # an ellipsis for the axes after `cut`
        keys[cut:] = [...]
    return tuple(keys)


def scatter_and_gather(comm):
    """Move whole arrays from and to each rank; wrong shapes raise on all."""
    size, rank = comm.Get_size(), comm.Get_rank()
    for root in range(size):
        for dtype in (np.float64, np.float32, np.int16, np.bool_):
            u = pc.Grid((size + 4, 5, 3), comm=comm).field("u", dtype=dtype)
            whole = (np.random.default_rng(root).normal(size=u.shape_global) * 5).astype(dtype)
            u.scatter(whole[::-1][::-1] if rank == root else None, root)
            np.testing.assert_array_equal(u.owned, whole[u.grid.box.slices])
            back = u.gather(root)
            assert (back is None) == (rank != root)
            if back is not None:
                assert back.dtype == dtype
                np.testing.assert_array_equal(back, whole)
    for wrong in (np.zeros((4, 5, 3)), np.zeros(7), None):
        with pytest.raises(pc.ConfigError, match="expected an array of shape"):
            u.scatter(wrong if rank == 0 else None)
    return size


def reductions(comm):
    """Return all reductions of fields of several types, as bytes."""
    results = []
    for dtype in (np.float64, np.float32, np.int32, np.uint8):
        u = pc.Grid((11, 13), comm=comm).field("u", dtype=dtype)
        values = np.random.default_rng(5).normal(size=(11, 13)) * 50
        u[...] = (abs(values) if dtype is np.uint8 else values).astype(dtype)
        results += [u.sum(), u.mean(), u.norm(), u.min(), u.max()]
    v = u.grid.field("v")
    v[7, 3] = np.nan
    results += [v.sum(), v.mean(), v.norm(), v.min(), v.max()]
    return np.array(results, float).tobytes()


def many_arrays(comm):
    """Exchange more arrays than the exchanger keeps, twice; return whether all halos are right."""
    grid = pc.Grid((8, 6), comm=comm, periods=True)
    u = grid.field("u", halo=1)
    exchanger = grid.exchanger(u.halo, corners=True)
    u.fill(lambda y, x: np.cos(2 * np.pi * y) + x)
    exchanger.exchange(u.padded)
    arrays = [np.zeros_like(u.padded) for _ in range(20)]
    for factor in (1.0, 2.0):
        for k, array in enumerate(arrays):
            array[u.owned_box.slices] = (factor + k) * u.owned
            exchanger.exchange(array)
            if not np.array_equal(array, (factor + k) * u.padded):
                return False
    return True


def misuse(comm):
    """Start twice, finish without start; return the messages."""
    grid = pc.Grid((8,), comm=comm, periods=True)
    u = grid.field("u")
    exchanger = grid.exchanger((1,), corners=False)
    messages = [_raised(exchanger.finish)]
    exchanger.start(u.padded)
    messages.append(_raised(exchanger.start, u.padded))
    exchanger.finish()
    return [*messages, _raised(exchanger.finish)]


def _raised(function, *args):
    with pytest.raises(RuntimeError) as raised:
        function(*args)
    return str(raised.value)


STENCIL_CASES = [
    (kernels.upwind, (23,), (True,)),
    (kernels.wide, (29,), (False,)),
    (kernels.diffuse, (17, 19), (False, False)),
    (kernels.diffuse, (17, 19), (True, True)),
    (kernels.box, (17, 19), (False, True)),
    (kernels.box, (17, 19), (False, False)),
    (kernels.lopsided, (17, 19), (True, False)),
    (kernels.wave, (17, 19), (False, True)),
    (kernels.react, (17, 19), (True, True)),
    (kernels.cross, (17, 19), (False, True)),
    (kernels.flux, (17, 19), (False, False)),
    (kernels.choose, (17, 19), (True, False)),
    (kernels.diffuse_blocks, (17, 19), (True, False)),
    (kernels.seven, (7, 11, 13), (False, True, False)),
    (kernels.diagonal, (7, 11, 13), (True, False, True)),
    (kernels.diagonal, (7, 11, 13), (False, False, False)),
]


def stencils(comm, engine="numba"):
    """Run every stencil case on every split of the axes.

    Returns
    -------
    list of (int, tuple of int, bytes)
        On rank 0: number of the case, dims, and the fields after four sweeps.
    """
    results = []
    with use(Settings(engine=engine)):
        for number, (stencil, shape, periods) in enumerate(STENCIL_CASES):
            for dims in dims_of(comm.Get_size(), len(shape)):
                fields = _run(comm, stencil, shape, periods, dims)
                wholes = [field.gather() for field in fields]
                if comm.Get_rank() == 0:
                    results.append((number, dims, b"".join(w.tobytes() for w in wholes)))
    return results


def stencils_in_parts(comm, first):
    """Let the `first` ranks run every stencil case together, and so do the others."""
    return stencils(comm.Split(comm.Get_rank() < first))


def _run(comm, stencil, shape, periods, dims):
    grid = pc.Grid(shape, comm=comm, periods=periods, dims=dims)
    rng = np.random.default_rng(prod(shape))
    fields = []
    for k, radius in enumerate(stencil.radii(len(shape))):
        fields.append(grid.field(f"f{k}", halo=radius, boundary=WALLS[k % 3]))
        fields[-1][...] = rng.normal(size=shape)
    stencil(*fields, sweeps=4, **kernels.scalars(stencil))
    return fields


def random_programs(comm, seeds):
    """Run random programs on every split of the axes, in every way; every other one in stages.

    Returns
    -------
    list
        On rank 0: seed, dims, how, and whether all fields have the bits of one rank's numpy engine.
    """
    found = []
    for seed in seeds:
        random = Random(seed)
        ndim = random.choice([1, 2, 2, 3])
        kind = Kind(ndim, calls=2, dtypes=FLOATS, series=False, custom=seed % 3 == 0, cells=(4, 9))
        made = program(random, kind.reducing("max", "sum"))
        expected = by_numpy(made, _SWEEPS, _CLOCK) if comm.Get_rank() == 0 else None
        for dims in dims_of(comm.Get_size(), ndim):
            for how in _WAYS:
                with patch.object(repeats, "LEAST", -99 if seed % 2 else repeats.LEAST):
                    values = _in_a_way(how, comm, made, dims, random)
                if values is not None and expected is not None:
                    equal = same(values[0], expected[0]) and values[1] in (None, expected[1])
                    found.append((seed, dims, how, equal))
    return found


_SWEEPS, _CLOCK = 5, pc.Clock(2, 0.07)
_WAYS = {
    "numpy": Settings(engine="numpy"),
    "plain": Settings(time_tile=1, threads=2),
    "three": Settings(time_tile=3),
    "shapes": None,
}


def _in_a_way(how, comm, made, dims, random):
    """Return all fields and what is reduced; None if the blocks are too small."""
    smallest = [n // d for n, d in zip(made.shape, dims, strict=True)]
    shape = random_shape(random, made, smallest, 3)
    try:
        applications = made.bind(comm, dims)
    except pc.ConfigError:
        return None
    if how == "shapes":
        done = by_tiles(applications, shape, 1, _SWEEPS, _CLOCK)
        return (whole(applications), None) if done else None
    with use(_WAYS[how]), np.errstate(all="ignore"):
        pc.sweep(applications, sweeps=2, clock=_CLOCK)
        later = pc.Clock(_CLOCK.step + 2, _CLOCK.dt)
        reduced = pc.sweep(applications, sweeps=_SWEEPS - 2, clock=later)
    return whole(applications), reduced


def reduced_by_stencils(comm):
    """Return the extremes and sums of numbers of every size on both engines, as bytes."""
    u = pc.Grid((7, 30), comm=comm).field("u")
    rng = np.random.default_rng(3)
    numbers = rng.choice([-1.0, 1.0], (7, 30)) * 10.0 ** rng.integers(-323, 308, (7, 30))
    found = []
    for special in ([], [5e-324, 1e308, -1e308], [-0.0], [np.inf], [np.inf, np.nan], [-np.inf]):
        numbers[3, 4 : 4 + len(special)] = special
        u[...] = numbers
        for engine in ("numpy", "numba"):
            with use(Settings(engine, threads=2)):
                found.append(kernels.reduce_all(u))
    return np.array(found).tobytes()


def diffuse_once(comm):
    """Return whether Numba was imported, and the field after a step."""
    import sys

    u = pc.Grid((12, 12), comm=comm).field("u")
    u.fill(lambda y, x: np.sin(y) * np.cos(x))
    kernels.diffuse(u, r=0.2)
    return u[...].tobytes(), "numba" in sys.modules


def elementary_functions(comm):
    """Return values of the elementary functions in both precisions, and whether Numba is here."""
    import sys

    parts = []
    for dtype in (np.float32, np.float64):
        u = pc.Grid((50,), comm=comm).field("u", dtype=dtype)
        u.fill(lambda x: 0.01 + x / 45)
        kernels.elementary(u)
        parts.append(u[...].tobytes())
    return b"".join(parts), "numba" in sys.modules
