"""Fields on faces: positions, walls that carry a face, and offsets between staggered fields."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parcompute as pc
from tests.unit.padding import by_layers, padded
from tests.unit.test_boundary import INEXACT, WALLS, varying, wave


def field(shape, *, at, boundary, halo=1, extent=None, periods=False, **options):
    """Return a field of random values on one rank."""
    grid = pc.Grid(shape, extent, comm=pc.serial(), periods=periods)
    u = grid.field("u", halo=halo, boundary=boundary, at=at, **options)
    u[...] = np.random.default_rng(1).normal(size=shape)
    return u


def test_faces_are_the_lower_faces_of_cells():
    grid = pc.Grid((4, 3), [(0.0, 2.0), (3.0, 0.0)], comm=pc.serial())
    y, x = grid.coordinates_local(at=("face", "centre"))
    assert (y.shape, x.shape) == ((4, 1), (3,))
    assert y[:, 0].tolist() == [0.0, 0.5, 1.0, 1.5]
    assert x.tolist() == [2.5, 1.5, 0.5]
    assert grid.coordinates_global(1, at="face").tolist() == [3.0, 2.0, 1.0]
    vy = grid.field("vy", at=("face", "centre"))
    assert vy.at == ("face", "centre")
    vy.fill(lambda y, x: 10 * y + x)
    np.testing.assert_array_equal(vy.owned, 10 * y + x)
    np.testing.assert_array_equal(vy.coordinates_local()[0], y)
    np.testing.assert_array_equal(vy.coordinates_global(1), x)


def test_an_edge_is_a_face_along_two_axes():
    grid = pc.Grid((4, 3), comm=pc.serial())
    assert grid.field("vorticity", at="edge").at == ("face", "face")
    assert grid.field("u").at == ("centre", "centre")


@pytest.mark.parametrize("at", ["corner", ("face",), ("face", "centre", "centre"), ("face", 1)])
def test_other_places_are_refused(at):
    with pytest.raises(pc.ConfigError, match="'centre' or 'face' for each of 2 axes, got"):
        pc.Grid((4, 3), comm=pc.serial()).field("u", at=at)


def test_the_faces_on_the_walls_of_every_boundary():
    """One axis, h = 1/2: the padded block from two faces below the low wall to one above."""
    cases = {
        pc.Dirichlet(3.0): [1.0, 4.0, 3.0, 2.0, 5.0, 4.0, 3.0, 2.0],
        pc.Fixed(3.0): [3.0, 3.0, 3.0, 2.0, 5.0, 4.0, 3.0, 3.0],
        pc.Reflecting("odd"): [-5.0, -2.0, 0.0, 2.0, 5.0, 4.0, 0.0, -4.0],
        pc.Reflecting(): [5.0, 2.0, 7.0, 2.0, 5.0, 4.0, 11 / 3, 4.0],
        pc.Neumann(3.0): [11.0, 5.0, 7.0, 2.0, 5.0, 4.0, 14 / 3, 7.0],
        pc.Extrapolating(0): [7.0, 7.0, 7.0, 2.0, 5.0, 4.0, 4.0, 4.0],
        pc.Extrapolating(1): [17.0, 12.0, 7.0, 2.0, 5.0, 4.0, 3.0, 2.0],
        # u + du/dn = 2; on the high wall u + (3 u - 16 + 5) = 2
        pc.Robin(1.0, 1.0, 2.0): [5.0 - 10.0, 2.0 - 5.0, 7.0, 2.0, 5.0, 4.0, 13 / 4, 4 - 5 / 4],
    }
    for boundary, expected in cases.items():
        u = field((4,), at="face", boundary=boundary, halo=2, extent=[(0.0, 2.0)])
        u[...] = [7.0, 2.0, 5.0, 4.0]
        u.exchange()
        np.testing.assert_allclose(u.padded, expected, rtol=1e-14, err_msg=str(boundary))


@st.composite
def cases(draw):
    """Shape, width, extent, places, and a pair of boundaries (None: periodic) for each axis."""
    ndim = draw(st.integers(1, 3))
    halo = tuple(draw(st.integers(0, 3)) for _ in range(ndim))
    shape = tuple(max(2, w + 1) + draw(st.integers(0, 3)) for w in halo)
    wall = st.sampled_from([*WALLS, *INEXACT])
    sides = [draw(st.none() | st.tuples(wall, wall)) for _ in range(ndim)]
    extent = [draw(st.sampled_from([(0.0, 1.0), (-1.0, 3.0), (5.0, 2.0)])) for _ in range(ndim)]
    at = tuple(draw(st.sampled_from(["centre", "face"])) for _ in range(ndim))
    return shape, halo, sides, extent, at


def check(u, before, sides, extent, time=0.0):
    """Compare a field with the formulas, and bit for bit with its layers."""
    faces = [place == "face" for place in u.at]
    u.exchange(time=time)
    options = {"extent": extent, "faces": faces, "time": time}
    expected = padded(before, u.halo, sides, u.grid.spacing, **options)
    np.testing.assert_allclose(u.padded, expected, rtol=1e-11, atol=1e-11)
    again = by_layers(u.ghosts, u.padded.copy(), time)
    assert again.tobytes() == u.padded.tobytes()


@given(cases())
def test_mixed_walls(case):
    shape, halo, sides, extent, at = case
    spec = [pc.Periodic() if pair is None else pair for pair in sides]
    periods = [pair is None for pair in sides]
    u = field(shape, at=at, boundary=spec, halo=halo, extent=extent, periods=periods)
    check(u, u.owned.copy(), sides, extent)


@pytest.mark.parametrize("kind", ["dirichlet", "neumann", "robin", "fixed"])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 4, 5)])
def test_values_that_vary_along_walls(kind, shape):
    ndim = len(shape)
    extent = [(0.0, 1.0), (3.0, 1.0), (-1.0, 1.0)][:ndim]
    for axis, at in product(range(ndim), product(["centre", "face"], repeat=ndim)):
        across = tuple(n for a, n in enumerate(shape) if a != axis)
        array = np.random.default_rng(axis).normal(size=across)
        sides = [(pc.Reflecting("odd"), pc.Dirichlet(1.0))] * ndim
        sides[axis] = (varying(kind, array), varying(kind, wave))
        u = field(shape, at=at, boundary=sides, halo=(2, 1, 3)[:ndim], extent=extent)
        before = u.owned.copy()
        for time in (0.7, 2.0):
            u[...] = before
            check(u, before, sides, extent, time)


def test_faces_that_a_kernel_has_computed_are_set_without_ghosts():
    sides = [(pc.Dirichlet(2.0), pc.Dirichlet(3.0)), (pc.Neumann(1.0), pc.Reflecting("odd"))]
    u = field((3, 4), at="face", boundary=sides)
    before = u.padded.copy()
    u.ghosts.set_faces(u.padded)
    assert (u.owned[0] == 2.0).all()
    np.testing.assert_array_equal(u.padded[2:], before[2:])
    np.testing.assert_array_equal(u.padded[0], before[0])


def test_a_custom_boundary_may_set_the_faces_on_the_walls():
    def closed(ghost, inner, t):
        if low := not seen:
            inner[0] = 0.0
        seen.append(ghost.shape)
        ghost[...] = 0.0 if low else 9.0

    seen = []
    u = field((4,), at="face", boundary=pc.Custom(closed), halo=2)
    u[...] = [1.0, 2.0, 3.0, 4.0]
    u.exchange()
    assert u.padded.tolist() == [0.0, 0.0, 0.0, 2.0, 3.0, 4.0, 9.0, 9.0]


@pytest.mark.parametrize(
    ("boundary", "halo", "message"),
    [
        (pc.Dirichlet(1.0), 3, "Dirichlet on the low wall of axis 0 needs 4 owned cells"),
        (pc.Reflecting(), 3, "Reflecting on the low wall of axis 0 needs 4 owned cells"),
        (pc.Robin(1.0, 1.0, 1.0), 3, "smallest block has 3: use a larger grid, fewer ranks"),
        ([(pc.Fixed(0.0), pc.Extrapolating(1))], 3, None),
        ([(pc.Extrapolating(0), pc.Neumann(0.0))], 3, None),
    ],
)
def test_layers_must_find_their_cells(boundary, halo, message):
    if message is None:
        field((3,), at="face", boundary=boundary, halo=halo).exchange()
        return
    with pytest.raises(pc.ConfigError, match=message):
        field((3,), at="face", boundary=boundary, halo=halo)


def test_a_velocity_on_faces_conserves_a_tracer_between_walls():
    """Offset 0 is the face below a cell, offset 1 that above it."""
    rng = np.random.default_rng(2)
    grid = pc.Grid((6, 5), comm=pc.serial())
    walls = [pc.Reflecting("odd"), pc.Reflecting()]
    vy = grid.field("vy", at=("face", "centre"), boundary=walls)
    vx = grid.field("vx", at=("centre", "face"), boundary=walls[::-1])
    c = grid.field("c", boundary=pc.Reflecting())
    for u in (vy, vx, c):
        u[...] = rng.normal(size=u.shape_global)
        u.exchange()
    before, (ny, nx) = c.sum(), grid.shape_global

    def inside(u, dy, dx):
        return u.padded[1 + dy : 1 + dy + ny, 1 + dx : 1 + dx + nx]

    def flux_y(dy):
        return inside(vy, dy, 0) * (inside(c, dy - 1, 0) + inside(c, dy, 0)) / 2

    def flux_x(dx):
        return inside(vx, 0, dx) * (inside(c, 0, dx - 1) + inside(c, 0, dx)) / 2

    c[...] = c.owned - 0.1 * (flux_y(1) - flux_y(0) + flux_x(1) - flux_x(0))
    assert abs(c.sum() - before) < 1e-13
