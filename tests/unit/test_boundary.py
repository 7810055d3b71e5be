"""Ghost cells at cell centres against `numpy.pad` and formulas, on one rank."""

from __future__ import annotations

from functools import partial, reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parcompute as pc
from parcompute.ghosts import resolve
from tests.unit.padding import by_layers, padded

WALLS = [
    pc.Dirichlet(0.0),
    pc.Dirichlet(1.5),
    pc.Neumann(0.0),
    pc.Neumann(-2.0),
    pc.Reflecting(),
    pc.Reflecting("odd"),
    pc.Fixed(2.5),
    pc.Extrapolating(),
]
INEXACT = [  # as the formula of the reference, but for rounding
    pc.Extrapolating(1),
    pc.Robin(2.0, 0.5, 3.0),
    pc.Robin(2.0, 0.0, 3.0),
    pc.Robin(0.0, -4.0, 1.0),
]
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
def cases(draw, walls):
    """Shape, width, extent and a pair of boundaries (None: periodic) for each axis."""
    ndim = draw(st.integers(1, 3))
    halo = tuple(draw(st.integers(0, 3)) for _ in range(ndim))
    shape = tuple(max(2, w) + draw(st.integers(0, 3)) for w in halo)
    wall = st.sampled_from(walls)
    sides = [draw(st.none() | st.tuples(wall, wall)) for _ in range(ndim)]
    extent = [draw(st.sampled_from([(0.0, 1.0), (-1.0, 3.0), (5.0, 2.0)])) for _ in range(ndim)]
    return shape, halo, sides, extent


@given(cases(WALLS))
def test_mixed_walls(case):
    shape, halo, sides, extent = case
    spec = [pc.Periodic() if pair is None else pair for pair in sides]
    periods = [pair is None for pair in sides]
    u = filled(shape, spec, halo=halo, periods=periods, extent=extent)
    reference = padded(u.owned, halo, sides, u.grid.spacing)
    np.testing.assert_array_equal(u.padded, reference)


@given(cases([*WALLS, *INEXACT]))
def test_mixed_walls_with_coefficients(case):
    shape, halo, sides, extent = case
    spec = [pc.Periodic() if pair is None else pair for pair in sides]
    periods = [pair is None for pair in sides]
    u = filled(shape, spec, halo=halo, periods=periods, extent=extent)
    reference = padded(u.owned, halo, sides, u.grid.spacing)
    np.testing.assert_allclose(u.padded, reference, rtol=1e-11, atol=1e-11)
    again = by_layers(u.ghosts, u.padded.copy())
    assert again.tobytes() == u.padded.tobytes()


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


def ramp(*shape):
    return np.arange(float(np.prod(shape))).reshape(shape) ** 1.5


def wave(*coordinates, t):
    return np.cos(sum((k + 1) * x for k, x in enumerate(coordinates)) - t)


def still(*coordinates):
    return wave(*coordinates, t=0.3)


def varying(kind, value):
    return {
        "dirichlet": lambda: pc.Dirichlet(value),
        "neumann": lambda: pc.Neumann(value),
        "robin": lambda: pc.Robin(1.5, 0.5, value),
        "fixed": lambda: pc.Fixed(value),
    }[kind]()


