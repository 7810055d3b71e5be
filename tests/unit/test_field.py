"""Grids and fields on one rank: coordinates, views, ufuncs, and what is refused."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use


def grid(shape=(4, 6), **options):
    return pc.Grid(shape, comm=pc.serial(), **options)


def test_coordinates_are_cell_centres():
    g = grid(extent=[(0.0, 2.0), (3.0, 0.0)])
    y, x = g.coordinates_local()
    np.testing.assert_allclose(y[:, 0], [0.25, 0.75, 1.25, 1.75])
    np.testing.assert_allclose(x[0] if x.ndim == 2 else x, [2.75, 2.25, 1.75, 1.25, 0.75, 0.25])
    np.testing.assert_array_equal(g.coordinates_global(0), y[:, 0])
    assert (g.spacing, g.cell_volume, g.axes) == ((0.5, 0.5), 0.25, ("y", "x"))


def test_cells_are_of_unit_size_without_an_extent():
    assert grid((3, 4, 5)).spacing == (1.0, 1.0, 1.0)
    np.testing.assert_array_equal(grid((3,)).coordinates_global(0), [0.5, 1.5, 2.5])


def test_fill_evaluates_at_the_centres():
    u = grid((3, 4, 5)).field("u", halo=2)
    u.fill(lambda z, y, x: 100 * z + 10 * y + x)
    z, y, x = np.meshgrid(*(np.arange(n) + 0.5 for n in (3, 4, 5)), indexing="ij")
    np.testing.assert_array_equal(u.owned, 100 * z + 10 * y + x)
    u.fill(lambda *_: 7.0)
    assert (u.owned == 7.0).all()
    assert (u.padded == 7.0).sum() == u.owned.size


def test_owned_is_a_view():
    u = grid().field("u", halo=(2, 1))
    u.owned[1, 2] = 5.0
    assert u.padded.shape == (8, 8)
    assert u.padded[3, 3] == u[1, 2] == 5.0


def test_ufuncs_act_on_owned_cells():
    u, v = grid().field("u"), grid().field("v")
    u.fill(lambda y, x: y + x)
    v.fill(lambda y, x: y * x)
    np.testing.assert_array_equal(np.add(u, v), u.owned + v.owned)
    np.testing.assert_array_equal(np.hypot(2.0, u), np.hypot(2.0, u.owned))
    assert np.maximum.reduce(u, axis=None) == u.max()
    expected = np.multiply(u.owned, 3.0)
    np.multiply(u, 3.0, out=u)
    np.testing.assert_array_equal(u.owned, expected)


def test_boundary_of_a_field_is_zero_on_the_wall_unless_given():
    u = grid((3,)).field("u")
    u[...] = [1.0, 2.0, 3.0]
    u.exchange()
    assert u.padded.tolist() == [-1.0, 1.0, 2.0, 3.0, -3.0]


def test_dims_of_the_settings_are_taken_by_grids():
    with use(Settings(dims=(1, 1))):
        assert grid().dims == (1, 1)
    with use(Settings(dims=(1,))), pytest.raises(pc.ConfigError, match=r"backend\.dims"):
        grid()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((), {}, "one to three axes"),
        ((2, 2, 2, 2), {}, "one to three axes"),
        ((4, 0), {}, "at least one cell"),
        ((4, 4), {"extent": [(0, 1)]}, "each of 2 axes"),
        ((4,), {"extent": [(1, 1)]}, "two different wall positions"),
        ((4, 4), {"periods": (True,)}, "2 axes, but periods is"),
        ((4, 4), {"dims": (2, 1)}, "needs 2 ranks, but there are 1"),
    ],
)
def test_a_grid_that_cannot_be(shape, options, message):
    with pytest.raises(pc.ConfigError, match=message):
        grid(shape, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"halo": 5}, "5 cells wide"),
        ({"halo": -1}, "0 or more"),
        ({"halo": (1,)}, "each of the 2 axes"),
        ({"boundary": [pc.Reflecting()]}, "each of 2 axes"),
    ],
)
def test_a_field_that_cannot_be(options, message):
    with pytest.raises(pc.ConfigError, match=message):
        grid().field("u", **options)


def test_reprs_say_what_it_is():
    u = grid().field("u")
    assert repr(u).startswith("Field('u', float64, Grid(4 x 6 cells on 1 x 1 ranks")


def test_arrays_go_when_a_field_is_widened():
    grid = pc.Grid((8, 6), comm=pc.serial(), periods=True)
    u = grid.field("u")
    u.exchange()
    u.swap()
    u.exchange()
    arrays = [ref(u.padded), ref(u.spare())]
    u.widen((2, 2))
    gc.collect()
    assert [array() for array in arrays] == [None, None]
