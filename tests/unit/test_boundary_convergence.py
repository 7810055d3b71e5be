"""Boundaries against functions that satisfy them: errors shrink as the order promises."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc


def exact(x):
    return np.sin(x + 0.5)


def slope(x):
    return np.cos(x + 0.5)


def error_of(pair, n, at):
    """Return the largest error on a grid of n cells of u'' = f with u = sin(x + 1/2)."""
    grid = pc.Grid((n,), [(0.0, 1.0)], comm=pc.serial())
    u = grid.field("u", boundary=[pair], at=at)
    (x,) = u.coordinates_local()
    h = grid.spacing[0]

    def residual(values):
        u[...] = values
        u.exchange()
        second = (u.padded[2:] - 2 * u.owned + u.padded[:-2]) / h**2 + exact(x)
        # a face that the boundary sets is no unknown: what it was set to must be its value
        wall = values[0] - u.owned[0]
        return np.concatenate([[wall / h**2], second[1:]]) if set_face else second

    u[...] = 7.0
    u.exchange()
    set_face = u.owned[0] != 7.0
    rest = residual(np.zeros(n))  # the residual is affine
    matrix = np.stack([residual(column) - rest for column in np.eye(n)], axis=1)
    return np.abs(np.linalg.solve(matrix, -rest) - exact(x)).max()


@pytest.mark.parametrize("at", ["centre", "face"])
@pytest.mark.parametrize(
    "pair",
    [
        (pc.Dirichlet(exact(0.0)), pc.Dirichlet(exact)),
        (pc.Dirichlet(exact), pc.Robin(4.0, 0.0, lambda x: 4.0 * exact(x))),
        (pc.Neumann(-slope(0.0)), pc.Dirichlet(exact(1.0))),
        (pc.Dirichlet(exact(0.0)), pc.Neumann(lambda x, t: slope(x) + t)),
        (
            pc.Robin(2.0, 3.0, 2 * exact(0.0) - 3 * slope(0.0)),
            pc.Robin(1.0, 0.5, lambda x: exact(x) + 0.5 * slope(x)),
        ),
    ],
)
def test_solutions_converge_with_second_order(pair, at):
    coarse, fine = error_of(pair, 160, at), error_of(pair, 320, at)
    assert 3.7 < coarse / fine < 4.3


def plane(y, x, t):
    """Return a function whose derivative by y is itself."""
    return np.exp(y) * np.sin(2 * x + t)


def robin(sign):
    return pc.Robin(2.0, 0.5, lambda y, x, t: (2.0 + sign * 0.5) * plane(y, x, t))


@pytest.mark.parametrize("at", [("centre", "centre"), ("face", "centre"), ("centre", "face")])
@pytest.mark.parametrize(
    ("pair", "order"),
    [
        ((pc.Dirichlet(plane), pc.Dirichlet(plane)), 2),
        ((pc.Neumann(lambda y, x, t: -plane(y, x, t)), pc.Neumann(plane)), 3),
        ((robin(-1), robin(1)), 3),
        ((pc.Extrapolating(0), pc.Extrapolating(0)), 1),
        ((pc.Extrapolating(1), pc.Extrapolating(1)), 2),
    ],
)
def test_ghosts_converge_where_walls_vary_in_space_and_time(pair, order, at):
    """The error of the ghosts alone, beside exact values inside."""
    errors = []
    for n in (32, 64):
        grid = pc.Grid((n, n), [(0.0, 1.0), (0.0, 2.0)], comm=pc.serial())
        u = grid.field("u", boundary=[pair, pc.Reflecting()], at=at)
        u.fill(lambda y, x: plane(y, x, 0.4))
        u.exchange(time=0.4)
        _, x = u.coordinates_local()
        low, high = (-1.0, 1.0) if at[0] == "face" else (-0.5, 1.0 + 0.5 / n)
        low = low / n
        errors.append(
            max(
                np.abs(u.padded[0, 1:-1] - plane(low, x, 0.4)).max(),
                np.abs(u.padded[-1, 1:-1] - plane(high, x, 0.4)).max(),
            )
        )
    assert 0.85 * 2**order < errors[0] / errors[1] < 1.15 * 2**order