@pytest.mark.parametrize("kind", ["dirichlet", "neumann", "robin", "fixed"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["array", "function", "of time"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_values_that_vary_along_every_wall(kind, shape, form, wrapped):
    """Every wall in turn has a value of its own; the others are mirrors, or the axis wraps."""
    ndim = len(shape)
    halo = (2, 1, 3)[:ndim]
    extent = [(0.0, 1.0), (3.0, 1.0), (-1.0, 1.0)][:ndim]
    for axis in range(ndim):
        across = tuple(n for a, n in enumerate(shape) if a != axis)
        value = {"array": ramp(*across), "function": still, "of time": wave}[form]
        wall = varying(kind, value)
        assert wall.varies == (form == "of time")
        sides = [None if wrapped else (pc.Reflecting(), pc.Dirichlet(1.0))] * ndim
        sides[axis] = (pc.Extrapolating(), wall) if axis % 2 else (wall, pc.Fixed(value))
        spec = [pc.Periodic() if pair is None else pair for pair in sides]
        u = filled(shape, spec, halo=halo, periods=[pair is None for pair in sides], extent=extent)
        for time in (0.7, 0.7, 2.0):
            u.exchange(time=time)
            expected = padded(u.owned, halo, sides, u.grid.spacing, extent=extent, time=time)
            np.testing.assert_allclose(u.padded, expected, rtol=1e-12, atol=1e-12)
            again = by_layers(u.ghosts, u.padded.copy(), time)
            assert again.tobytes() == u.padded.tobytes()


def test_an_array_and_the_function_that_gives_its_values_are_the_same():
    grid = pc.Grid((4, 5), [(0, 2), (1, 3)], comm=pc.serial())
    _, x = grid.coordinates_local()
    blocks = []
    for value in (np.sqrt(x - 1.0), lambda y, x: np.sqrt(x - 1.0) + 0 * y):
        u = grid.field("u", halo=2, boundary=pc.Reflecting())
        v = grid.field("v", halo=2, boundary=[pc.Dirichlet(value), pc.Reflecting()])
        v.owned[...] = u.owned[...] = np.random.default_rng(3).normal(size=(4, 5))
        v.exchange()
        blocks.append(v.padded.tobytes())
        assert np.isfinite(v.padded).all()  # no root of coordinates outside the grid
    assert blocks[0] == blocks[1]


def test_a_time_that_is_bound_already_does_not_vary():
    bound = pc.Dirichlet(partial(wave, t=0.3))
    assert not bound.varies
    u, v = filled((4, 5), bound), filled((4, 5), pc.Dirichlet(still))
    assert u.padded.tobytes() == v.padded.tobytes()


def test_boundaries_are_keys_whatever_they_hold():
    boundaries = [*WALLS, *INEXACT, pc.Dirichlet(np.ones(3)), pc.Custom(print), pc.Periodic()]
    assert len(set(boundaries)) == len(boundaries)


def test_constants_are_made_once_unless_they_vary():
    calls = []

    def value(x, t):
        calls.append(t)
        return 1.0

    u = filled((4,), [(pc.Dirichlet(value), pc.Dirichlet(lambda x: calls.append("x") or 2.0))])
    for time in (0.0, 0.5, 0.5, 1.0):
        u.fill_ghosts(time)
    assert calls == [0.0, "x", 0.5, 1.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, np.float16])
def test_floats_of_every_kind(dtype):
    sides = [(pc.Robin(1.0, 0.5, 0.3), pc.Dirichlet(0.1)), (pc.Extrapolating(1), pc.Neumann(0.7))]
    u = filled((4, 5), sides, halo=2, dtype=dtype)
    assert u.padded.dtype == dtype
    expected = padded(u.owned.astype(complex), (2, 2), sides, u.grid.spacing)
    np.testing.assert_allclose(u.padded, expected, atol=30 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int64])
@pytest.mark.parametrize("faces", [False, True])
def test_integers_and_booleans(dtype, faces):
    """A given value is held by the ghosts; mirrors and extrapolation of order 0 are copies."""
    sides = [(pc.Dirichlet(1), pc.Reflecting()), (pc.Extrapolating(), pc.Neumann(0.0))]
    place = ("face", "face") if faces else "centre"
    u = pc.Grid((4, 5), comm=pc.serial()).field("u", halo=2, boundary=sides, dtype=dtype, at=place)
    u[...] = np.random.default_rng(4).integers(0, 2 if dtype is np.bool_ else 100, (4, 5))
    u.exchange()
    assert u.padded.dtype == dtype
    inner = u.padded[:, 2:-2]
    assert (inner[:2] == 1).all()
    mirror = [-3, -3] if faces else [-3, -4]  # face n is its neighbour: nothing lies in between
    np.testing.assert_array_equal(inner[[-2, -1]], inner[mirror])
    np.testing.assert_array_equal(u.padded[:, [0, 1]], u.padded[:, [2, 2]])
    assert by_layers(u.ghosts, u.padded.copy()).tobytes() == u.padded.tobytes()


def test_signed_integers_have_odd_mirrors_and_straight_lines():
    u = pc.Grid((3,), comm=pc.serial()).field(
        "u", halo=2, dtype=int, boundary=[(pc.Reflecting("odd"), pc.Extrapolating(1))]
    )
    u[...] = [1, 4, 9]
    u.exchange()
    assert u.padded.tolist() == [-4, -1, 1, 4, 9, 14, 19]


def test_mirrors_keep_the_sign_of_zero():
    u = pc.Grid((2,), comm=pc.serial()).field("u", boundary=pc.Reflecting())
    u[...] = [-0.0, 0.0]
    u.exchange()
    assert np.signbit(u.padded).tolist() == [True, True, False, False]


def test_a_custom_boundary_sees_the_cells_nearest_the_wall_first():
    seen = []

    def function(ghost, inner, t):
        seen.append((ghost.shape, inner[:, 0].tolist(), t))
        for k in range(len(ghost)):
            ghost[k] = inner[k + 1] + t

    u = pc.Grid((4, 1), comm=pc.serial()).field(
        "u", halo=(2, 0), boundary=[pc.Custom(function), pc.Reflecting()]
    )
    u[...] = [[1.0], [2.0], [4.0], [8.0]]
    u.exchange(time=0.5)
    assert u.padded[:, 0].tolist() == [4.5, 2.5, 1.0, 2.0, 4.0, 8.0, 4.5, 2.5]
    assert seen == [((2, 1), [1.0, 2.0, 4.0, 8.0], 0.5), ((2, 1), [8.0, 4.0, 2.0, 1.0], 0.5)]
    assert not u.sides[0][0].linear


def test_a_wider_field_keeps_its_values_and_fills_the_same_ghosts():
    sides = [(pc.Dirichlet(still), pc.Custom(lambda g, i, t: g.fill(7.0))), pc.Robin(1.0, 2.0, 3.0)]
    u = filled((5, 6), sides, halo=(2, 1))
    inside, owned = u.padded.copy(), u.owned.copy()
    u.widen((1, 1))
    assert u.halo == u.depth == (2, 1)
    u.widen((1, 4))
    assert (u.halo, u.depth) == ((2, 4), (2, 1))
    assert u.spare().shape == u.padded.shape == (9, 14)
    np.testing.assert_array_equal(u.owned, owned)
    u.exchange()
    np.testing.assert_array_equal(u.padded[:, 3:-3], inside)
    with pytest.raises(pc.ConfigError, match="halo along axis 1 is 7 cells wide"):
        u.widen((2, 7))
    assert u.halo == (2, 4)


@pytest.mark.parametrize(
    ("boundary", "options", "message"),
    [
        (lambda: pc.Reflecting("up"), {}, "expected 'even' or 'odd', got 'up'"),
        (lambda: pc.Extrapolating(2), {}, "expected 0 or 1, got 2"),
        (lambda: pc.Dirichlet("1"), {}, "expected a number, an array of numbers or a function"),
        (lambda: pc.Robin(0, 0, 1.0), {}, "expected a or b to differ from 0"),
        (lambda: pc.Robin(np.ones(3), 1, 1.0), {}, "expected a real number for a"),
        (lambda: pc.Robin(2.0, -1.0, 1.0), {}, "they cancel out for cells of size 1.0"),
        (lambda: pc.Custom(3), {}, r"expected a function\(ghost, inner, t\), got 3"),
        (
            lambda: pc.Dirichlet(np.ones(3)),
            {},
            r"array of shape \(6,\).*got an array of shape \(3,",
        ),
        (lambda: pc.Neumann(np.ones((4, 6))), {}, r"the low wall of axis 0.*shape \(6,\)"),
        (lambda: pc.Dirichlet(lambda x: x), {}, r"must take the coordinates \(y, x\)"),
        (lambda: pc.Dirichlet(lambda z, y, x, t: x), {}, r"or \(y, x, t\) if it varies in time"),
        (lambda: pc.Dirichlet(1j), {}, "needs real values, got complex"),
        (lambda: pc.Dirichlet(1.5), {"dtype": int}, "needs values of that type, got 1.5"),
        (lambda: pc.Dirichlet(300), {"dtype": np.uint8}, "needs values of that type, got 300"),
        (lambda: pc.Neumann(1), {"dtype": int}, "expected the gradient 0, got 1"),
        (lambda: pc.Robin(1, 1, 1), {"dtype": int}, "Robin is not for fields of integers"),
        (lambda: pc.Reflecting("odd"), {"dtype": bool}, "give it a signed type"),
        (lambda: pc.Extrapolating(1), {"dtype": np.uint8}, "give it a signed type"),
        (lambda: [1.0, 2.0], {}, "Axis 0 expected a boundary such as Dirichlet"),
        (lambda: 1.0, {}, "A boundary for each of 2 axes was expected, got 1.0"),
        (lambda: pc.Extrapolating(1), {"shape": (1, 6)}, "needs 2 owned cells across it"),
    ],
)
def test_what_is_refused(boundary, options, message):
    grid = pc.Grid(options.pop("shape", (4, 6)), comm=pc.serial())
    with pytest.raises(pc.ConfigError, match=message) as raised:
        grid.field("u", boundary=boundary(), **options)
    assert "\n" not in str(raised.value)


def test_a_function_must_give_an_array_that_fits():
    u = pc.Grid((4, 6), comm=pc.serial()).field("u", boundary=pc.Dirichlet(lambda y, x: np.ones(3)))
    with pytest.raises(pc.ConfigError, match=r"shape of its coordinates, \(1, 8\), got \(3,\)"):
        u.exchange()


@pytest.mark.parametrize("boundary", [*WALLS, *INEXACT, pc.Dirichlet(lambda y, x: y + x)])
@pytest.mark.parametrize("at", ["centre", "face"])
def test_the_homogeneous_form_holds_for_differences(boundary, at):
    grid = pc.Grid((5, 6), comm=pc.serial())
    one, other = (grid.field(name, at=at, boundary=boundary, units="K") for name in "uv")
    for seed, u in enumerate((one, other)):
        u.owned[...] = np.random.default_rng(seed).normal(size=u.shape_local)
        u.exchange()
    difference = one.like("difference", homogeneous=True)
    difference.owned[...] = one.owned - other.owned
    difference.exchange()
    np.testing.assert_allclose(difference.padded, one.padded - other.padded, atol=1e-12)
    assert (difference.at, difference.units, difference.dtype) == (one.at, "K", one.dtype)
