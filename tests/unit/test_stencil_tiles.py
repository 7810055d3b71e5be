"""Time tiles of any shape give the bits of plain sweeps on the numpy engine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import parcompute as pc
from parcompute.settings import Settings, use
from parcompute.stencils.sequence import BoundSequence
from parcompute.stencils.shapes import Shape
from tests.unit.random_kernels import (
    FLOATS,
    TIMEOUT,
    Kind,
    by_numpy,
    by_tiles,
    examples,
    program,
    random_shape,
    same,
    whole,
)

pytestmark = [
    pytest.mark.timeout(TIMEOUT),
    pytest.mark.usefixtures("threads_for_few_cells", "stages_of_small_values"),
]
SWEEPS = 6
CLOCK = pc.Clock(1, 0.07)
TYPES = [("float64",), FLOATS, ("float64", "int32", "bool", "float32", "int8", "uint16")]


@settings(**examples(5))
@given(st.randoms(use_true_random=True), st.sampled_from([1, 2, 2, 3]), st.sampled_from(TYPES))
def test_tiles_of_any_shape(compared, random, ndim, dtypes):
    made = program(random, Kind(ndim, calls=2, dtypes=dtypes, sweeps=SWEEPS))
    note(str(made))
    expected, _ = by_numpy(made, SWEEPS, CLOCK)
    for _ in range(8):
        shape, threads = random_shape(random, made, made.shape, SWEEPS), random.choice([1, 2])
        note(f"{shape}, {threads} threads")
        applications = made.bind(pc.serial())
        if by_tiles(applications, shape, threads, SWEEPS, CLOCK):
            assert same(whole(applications), expected)
    compared(made)


@settings(**examples(3))
@given(st.randoms(use_true_random=True), st.integers(1, 3), st.sampled_from(TYPES))
def test_any_depth_and_any_division_over_calls(compared, random, ndim, dtypes):
    kind = Kind(ndim, calls=2, dtypes=dtypes, series=False, custom=random.random() < 0.3)
    made = program(random, kind.reducing(*random.choice([(), ("max", "sum")])))
    note(str(made))
    expected, reduced = by_numpy(made, SWEEPS, CLOCK)
    for depth, threads, cut in ((1, 2, 2), (2, 1, 5), (3, 2, 0), (5, 1, 0)):
        applications = made.bind(pc.serial())
        with use(Settings(time_tile=depth, threads=threads)):
            if cut:
                pc.sweep(applications, sweeps=cut, clock=CLOCK)
            later = pc.Clock(CLOCK.step + cut, CLOCK.dt)
            found = pc.sweep(applications, sweeps=SWEEPS - cut, clock=later)
        assert same(whole(applications), expected), (depth, threads, cut)
        assert repr(found) == repr(reduced)
    compared(made)


def _moving(y, x, t):
    return np.cos(3 * y + x - 5 * t)


@pc.stencil
def from_below(u):
    return 0.5 * u[-2, 0] + 0.25 * u[0, -2] - 0.25 * u[0, 0]


@pc.stencil
def from_above(u):
    return 0.5 * u[2, 0] + 0.25 * u[0, 2] - 0.25 * u[0, 0]


@pc.stencil
def around(u, v):
    return u[0, 0] + 0.1 * (u[-1, 0] + u[1, 1] + u[0, -1] + u[0, 1]) - 0.2 * v[1, -1] * v[-1, 1]


@pc.stencil
def copy(u):
    return 0.9 * u[0, 0] + 0.01


def fields_of(boundaries, at="centre", *, halo=2, periods=False):
    """Return fields of random values."""
    grid = pc.Grid((7, 9), comm=pc.serial(), periods=periods)
    rng = np.random.default_rng(4)
    fields = [
        grid.field(f"f{k}", halo=halo, boundary=boundary, at=at)
        for k, boundary in enumerate(boundaries)
    ]
    for field in fields:
        field[...] = rng.normal(size=(7, 9))
    return fields


def check(build, shapes):
    """Compare tiles with the numpy engine; `build` returns the applications on new fields."""
    reference = build()
    with use(Settings("numpy")):
        pc.sweep(reference, sweeps=SWEEPS, clock=CLOCK)
    for shape in shapes:
        applications = build()
        assert by_tiles(applications, shape, 1, SWEEPS, CLOCK)
        assert same(whole(applications), whole(reference)), shape


SMALL = [Shape(3, (1, 1), 1), Shape(3, (2, 1), 2), Shape(4, (3, 2), 1), Shape(2, (9, 9), 1)]
FACES = ("face", "face")
WALLS = [
    pc.Reflecting(),
    pc.Reflecting("odd"),
    pc.Neumann(1.0),
    pc.Extrapolating(1),
    pc.Robin(2.0, 0.5, 3.0),
    pc.Dirichlet(_moving),
]


@pytest.mark.parametrize("at", ["centre", "face"])
@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: type(wall).__name__)
@pytest.mark.parametrize("stencil", [from_below, from_above], ids=lambda s: s.name)
def test_ghosts_mirror_cells_that_the_stencil_does_not_read(stencil, wall, at):
    check(lambda: [stencil.on(*fields_of([wall], at))], SMALL)


@pytest.mark.parametrize("at", ["centre", "face"])
def test_a_field_is_read_in_two_sweeps_while_its_boundary_moves(at):
    def build():
        u, v = fields_of([pc.Dirichlet(_moving), pc.Robin(2.0, 0.5, _moving)], at)
        return [around.on(u, v), around.on(v, u)]

    check(build, SMALL)


def test_a_field_that_stays_while_its_boundary_moves_is_not_tiled():
    def build():
        u, v = fields_of([pc.Neumann(), pc.Dirichlet(_moving)])
        return [around.on(u, v)]

    assert BoundSequence(build(), Settings(time_tile=3)).tuner is None
    reference, applications = build(), build()
    for engine, run in (("numpy", reference), ("numba", applications)):
        with use(Settings(engine, time_tile=3)):
            pc.sweep(run, sweeps=SWEEPS, clock=CLOCK)
    assert same(whole(applications), whole(reference))


def test_a_boundary_varies_along_a_wall_of_a_field_that_is_never_loaded():
    """Its block is widened, as tiles compute it beyond the block along the periodic axis."""
    wall = pc.Dirichlet(np.linspace(-1.0, 1.0, 9))

    def build():
        u, v = fields_of([[wall, pc.Periodic()]] * 2, periods=[False, True])
        return [copy.on(u, out=v), around.on(u, v), around.on(v, u, out=u)]

    check(build, [shape._replace(depth=2) for shape in SMALL])


def test_results_of_two_types_go_past_the_cache():
    def build():
        grid = pc.Grid((5, 37), comm=pc.serial())
        u, v = (grid.field(f"f{k}", dtype=d) for k, d in enumerate(("float64", "float32")))
        u[...] = v[...] = np.random.default_rng(0).normal(size=(5, 37))
        return [both.on(u, v)]

    check(build, [Shape(2, (5, 20), 4, stream=True), Shape(3, (2, 37), 1, stream=True)])


@pc.stencil
def both(u, v):
    return u[0, 0] + 0.1 * u[0, -1], v[0, 0] + np.float32(0.5) * v[0, 1]


@pc.stencil
def wide_box(u):
    """Read all around, two cells away, and so the corners of walls."""
    near = (
        u[-1, -2] / 3 - u[-2, 1] / 5 + u[2, -1] / 7 - u[1, 2] / 9 + u[1, -2] / 19 - u[-2, -1] / 21
    )
    return 0.3 * u[0, 0] + near + u[-2, -2] / 11 - u[2, 2] / 13 + u[-1, 0] / 15 - u[0, -1] / 17


@pc.stencil
def far_row(u):
    return 0.7 * u[3, 0] + 0.2 * u[0, 0]


@pc.stencil
def lower_right(u):
    return u[-1, 0] - u[0, 1] + u[2, 0] / 3


@pc.stencil
def upper_right(u):
    return 0.7 * u[-1, 1] + 0.2 * u[0, 0]


WHOLE = [Shape(3, (7, 9), 1), Shape(3, (7, 9), 2), Shape(2, (4, 5), 1), Shape(2, (7, 1), 1), *SMALL]


@pytest.mark.parametrize("at", [FACES, ("face", "centre"), ("centre", "face")], ids=str)
@pytest.mark.parametrize("low", [pc.Dirichlet(-1.0), pc.Neumann(1.0)], ids=repr)
def test_corners_of_walls_with_values_of_their_own(low, at):
    across = (low, pc.Dirichlet(2.0))
    walls = [(pc.Dirichlet(1.0), pc.Robin(2.0, 0.5, 3.0)), across]
    check(lambda: [wide_box.on(*fields_of([walls], at))], WHOLE)


def test_ghosts_are_made_of_values_on_other_walls():
    walls = [(pc.Dirichlet(1.0), pc.Neumann(2.0)), pc.Neumann(-1.0)]
    check(lambda: [upper_right.on(*fields_of([walls], FACES))], WHOLE)


def test_two_stencils_read_a_field_with_faces_on_walls():
    def build():
        walls = [pc.Dirichlet(1.0), (pc.Dirichlet(-1.0), pc.Neumann(1.0))]
        u, v, w = fields_of([walls] * 3, FACES)
        return [around.on(u, v), wide_box.on(u, out=v), lower_right.on(u, out=w)]

    check(build, WHOLE)


@pytest.mark.parametrize("at", ["centre", "face"])
@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: type(wall).__name__)
def test_rows_are_kept_while_ghosts_are_made_of_them(wall, at):
    check(lambda: [far_row.on(*fields_of([wall], at, halo=3))], WHOLE)
