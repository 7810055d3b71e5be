"""Types in stencils, places, scalars and reductions on both engines, against NumPy itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from tests.unit.kernels import assert_same_bits

WHOLE = ("int8", "int32", "int64", "uint16", "uint64")


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    with use(Settings(engine=request.param)):
        yield request.param


def fields_of(arrays, **options):
    """Return a field for each array, all on one grid, with walls that copy the nearest cell."""
    grid = pc.Grid(arrays[0].shape, comm=pc.serial(), **options)
    wall = pc.Periodic() if options.get("periods") else pc.Extrapolating()
    fields = []
    for k, array in enumerate(arrays):
        fields.append(grid.field(f"f{k}", dtype=array.dtype, halo=1, boundary=wall))
        fields[-1].owned[...] = array
    return fields


def applied(stencil, arrays, expected, **scalars):
    """Apply a stencil to arrays and compare its results with what NumPy says, bit by bit."""
    fields = fields_of(arrays)
    grid = fields[0].grid
    out = [grid.field(f"out{k}", dtype=e.dtype) for k, e in enumerate(expected)]
    stencil(*fields, out=out, **scalars)
    for field, values in zip(out, expected, strict=True):
        assert_same_bits(field.owned, np.broadcast_to(values, field.owned.shape))


@pc.stencil
def integer_operations(a, b):
    return (
        *(a[0] + b[0], a[0] - b[0], a[0] * b[0], a[0] // b[0], a[0] % b[0]),
        *(-a[0], +a[0], abs(a[0]), ~a[0], a[0] & b[0], a[0] | b[0], a[0] ^ b[0]),
        *(a[0] << 3, a[0] >> 2, a[0] ** 2, a[0] ** 3, a[0] ** 0, min(a[0], b[0])),
        *(max(a[0], b[0]), pc.where(a[0] > b[0], a[0], b[0]), 2 * a[0] - 1),
    )


def by_numpy(a, b):
    return (
        *(a + b, a - b, a * b, np.floor_divide(a, b), np.remainder(a, b)),
        *(np.negative(a), a, np.abs(a), np.invert(a), a & b, a | b, a ^ b),
        *(np.left_shift(a, 3), np.right_shift(a, 2), np.square(a), a * a * a, np.ones_like(a)),
        *(np.minimum(a, b), np.maximum(a, b), np.maximum(a, b), a + a - a.dtype.type(1)),
    )


def corners_of(dtype):
    """Return pairs of the numbers where whole numbers of a type go wrong, if they do."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    numbers = [0, 1, 2, 3, 7, high, high - 1, high // 2 + 1, high // 3, low, low + 1]
    numbers += [-1, -2, -7] if low < 0 else []
    chosen = np.array(numbers, dtype)
    return [np.ascontiguousarray(x.ravel()) for x in np.meshgrid(chosen, chosen)]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("dtype", WHOLE)
def test_whole_numbers_wrap_as_in_numpy(dtype):
    a, b = corners_of(dtype)  # among them x // 0, x % 0, smallest // -1 and small - large
    with np.errstate(all="ignore"):
        expected = by_numpy(a, b)
    applied(integer_operations, [a, b], expected)


