"""The step of ``experiments/shallow_water.py`` in a bowl, in NumPy and mpi4py by hand.

Formulas are written along axis 0, and get transposed arrays for axis 1. Around a rank's cells lie
three rows or columns on the low sides and two on the high sides. There is no sponge.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from benchmarks.workloads.cases import Case

Array = np.ndarray[Any, Any]
_INNER, _WIDE = slice(3, -2), slice(2, -2)  # the rank's cells, and one more on the low sides


def wall_below(a: Array, *, faces: bool) -> None:
    """Set the rows beyond a wall on the low side: mirror images; of faces odd ones, and 0 on it."""
    if faces:
        a[3] = 0
        np.negative(a[6:3:-1], out=a[:3])
    else:
        a[:3] = a[5:2:-1]


def wall_above(a: Array, *, faces: bool) -> None:
    """Set the rows beyond a wall on the high side."""
    if faces:
        a[-2] = 0
        np.negative(a[-3], out=a[-1])
    else:
        a[-2:] = a[-3:-5:-1]


def limited(a: Array) -> Array:
    """Return the smaller difference to the rows before and behind, 0 if their signs differ."""
    step = a[1:] - a[:-1]
    low, high = np.minimum(step[:-1], step[1:]), np.maximum(step[:-1], step[1:])
    np.minimum(high, 0, out=high)
    return np.maximum(low, high, out=low)


def share(speed: Array, c: float) -> Array:
    """Return where between the middle of a cell and its face water is that will cross the face."""
    part = np.abs(speed)
    part *= -0.5 * c
    part += 0.5
    return part


def flow(s: Array, b: Array, h: Array, speed: Array, c: float) -> Array:
    """Return the flow of water through faces; there are three faces fewer than cells.

    Parameters
    ----------
    s, b, h : ndarray
        Surface, bed, and depth in cells.
    speed : ndarray
        Velocity on the lower faces of cells.
    c : float
        Time step divided by the size of cells.
    """
    speed = speed[2:-1]
    part = share(speed, c)
    slope = limited(s)
    bed_slope = slope - limited(h)
    low = part * slope[:-1]
    low += s[1:-2]
    high = part * slope[1:]
    water = np.subtract(s[2:-1], high, out=high)
    np.copyto(water, low, where=speed > 0)
    np.multiply(part, bed_slope[:-1], out=low)
    low += b[1:-2]
    part *= bed_slope[1:]
    bed = np.subtract(b[2:-1], part, out=part)
    water -= np.maximum(low, bed, out=bed)
    np.maximum(water, 0, out=water)
    water *= speed
    return water


def carried(water: Array, speed: Array, q: Array, c: float) -> Array:
    """Return the flow of a velocity `q` between its rows, of which there are three more."""
    part = share(speed, c)
    slope = limited(q)
    low = part * slope[:-1]
    low += q[1:-2]
    part *= slope[1:]
    found = np.subtract(q[2:-1], part, out=part)
    np.copyto(found, low, where=water > 0)
    found *= water
    return found


def mean(a: Array) -> Array:
    """Return the mean of each row and the next."""
    found = a[1:] + a[:-1]
    found *= 0.5
    return found


class Water:
    """Rows of a sea with walls around it.

    Parameters
    ----------
    comm : Comm
        The ranks that divide the rows.
    h, v, u, b : ndarray
        Depth, velocities along y and x on the lower faces of cells, and bed, of the whole sea.
    steps : pair of float
        Time step divided by the sizes of cells along y and x.
    gravity, dry : float
        Where water is not deeper than `dry`, nothing flows.
    """

    def __init__(
        self,
        comm: Any,
        fields: tuple[Array, Array, Array, Array],
        steps: tuple[float, float],
        gravity: float,
        dry: float,
    ) -> None:
        self.comm = comm
        rank, size = comm.Get_rank(), comm.Get_size()
        self.low, self.high = comm.Create_cart([size]).Shift(0, 1)
        self.is_first, self.is_last = rank == 0, rank == size - 1
        count = len(fields[0])
        rows = slice(count * rank // size, count * (rank + 1) // size)
        self.h, self.v, self.u, self.b = (np.pad(a[rows], (3, 2)) for a in fields)
        self.steps, self.gravity, self.dry = steps, gravity, dry
        self.fill(self.b)
        self.fill_moving()

    @classmethod
    def of(cls, case: Case, comm: Any) -> Water:
        """Return the water of a case: it swings around in a bowl."""
        shape: Sequence[int] = case.parameters["shape"]
        gravity, depth, swing = 9.81, 0.1, 0.5  # m/s^2, m, m; the radius is 1 m
        frequency = sqrt(2 * gravity * depth)
        dy, dx = (4 / n for n in shape)
        y, x = ((np.arange(n) + 0.5) * 4 / n - 2 for n in shape)
        bed = depth * (np.add.outer(y**2, x**2) - 1)
        water = np.maximum(swing * depth * (2 * x - swing) - bed, 0)
        dt = 0.45 / ((swing * frequency + sqrt(gravity * depth)) * (1 / dy + 1 / dx))
        fields = water, np.full(shape, swing * frequency), np.zeros(shape), bed
        return cls(comm, fields, (dt / dy, dt / dx), gravity, 1e-8)

    def fill(self, a: Array, faces: int | None = None) -> None:
        """Bring what lies around the rank's cells up to date; or its faces, which cross an axis."""
        self.comm.Sendrecv(a[3:5], self.low, 0, a[-2:], self.high, 0)
        self.comm.Sendrecv(a[-5:-2], self.high, 1, a[:3], self.low, 1)
        if self.is_first:
            wall_below(a, faces=faces == 0)
        if self.is_last:
            wall_above(a, faces=faces == 0)
        wall_below(a.T, faces=faces == 1)
        wall_above(a.T, faces=faces == 1)

    def fill_moving(self) -> None:
        """Bring what lies around the rank's water up to date."""
        self.fill(self.h)
        self.fill(self.v, faces=0)
        self.fill(self.u, faces=1)

    def step(self) -> None:
        """Make one step."""
        h, v, u, b, (cy, cx) = self.h, self.v, self.u, self.b, self.steps
        s = h + b
        along = flow(s[:, _WIDE], b[:, _WIDE], h[:, _WIDE], v[:, _WIDE], cy)
        aside = flow(s[_WIDE].T, b[_WIDE].T, h[_WIDE].T, u[_WIDE].T, cx).T
        new = h[_WIDE, _WIDE] - cy * (along[1:] - along[:-1])
        new -= cx * (aside[:, 1:] - aside[:, :-1])
        np.maximum(new, 0, out=new)
        new_v = self.driven(h, new, b, (v, u), (along, aside), (cy, cx))
        new_u = self.driven(h.T, new.T, b.T, (u.T, v.T), (aside.T, along.T), (cx, cy)).T
        h[_INNER, _INNER], v[_INNER, _INNER], u[_INNER, _INNER] = new[1:, 1:], new_v, new_u
        self.fill_moving()

    def driven(
        self,
        h: Array,
        new: Array,
        b: Array,
        speeds: tuple[Array, Array],
        flows: tuple[Array, Array],
        steps: tuple[float, float],
    ) -> Array:
        """Return the new velocity on faces across axis 0: first what is carried, then the slope.

        Parameters
        ----------
        h, new, b : ndarray
            Depth before and after the step, and bed.
        speeds, flows, steps : pair
            Velocities, flows of water, and time step by size of cells, along axis 0 and axis 1.
        """
        (q, other), (along, aside), (c, cross) = speeds, flows, steps
        moved = mean(h[_WIDE, _INNER])
        moved *= q[_INNER, _INNER]
        taken = carried(mean(along[:, 1:]), mean(q[2:-1, _INNER]), q[1:, _INNER], c)
        moved -= c * (taken[1:] - taken[:-1])
        water, speed = mean(aside[:, 1:]), mean(other[_WIDE, 3:-1])
        taken = carried(water.T, speed.T, q[_INNER, 1:].T, cross)
        moved -= cross * (taken[1:] - taken[:-1]).T
        new, b = new[:, 1:], b[_WIDE, _INNER]
        depth, bed, s = mean(new), np.maximum(b[1:], b[:-1]), new + b
        climb = np.maximum(s[1:], bed)
        climb -= np.maximum(s[:-1], bed, out=bed)
        climb *= c * self.gravity
        moved /= np.maximum(depth, self.dry)
        moved -= climb
        moved *= depth > self.dry
        return moved
