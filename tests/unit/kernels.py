"""Stencils of every kind, and the value of a stencil by a plain loop over cells."""

from __future__ import annotations

import numpy as np

import parcompute as pc

WEIGHT = 0.3
FLOOR = -2
BIG = float("inf")


@pc.stencil
def upwind(u, *, c):
    return u[0] - c * (u[0] - u[-1])


@pc.stencil
def wide(u):
    """Sixth derivative: radius 3."""
    return u[-3] - 6 * u[-2] + 15 * u[-1] - 20 * u[0] + 15 * u[1] - 6 * u[2] + u[3]


@pc.stencil
def diffuse(u, *, r):
    return u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])


@pc.stencil
def box(u):
    """All nine cells, each with a weight of its own."""
    rim = u[-1, 0] / 3 + u[1, 0] / 7 + u[0, -1] / 11 + u[0, 1] / 13
    corners = u[-1, -1] / 17 + u[-1, 1] / 19 + u[1, -1] / 23 + u[1, 1] / 29
    return WEIGHT * u[0, 0] + rim - corners


@pc.stencil
def lopsided(u):
    return 0.5 * u[2, 0] - 0.25 * u[0, -3] + u[0, 0]


@pc.stencil
def wave(u, before, *, c2):
    """Leapfrog: two fields in, two out."""
    around = u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0]
    return 2.0 * u[0, 0] - before[0, 0] + c2 * around, u[0, 0]


@pc.stencil
def react(a, b, *, f, k):
    """Gray-Scott: both fields are read at neighbours."""
    rate = a[0, 0] * b[0, 0] ** 2
    spread_a = a[-1, 0] + a[1, 0] + a[0, -1] + a[0, 1] - 4 * a[0, 0]
    spread_b = b[-1, 0] + b[1, 0] + b[0, -1] + b[0, 1] - 4 * b[0, 0]
    return (
        a[0, 0] + 0.2 * spread_a - rate + f * (1 - a[0, 0]),
        b[0, 0] + 0.1 * spread_b + rate - (f + k) * b[0, 0],
    )


@pc.stencil
def cross(u, v):
    """Each field is read along one axis, the other way round for the other."""
    return u[0, 1] - u[0, -1] + 0.1 * v[1, 0] * v[-1, 0]


@pc.stencil
def flux(u, k, unused):
    """Take a coefficient field, and a field that is never read."""
    right = (k[0, 0] + k[0, 1]) * (u[0, 1] - u[0, 0])
    left = (k[0, -1] + k[0, 0]) * (u[0, 0] - u[0, -1])
    return u[0, 0] + 0.1 * (right - left)


@pc.stencil
def choose(u, *, limit):
    """Every function and every condition of the language."""
    slope = (u[0, 1] - u[0, -1]) / 2
    steep = (abs(slope) > limit and not u[0, 0] < FLOOR) or u[1, 0] == u[-1, 0]
    low = min(u[-1, 0], u[0, 0], u[1, 0], BIG)
    high = np.maximum(u[-1, 0], u[1, 0])
    root = np.sqrt(max(u[0, 0], 0.0)) if u[0, 0] >= 0.5 else +slope
    other = pc.where(steep, low, np.abs(high)) - (root if limit != 1 else 0)
    return pc.where(u[0, 0] <= -0.5, -other, other)


@pc.stencil
def undefined(u):
    """NaN and infinity: a root of a negative number, a division by zero."""
    return min(np.sqrt(u[0, 0]), 1 / (u[0, 1] - u[0, 1])) + max(u[1, 0], 0 / u[0, 0])


@pc.stencil
def extremes(u, v):
    """Which of two equal numbers, of two zeros, of a number and NaN."""
    return min(u[0], v[0]), max(u[0], v[0]), np.minimum(v[0], u[0]), np.maximum(v[0], u[0])


@pc.stencil
def out0(out0, b_0, *, x, low):
    """Names that generated code might use for itself."""
    o_0 = out0[0, 1] * x
    return o_0 + low * b_0[1, 0]


@pc.stencil
def seven(u, *, r):
    return u[0, 0, 0] + r * (
        u[-1, 0, 0]
        + u[1, 0, 0]
        + u[0, -1, 0]
        + u[0, 1, 0]
        + u[0, 0, -1]
        + u[0, 0, 1]
        - 6.0 * u[0, 0, 0]
    )


@pc.stencil
def diagonal(u):
    return u[-1, -1, -1] / 3 + u[1, 1, 1] / 5 - u[-1, 1, 0] / 7 + u[0, 1, -1] / 9 + u[0, 0, 0]


@pc.stencil
def elementary(u):
    return (
        np.exp(u[0]) + np.log(u[0]) + np.sin(u[0]) + np.cos(u[0]) + np.tan(u[0]) + np.tanh(u[0])
    ) * (np.sinh(u[0]) + np.cosh(u[0]) + np.arctan(u[0]))


@pc.stencil
def reduce_all(u):
    return u[0, 0], pc.reduce_max(u[0, 0]), pc.reduce_min(u[0, 0]), pc.reduce_sum(u[0, 0])


@pc.block_stencil(radius=1, corners=False)
def diffuse_blocks(u, *, r):
    c = u[1:-1, 1:-1]
    return c + r * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * c)


SCALARS = {"c": 0.4, "r": 0.15, "c2": 0.3, "f": 0.03, "k": 0.06, "limit": 0.7, "x": 1.5, "low": 3.0}
ONE = [upwind, wide]
TWO = [diffuse, box, lopsided, wave, react, cross, flux, choose, undefined, out0]
THREE = [seven, diagonal]


def scalars(stencil):
    """Return a number for each scalar of `stencil`."""
    return {name: SCALARS[name] for name in stencil.scalar_names}


def names(stencil):
    """Return the name of a stencil, for the names of tests."""
    return stencil.name


class Cell:
    """One cell of a padded array: ``cell[0, -1]`` is its left neighbour."""

    def __init__(self, padded, halo, index):
        self.padded, self.origin = padded, tuple(i + w for i, w in zip(index, halo, strict=True))

    def __getitem__(self, offset):
        offsets = offset if isinstance(offset, tuple) else (offset,)
        return self.padded[tuple(i + o for i, o in zip(self.origin, offsets, strict=True))]


def by_loop(stencil, fields, keywords):
    """Return what the function itself gives cell by cell, an array for each result."""
    dtype, shape = fields[0].dtype, fields[0].shape_local
    results = [np.empty(shape, dtype) for _ in range(stencil.outputs)]
    for index in np.ndindex(*shape):
        cells = [Cell(field.padded, field.halo, index) for field in fields]
        with np.errstate(all="ignore"):
            values = stencil.__wrapped__(*cells, **keywords)
        for result, value in zip(results, values if stencil.outputs > 1 else [values], strict=True):
            result[index] = value
    return results


def assert_same_bits(a, b):
    """Compare all bits, except which NaN a NaN is."""
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
    numbers = ~np.isnan(a)
    np.testing.assert_array_equal(np.signbit(a[numbers]), np.signbit(b[numbers]))