@pc.stencil
def mixtures(a, b, c, d, e, f):
    """Take int8, int16, uint8, uint64, float32 and float64."""
    return (
        *(a[0] + b[0], a[0] * c[0], a[0] / b[0], c[0] / d[0], c[0] - d[0], a[0] + d[0]),
        *(c[0] * 2, c[0] * 2.5, a[0] / 2, e[0] * 2.5, e[0] * 3, e[0] * c[0], e[0] * d[0]),
        *(e[0] * f[0], f[0] - a[0], b[0] // a[0], b[0] % c[0], a[0] & c[0], np.sqrt(b[0])),
        *(np.sqrt(e[0]), np.floor(e[0] / 3), math.ceil(f[0] / 7), abs(e[0] - 9), min(a[0], e[0])),
        *(max(c[0], 7), pc.where(a[0] > d[0] / 2, b[0], c[0]), 1 / e[0], e[0] ** 2 / c[0]),
    )


def mixtures_by_numpy(a, b, c, d, e, f):
    real, single = np.float64, np.float32
    return (
        *(a + b, a * c, a / b, c / d, c - d, a + d),
        *(c * 2, c * 2.5, a / 2, e * 2.5, e * 3, e * c, e * d),
        *(e * f, f - a, b // a, b % c, a & c, np.sqrt(b.astype(real))),
        *(np.sqrt(e), np.floor(e / single(3)), np.ceil(f / 7), np.abs(e - single(9))),
        *(np.where(e < a, e, a.astype(single)), np.maximum(c, np.uint8(7))),
        *(np.where(a > d / 2, b, c.astype(np.int16)), single(1) / e, e * e / c),
    )


@pytest.mark.usefixtures("engine")
def test_types_combine_as_in_numpy():
    rng = np.random.default_rng(0)
    dtypes = ["int8", "int16", "uint8", "uint64", "float32", "float64"]
    arrays = [rng.integers(0, 100, 60).astype(t) + np.dtype(t).type(0) for t in dtypes]
    arrays[4] += np.float32(0.1)
    with np.errstate(all="ignore"):
        expected = mixtures_by_numpy(*arrays)
    assert {e.dtype.name for e in expected} >= {"int16", "float32", "float64", "uint8"}
    applied(mixtures, arrays, expected)


@pc.stencil
def conditions(p, q, x):
    between = 3 < x[0] < 70
    return (
        *(p[0] & q[0], p[0] | q[0], p[0] ^ q[0], ~p[0], not p[0], p[0] and q[0], p[0] or not q[0]),
        *(p[0] == q[0], p[0] != q[0], between, ~between, between == p[0], (x[0] > 9) & (x[0] < 50)),
        *(pc.where(p[0], q[0], x[0] > 9), p[0] if q[0] else not p[0], bool(x[0]), True, p[1]),
        *(int(p[0]), np.float32(q[0]), 2 if p[0] else x[0], pc.where(p[0] and q[0], 1, 0)),
        *(np.logical_and(p[0], q[0]), np.logical_or(p[0], q[0]), np.logical_not(p[0])),
    )


def conditions_by_numpy(p, q, x):
    between = (x > 3) & (x < 70)
    true = np.ones(p.shape, bool)
    return (
        *(p & q, p | q, p ^ q, ~p, ~p, p & q, p | ~q),
        *(p == q, p != q, between, ~between, between == p, (x > 9) & (x < 50)),
        *(np.where(p, q, x > 9), np.where(q, p, ~p), x != 0, true, np.append(p[1:], p[-1])),
        *(p.astype(np.int64), q.astype(np.float32), np.where(p, 2.0, x), (p & q).astype(np.int64)),
        *(p & q, p | q, ~p),
    )


@pytest.mark.usefixtures("engine")
def test_conditions_are_fields_too():
    rng = np.random.default_rng(0)
    p, q = rng.integers(0, 2, (2, 40)).astype(bool)
    x = rng.integers(0, 80, 40).astype(np.float64) * (rng.random(40) > 0.2)
    applied(conditions, [p, q, x], conditions_by_numpy(p, q, x))


@pc.stencil
def casts(a, e):
    return (
        *(np.int8(e[0]), np.uint8(e[0]), np.float32(e[0] / 3), int(e[0] / 3), float(a[0]) * 0.1),
        *(np.float32(0.1) * e[0], np.float32(2) * np.int8(a[0]), np.int8(a[0]), np.uint16(a[0])),
        *(np.int64(a[0]) * 3_000_000_000, np.int32(2.7) * a[0], np.float64(1) / 3 * a[0]),
    )


@pytest.mark.usefixtures("engine")
def test_casts_are_those_of_numpy():
    rng = np.random.default_rng(0)
    a = rng.integers(-(2**31), 2**31, 50).astype(np.int32)
    e = rng.uniform(0, 127, 50)
    single = np.float32
    expected = (
        *(e.astype("int8"), e.astype("uint8"), (e / 3).astype(single), (e / 3).astype("int64")),
        *(a * 0.1, np.float64(single(0.1)) * e, single(2) * a.astype("int8"), a.astype("int8")),
        *(a.astype("uint16"), a.astype("int64") * 3_000_000_000, np.int32(2) * a, 1 / 3 * a),
    )
    applied(casts, [a, e], expected)


@pc.stencil
def scalars_of_all_kinds(u, w, *, r, n, b):
    return (
        *(u[0] * r, w[0] + n, w[0] * n, pc.where(b, u[0], r), r * n, r / (n - 3), n // 2, n - 5),
        *(r / 3 * u[0], u[0] + n, n if b else 7, pc.where(b and n > 1, w[0], n), w[0] * r),
    )


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("r", "n", "b"),
    [(0.1, 3, True), (-0.1, 4, False), (np.float32(0.1), np.int8(3), np.bool_(True))],
)
def test_scalars_take_the_type_of_what_they_meet(r, n, b):
    u = np.linspace(-1, 1, 9, dtype=np.float32)
    w = np.arange(9, dtype=np.int16)
    x, k = float(r), int(n)
    with np.errstate(all="ignore"):
        ratio = np.float64(x) / np.float64(k - 3)
    both = np.where(b and k > 1, w, np.int16(k))
    real, whole = np.float64, np.int64
    expected = (
        *(u * x, w + k, w * k, u if b else np.float32(x), real(x * k), ratio, whole(k // 2)),
        *(whole(k - 5), u * (x / 3), u + k, whole(k if b else 7), both, w * x),
    )
    applied(scalars_of_all_kinds, [u, w], expected, r=r, n=n, b=b)


@pc.stencil
def places(u):
    y, x = pc.index(0), pc.index(1)
    return (
        *(y, x, 10 * y + x, u[0, 0] * x, pc.position(0), u[0, 0] * pc.position(1), -y, x / 4),
        *((x << 2) | 1, y % 2, pc.where(x == 0, u[0, 0], u[0, -1]), y // 2 * 0.1, np.int8(x)),
        *(pc.where((x + y) % 2 == 0, u[1, 0], 0), pc.position(0) * pc.position(1) ** 2),
    )


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("periods", [False, True])
def test_index_and_position(periods):
    u = np.random.default_rng(0).random((5, 6), dtype=np.float32)
    (field,) = fields_of([u], extent=((1, 2), (-3, 0)), periods=periods)
    y, x = np.meshgrid(np.arange(5), np.arange(6), indexing="ij")
    py, px = np.broadcast_arrays(*field.grid.coordinates_local())
    np.testing.assert_allclose(py[:, 0], 1.1 + 0.2 * np.arange(5))
    single = np.float32
    below = np.concatenate([u[1:], u[:1] if periods else u[-1:]])
    expected = (
        *(y, x, 10 * y + x, u * x.astype(single), py, u * px.astype(single), -y, x / 4),
        *(4 * x + 1, y % 2, np.where(x == 0, u, np.roll(u, 1, 1)), y // 2 * 0.1),
        *(x.astype(np.int8), np.where((x + y) % 2 == 0, below, single(0)), py * (px * px)),
    )
    out = [field.grid.field(f"o{k}", dtype=e.dtype) for k, e in enumerate(expected)]
    places(field, out=out)
    for result, values in zip(out, expected, strict=True):
        assert_same_bits(result.owned, values)


@pc.stencil
def powers(u, v, n):
    return u[0] ** 3, u[0] ** v[0], u[0] ** -1.5, pow(u[0], 0.5), n[0] ** 0.5, math.pow(u[0], 2)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers_within_two_ulp(dtype):
    rng = np.random.default_rng(0)
    u, v = rng.uniform(0.1, 9, (2, 200)).astype(dtype)
    n = np.arange(200, dtype=np.int16)
    fields = fields_of([u, v, n])
    types = [dtype] * 4 + ["float64", dtype]
    out = [fields[0].grid.field(f"o{k}", dtype=t) for k, t in enumerate(types)]
    powers(*fields, out=out)
    same = u.dtype.type
    expected = (np.power(u, same(3)), np.power(u, v), np.power(u, same(-1.5)))
    expected += (np.power(u, same(0.5)), np.power(n.astype(float), 0.5), u * u)
    for result, values in zip(out, expected, strict=True):
        np.testing.assert_array_max_ulp(result.owned, values, 2)


@pc.stencil
def exchange(u, v):
    return v[0], +u[0], pc.reduce_max(u[0]), pc.reduce_min(v[0])


@pytest.mark.usefixtures("engine")
def test_in_place_all_is_read_before_anything_is_replaced():
    a, b = np.arange(5.0), np.arange(7.0, 12.0)
    u, v = fields_of([a, b])
    assert exchange(u, v) == (4.0, 7.0)
    assert (u.owned.tolist(), v.owned.tolist()) == (b.tolist(), a.tolist())


@pc.stencil
def reduced_in_passing(u, w, *, c):
    new = u[0, 0] + c * (u[0, 1] - u[0, -1])
    return (
        *(new, pc.reduce_max(abs(new - u[0, 0])), pc.reduce_min(u[1, 0]), pc.reduce_sum(u[0, 0])),
        *(pc.reduce_sum(w[0, 0]), pc.reduce_max(w[0, 0] // 2), pc.reduce_sum(0.1)),
        pc.reduce_sum(pc.where(u[0, 0] > 0, 1, 0)),
    )


@pytest.mark.usefixtures("engine")
def test_reductions_are_exact_and_of_the_last_sweep():
    rng = np.random.default_rng(0)
    u = rng.normal(size=(6, 7)) * 10.0 ** rng.integers(-20, 20, (6, 7))
    w = rng.integers(-9, 9, (6, 7)).astype(np.int16)
    wall = np.pad(u, 1, "edge")[1:-1]
    new = u + 0.25 * (wall[:, 2:] - wall[:, :-2])
    field, weights = fields_of([u, w])
    results = reduced_in_passing(field, weights, c=0.25)
    assert_same_bits(field.owned, new)
    sums = math.fsum(u.ravel()), int(w.sum())
    extremes = np.abs(new - u).max(), u.min(), int(w.max()) // 2
    tenths, positive = math.fsum([0.1] * 42), int((u > 0).sum())
    assert results == (*extremes[:2], *sums, extremes[2], tenths, positive)
    assert [type(r) for r in results] == [float, float, float, int, int, float, int]
    again, weights = fields_of([u, w])
    once = [reduced_in_passing(again, weights, c=0.25) for _ in range(3)][-1]
    field, weights = fields_of([u, w])
    assert reduced_in_passing(field, weights, c=0.25, sweeps=3) == once
    assert_same_bits(field.owned, again.owned)


@pc.stencil
def only_reduced(u):
    return pc.reduce_max(u[0]), pc.reduce_min(u[0]), pc.reduce_sum(u[0])


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, -2.0, 0.5], (1.0, -2.0, -0.5)),
        ([1e300, 1.0, -1e300], (1e300, -1e300, 1.0)),
        ([5e-324, 1e308, -1e308], (1e308, -1e308, 5e-324)),
        ([-0.0, 0.0, -0.0], (0.0, 0.0, 0.0)),
        ([np.nan, 1.0, 2.0], (np.nan, np.nan, np.nan)),
        ([np.inf, 1.0, 2.0], (np.inf, 1.0, np.inf)),
        ([np.inf, -np.inf, 2.0], (np.inf, -np.inf, np.nan)),
    ],
)
def test_a_stencil_may_reduce_only(values, expected):
    (u,) = fields_of([np.array(values)])
    np.testing.assert_array_equal(only_reduced(u), expected)
    np.testing.assert_array_equal(u.owned, values)


@pc.stencil
def drifted(u, *, a, b):
    return u[0] + a * b


@pytest.mark.usefixtures("engine")
def test_scalars_may_change_from_sweep_to_sweep():
    (u,) = fields_of([np.zeros(3)])
    clock = pc.Clock(step=4, dt=0.5)
    drifted(u, a=[1.0, 10.0, 100.0], b=lambda t: t, sweeps=3, clock=clock)
    np.testing.assert_array_equal(u.owned, 1 * 2.0 + 10 * 2.5 + 100 * 3.0)
    (u,) = fields_of([np.zeros(3, np.int16)])
    drifted(u, a=np.array([1, 2]), b=3, sweeps=2)
    np.testing.assert_array_equal(u.owned, 9)


@pc.stencil
def doubled(u):
    return 2 * u[0]


@pytest.mark.usefixtures("engine")
def test_a_sequence_runs_in_turn_and_returns_what_each_reduces():
    u, v = fields_of([np.array([1.0, -2.0, 3.0]), np.zeros(3)])
    applications = [doubled.on(u), exchange.on(u, v), only_reduced.on(u)]
    assert pc.sweep(applications, sweeps=2) == (0.0, -4.0, 6.0, -4.0, 4.0)
    assert (u.owned.tolist(), v.owned.tolist()) == ([2.0, -4.0, 6.0], [0.0, 0.0, 0.0])
