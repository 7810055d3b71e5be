"""Stages: what several cells need is computed once, with the bits of the formula."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import parcompute as pc
from parcompute.settings import Settings, use
from parcompute.stencils.expression import in_order
from parcompute.stencils.sequence import BoundSequence
from parcompute.stencils.stages import split
from tests.unit.random_kernels import FLOATS, Kind, examples, program, same, whole


def conductivity(a, b):
    return 2.0 * a * b / (a + b)


@pc.stencil
def conduct(u, k, *, c):
    """Heat conduction with harmonic means at faces."""
    north, south = [conductivity(k[y - 1, 0], k[y, 0]) * (u[y, 0] - u[y - 1, 0]) for y in (1, 0)]
    east, west = [conductivity(k[0, x - 1], k[0, x]) * (u[0, x] - u[0, x - 1]) for x in (1, 0)]
    return u[0, 0] + c * (north - south + east - west)


def root(u, y, x):
    return np.sqrt(1.0 + u[y, x] * u[y, x]) / (2.0 + abs(u[y, x]))


def flux(u, dy, dx, y, x):
    low, high = root(u, y, x), root(u, y + dy, x + dx)
    return (high - low) / (high + low) + low / (1.0 + high)


@pc.stencil
def curvature(u):
    """Two levels: gradients of roots, and their fluxes."""
    return flux(u, 1, 0, 0, 0) - flux(u, 1, 0, -1, 0) + flux(u, 0, 1, 0, 0) - flux(u, 0, 1, 0, -1)


@pc.stencil
def cheap(u):
    return 0.25 * (u[1, 0] - u[0, 0]) - 0.25 * (u[0, 0] - u[-1, 0])


@pc.stencil
def placed(u):
    high, low = [np.sqrt(abs(u[0, x]) + pc.position(1)) / (1.0 + pc.position(1)) for x in (1, 0)]
    return high - low


@pc.stencil
def only_reduced(u, k):
    flow = [conductivity(k[0, x - 1], k[0, x]) * (u[0, x] - u[0, x - 1]) for x in (0, 1)]
    return pc.reduce_max(abs(flow[1] - flow[0])), pc.reduce_sum(flow[0])


def field_of(grid, name, **options):
    field = grid.field(name, **options)
    rng = np.random.default_rng(len(name))
    field[...] = rng.uniform(0.5, 1.5, grid.shape_global)
    return field


def stages_of(stencil, ndim=2):
    grid = pc.Grid((12,) * ndim, comm=pc.serial())
    fields = [grid.field(name, halo=2) for name in stencil.field_names]
    scalars = dict.fromkeys(stencil.scalar_names, 0.5)
    return split(stencil.typed(stencil.on(*fields, **scalars)))


def count(stages, kind):
    """Return how many operations of a kind all loops have together."""
    return sum(n.kind == kind for s in stages for n in in_order(s.typed.formula.roots))


def test_a_flux_is_computed_once_for_the_cells_on_its_sides():
    along_x, along_y, last = stages_of(conduct)
    assert count([along_x, along_y, last], "div") == 2
    sides = [np.array(stage.beyond).sum(axis=0).tolist() for stage in (along_x, along_y)]
    assert sorted(sides) == [[0, 1], [1, 0]]  # one cell beyond, along its own axis
    assert not last.makes
    assert set(last.typed.formula.fields) == {"u", *along_x.makes, *along_y.makes}


def test_values_are_made_of_values():
    stages = stages_of(curvature)
    assert count(stages, "sqrt") == 1
    assert count(stages, "div") == 1 + 2 * 2
    assert [len(stage.makes) for stage in stages] == [1, 1, 1, 0]


@pytest.mark.parametrize("stencil", [cheap, placed], ids=lambda s: s.name)
def test_what_costs_little_or_depends_on_the_place_is_not_kept(stencil):
    (stage,) = stages_of(stencil)
    assert not stage.makes


WALLS = [
    pc.Dirichlet(1.0),
    pc.Neumann(-0.5),
    pc.Reflecting("odd"),
    pc.Extrapolating(1),
    pc.Periodic(),
]


@pytest.mark.parametrize("tile", [1, 2, 3])
@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: type(wall).__name__)
def test_beyond_walls_values_are_made_of_ghosts(wall, tile):
    found = []
    periodic = isinstance(wall, pc.Periodic)
    for engine in ("numpy", "numba"):
        grid = pc.Grid((9, 21), comm=pc.serial(), periods=periodic)
        u, k = (field_of(grid, name, halo=2, boundary=wall) for name in ("u", "kk"))
        with use(Settings(engine, time_tile=tile)):
            conduct(u, k, c=0.01, sweeps=5)
            curvature(u, out=k, sweeps=2)
        found.append((u[...].tobytes(), k[...].tobytes()))
    assert found[0] == found[1]


def test_a_stencil_that_only_reduces_has_stages():
    assert len(stages_of(only_reduced)) > 1
    grid = pc.Grid((9, 21), comm=pc.serial())
    u, k = (field_of(grid, name) for name in ("u", "kk"))
    found = only_reduced(u, k)
    with use(Settings("numpy")):
        assert only_reduced(u, k) == found


@settings(**examples(8))
@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from([("float64",), FLOATS]))
def test_no_stage_reads_farther_than_the_formula(stages_of_small_values, seed, ndim, dtypes):
    made = program(Random(seed), Kind(ndim, calls=1, dtypes=dtypes, sweeps=1))
    note(str(made))
    applications = made.bind(pc.serial())
    bound = BoundSequence(applications, Settings(time_tile=1))
    assert bound.compiled is not None
    ((stencil,), (application,)) = made.stencils, applications
    reaches = {}
    for field, reach in zip(application.fields, stencil.reaches(ndim), strict=True):
        pair = reaches.setdefault(field, reach)
        reaches[field] = tuple(tuple(map(max, a, b)) for a, b in zip(pair, reach, strict=True))
    for number, load in bound.plan(1).load.items():
        most = reaches[bound.compiled.fields[number]]
        assert np.all(np.array(load) <= np.array(most))


def root3(u, z, y, x):
    return np.sqrt(1.0 + u[z, y, x] * u[z, y, x])


def flux3(low, high):
    return (high - low) / (high + low) + low / (1.0 + high)


ZERO, UNIT = (0, 0, 0), ((1, 0, 0), (0, 1, 0), (0, 0, 1))
FACES = [pair for unit in UNIT for pair in ((ZERO, unit), (tuple(-step for step in unit), ZERO))]


def test_a_grid_in_three_dimensions():
    @pc.stencil
    def three(u):
        flows = [flux3(root3(u, *low), root3(u, *high)) for low, high in FACES]
        return u[0, 0, 0] + 0.1 * (flows[0] - flows[1] + flows[2] - flows[3] + flows[4] - flows[5])

    assert count(stages_of(three, 3), "sqrt") == 1
    answers = []
    for engine, tile in (("numpy", 1), ("numba", 1), ("numba", 2)):
        grid = pc.Grid((5, 6, 19), comm=pc.serial(), periods=(True, False, False))
        application = three.on(field_of(grid, "u", boundary=[pc.Periodic(), WALLS[1], WALLS[2]]))
        with use(Settings(engine, time_tile=tile, threads=2)):
            pc.sweep([application], sweeps=4)
        answers.append(whole([application]))
    assert same(answers[0], answers[1])
    assert same(answers[0], answers[2])
