"""The step of ``experiments/euler2d.py`` on a torus, in NumPy and mpi4py by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mpi4py import MPI

from benchmarks.workloads.cases import Case

Array = np.ndarray[Any, Any]
_GAMMA = 1.4


def limited(a: Array, b: Array) -> Array:
    """Return monotonized central slopes."""
    size = np.minimum(2 * np.minimum(np.abs(a), np.abs(b)), 0.5 * np.abs(a + b))
    return np.where(a * b > 0, np.copysign(size, a), 0.0)


def hllc(left: Array, right: Array, normal: int) -> Array:
    """Return fluxes of density, momenta along y and x, and energy."""
    tangential = 3 - normal
    (rl, ul, pl), (rr, ur, pr) = ((w[0], w[normal], w[3]) for w in (left, right))
    cl, cr = np.sqrt(_GAMMA * pl / rl), np.sqrt(_GAMMA * pr / rr)
    between = 0.5 * (pl + pr) - 0.125 * (ur - ul) * (rl + rr) * (cl + cr)
    more = (_GAMMA + 1) / (2 * _GAMMA)
    slow = ul - cl * np.sqrt(1 + more * np.maximum(between / pl - 1, 0))
    fast = ur + cr * np.sqrt(1 + more * np.maximum(between / pr - 1, 0))
    ml, mr = rl * (slow - ul), rr * (fast - ur)
    contact = (pr - pl + ml * ul - mr * ur) / (ml - mr)
    is_left = contact >= 0
    rho, u, t, p = (np.where(is_left, left[k], right[k]) for k in (0, normal, tangential, 3))
    m, speed = np.where(is_left, ml, mr), np.where(is_left, slow, fast)
    crossing = np.where(is_left, np.minimum(slow, 0), np.maximum(fast, 0))
    energy = p / (_GAMMA - 1) + 0.5 * rho * (u * u + t * t)
    star = m / (speed - contact)
    energy_star = (speed - u) * energy - p * u + (p + m * (contact - u)) * contact
    flux = np.empty_like(left)
    flux[0] = rho * u + crossing * (star - rho)
    flux[normal] = rho * u * u + p + crossing * (star * contact - rho * u)
    flux[tangential] = rho * u * t + crossing * (star - rho) * t
    flux[3] = (energy + p) * u + crossing * (energy_star / (speed - contact) - energy)
    return flux


class Gas:
    """Rows of a torus, with two rows and columns around them.

    Parameters
    ----------
    whole : ndarray
        Density, momenta along y and x, energy of all cells, shape (4, ny, nx).
    cy, cx : float
        Time step divided by the size of cells.
    """

    def __init__(self, whole: Array, cy: float, cx: float) -> None:
        self.comm = MPI.COMM_WORLD
        rank, size = self.comm.Get_rank(), self.comm.Get_size()
        self.low, self.high = (rank - 1) % size, (rank + 1) % size
        rows = slice(whole.shape[1] * rank // size, whole.shape[1] * (rank + 1) // size)
        self.q = np.pad(whole[:, rows], [(0, 0), (2, 2), (2, 2)])
        self.cy, self.cx = cy, cx

    @classmethod
    def of(cls, case: Case) -> Gas:
        """Return the gas of a case, near rest."""
        shape: Sequence[int] = case.parameters["shape"]
        rng = np.random.default_rng(1)
        rho, v, u, p = (a + 0.1 * rng.random(shape) for a in (1, 0, 0, 1))
        energy = p / (_GAMMA - 1) + 0.5 * rho * (v * v + u * u)
        return cls(np.stack([rho, rho * v, rho * u, energy]), 0.2, 0.2)

    def fill(self) -> None:
        """Bring what lies around the rank's cells up to date."""
        q = self.q
        below, above = np.empty_like(q[:, :2]), np.empty_like(q[:, :2])
        self.comm.Sendrecv(np.ascontiguousarray(q[:, 2:4]), self.low, 0, above, self.high, 0)
        self.comm.Sendrecv(np.ascontiguousarray(q[:, -4:-2]), self.high, 1, below, self.low, 1)
        q[:, :2], q[:, -2:] = below, above
        q[:, :, :2], q[:, :, -2:] = q[:, :, -4:-2], q[:, :, 2:4]

    def step(self) -> None:
        """Make one step."""
        self.fill()
        rho = self.q[0]
        v, u = self.q[1] / rho, self.q[2] / rho
        p = (_GAMMA - 1) * (self.q[3] - 0.5 * rho * (v * v + u * u))
        w = np.stack([rho, v, u, p])
        dy, dx = np.diff(w, axis=1)[:, :, 1:-1], np.diff(w, axis=2)[:, 1:-1]
        dy, dx = limited(dy[:, :-1], dy[:, 1:]), limited(dx[:, :, :-1], dx[:, :, 1:])
        w = w[:, 1:-1, 1:-1]
        rho, v, u, p = w
        cy, cx = self.cy, self.cx
        rates = cy * v * dy + cx * u * dx
        spread = cy * dy[1] + cx * dx[2]
        rates[0] += rho * spread
        rates[1] += cy * dy[3] / rho
        rates[2] += cx * dx[3] / rho
        rates[3] += _GAMMA * p * spread
        w = w - 0.5 * rates
        low, high = (w + 0.5 * dy)[:, :-1, 1:-1], (w - 0.5 * dy)[:, 1:, 1:-1]
        fy = hllc(low, high, 1)
        low, high = (w + 0.5 * dx)[:, 1:-1, :-1], (w - 0.5 * dx)[:, 1:-1, 1:]
        fx = hllc(low, high, 2)
        self.q[:, 2:-2, 2:-2] -= cy * np.diff(fy, axis=1) + cx * np.diff(fx, axis=2)
