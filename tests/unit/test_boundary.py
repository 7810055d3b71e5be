"""Ghost cells against `numpy.pad`, on one rank."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parcompute as pc
from parcompute.boundary import resolve
from tests.unit.padding import padded

WALLS = [pc.Dirichlet(0.0), pc.Dirichlet(1.5), pc.Neumann(0.0), pc.Neumann(-2.0), pc.Reflecting()]
SHAPES = [(5,), (4, 5), (3, 4, 5)]


def filled(shape, boundary, *, halo=1, periods=False, extent=None, dtype=np.float64):
    """Return a field of random values, with its halo and ghosts filled."""
    grid = pc.Grid(shape, extent, comm=pc.serial(), periods=periods)
    u = grid.field("u", halo=halo, boundary=boundary, dtype=dtype)
    u.owned[...] = np.random.default_rng(1).normal(size=shape)
    u.exchange()
    return u


@pytest.mark.parametrize("halo", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("wall", [pc.Reflecting(), pc.Neumann(0.0)])
def test_no_gradient_is_symmetric_padding(shape, wall, halo):
    u = filled(shape, wall, halo=halo)
    np.testing.assert_array_equal(u.padded, np.pad(u.owned, halo, mode="symmetric"))


@pytest.mark.parametrize("halo", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_zero_on_the_wall_is_antisymmetric_padding(shape, halo):
    u = filled(shape, pc.Dirichlet(0.0), halo=halo)
    lines = [np.pad(np.ones(n), halo, constant_values=-1.0) for n in shape]
    mirrored = np.pad(u.owned, halo, mode="symmetric")
    np.testing.assert_array_equal(u.padded, reduce(np.multiply.outer, lines) * mirrored)


def test_one_ghost_of_zero_on_the_wall_is_odd_reflection_about_the_wall():
    u = filled((6,), pc.Dirichlet(0.0))
    with_wall = np.concatenate([[0.0], u.owned, [0.0]])  # numpy reflects about the last point
    odd = np.pad(with_wall, 1, mode="reflect", reflect_type="odd")
    np.testing.assert_array_equal(u.padded[[0, -1]], odd[[0, -1]])


@st.composite
def cases(draw):
    """Shape, width, extent and a pair of boundaries (None: periodic) for each axis."""
    ndim = draw(st.integers(1, 3))
    halo = tuple(draw(st.integers(0, 3)) for _ in range(ndim))
    shape = tuple(max(1, w) + draw(st.integers(0, 3)) for w in halo)
    wall = st.sampled_from(WALLS)
    sides = [draw(st.none() | st.tuples(wall, wall)) for _ in range(ndim)]
    extent = [draw(st.sampled_from([(0.0, 1.0), (-1.0, 3.0), (5.0, 2.0)])) for _ in range(ndim)]
    return shape, halo, sides, extent


@given(cases())
def test_mixed_walls(case):
    shape, halo, sides, extent = case
    spec = [pc.Periodic() if pair is None else pair for pair in sides]
    periods = [pair is None for pair in sides]
    u = filled(shape, spec, halo=halo, periods=periods, extent=extent)
    reference = padded(u.owned, halo, sides, u.grid.spacing)
    np.testing.assert_array_equal(u.padded, reference)


@pytest.mark.parametrize("extent", [(0.0, 1.0), (3.0, -1.0)])
def test_neumann_is_exact_for_linear_functions(extent):
    low, high = extent
    outward = np.sign(high - low) * 2.5
    grid = pc.Grid((6, 3), [extent, (0.0, 1.0)], comm=pc.serial())
    walls = [(pc.Neumann(-outward), pc.Neumann(outward)), pc.Reflecting()]
    u = grid.field("u", halo=(3, 1), boundary=walls)
    u.fill(lambda y, x: 1.0 + 2.5 * y + 0 * x)
    u.exchange()
    beyond = low + (np.arange(-3, 9) + 0.5) * (high - low) / 6
    np.testing.assert_allclose(u.padded[:, 1], 1.0 + 2.5 * beyond, rtol=1e-14, atol=1e-14)


def test_dirichlet_is_exact_on_the_wall_for_linear_functions():
    grid = pc.Grid((4,), [(0.0, 2.0)], comm=pc.serial())
    u = grid.field("u", boundary=[(pc.Dirichlet(1.0), pc.Dirichlet(7.0))])
    u.fill(lambda x: 1.0 + 3.0 * x)
    u.exchange()
    np.testing.assert_allclose(u.padded, 1.0 + 3.0 * (np.arange(-1, 5) + 0.5) / 2, rtol=1e-15)


def test_float32_ghosts_stay_float32():
    u = filled((4, 4), [pc.Dirichlet(0.1), pc.Neumann(0.1)], dtype=np.float32)
    assert u.padded.dtype == np.float32
    np.testing.assert_array_equal(
        u.padded[0, 1:-1], np.float32(0.2) - u.owned[0], err_msg="2 * value, rounded once"
    )


def test_one_boundary_is_for_every_wall_but_periodic_axes():
    wall = pc.Dirichlet(2.0)
    wrap = pc.Periodic()
    assert resolve(wall, (False, True)) == ((wall, wall), (wrap, wrap))


def test_an_axis_takes_one_boundary_or_a_pair():
    a, b = pc.Dirichlet(2.0), pc.Reflecting()
    assert resolve([a, (a, b)], (False, False)) == ((a, a), (a, b))


@pytest.mark.parametrize(
    ("spec", "periods", "message"),
    [
        ([pc.Reflecting()], (False, False), "each of 2 axes was expected, got 1"),
        ([pc.Reflecting()], (True,), "Axis 0.*goes with periods=True"),
        ([pc.Periodic()], (False,), "Axis 0.*goes with periods=True"),
        (pc.Periodic(), (True, False), "Axis 1.*goes with periods=True"),
        ([(pc.Periodic(), pc.Reflecting())], (True,), "Axis 0"),
    ],
)
def test_boundaries_must_agree_with_the_grid(spec, periods, message):
    with pytest.raises(pc.ConfigError, match=message):
        resolve(spec, periods)
