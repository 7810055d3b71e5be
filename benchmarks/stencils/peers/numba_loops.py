"""Numba as its manual has it: natural indices, ``prange`` over the rows, a ring of zeros."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from benchmarks.stencils import problems


@numba.njit(parallel=True)
def _heat(u: Any, new: Any, r: float) -> None:
    for i in numba.prange(1, u.shape[0] - 1):
        for j in range(1, u.shape[1] - 1):
            new[i, j] = u[i, j] + r * (
                u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]
            )


@numba.njit(parallel=True)
def _momentum(
    eta: Any, east: Any, north: Any, new_east: Any, new_north: Any, g: float, cor: float
) -> None:
    for j in numba.prange(1, eta.shape[0] - 1):
        for i in range(1, eta.shape[1] - 1):
            new_east[j, i] = (
                east[j, i]
                - g * (eta[j, i + 1] - eta[j, i])
                + cor
                * 0.25
                * (north[j, i] + north[j, i + 1] + north[j - 1, i] + north[j - 1, i + 1])
            )
            new_north[j, i] = (
                north[j, i]
                - g * (eta[j + 1, i] - eta[j, i])
                - cor * 0.25 * (east[j, i] + east[j + 1, i] + east[j, i - 1] + east[j + 1, i - 1])
            )


@numba.njit(parallel=True)
def _continuity(eta: Any, east: Any, north: Any, new: Any, depth: float, s: float) -> None:
    for j in numba.prange(1, eta.shape[0] - 1):
        for i in range(1, eta.shape[1] - 1):
            new[j, i] = eta[j, i] - s * (
                (depth + 0.5 * (eta[j, i] + eta[j, i + 1])) * east[j, i]
                - (depth + 0.5 * (eta[j, i - 1] + eta[j, i])) * east[j, i - 1]
                + (depth + 0.5 * (eta[j, i] + eta[j + 1, i])) * north[j, i]
                - (depth + 0.5 * (eta[j - 1, i] + eta[j, i])) * north[j - 1, i]
            )


class Problem:
    """Fields with a ring of zeros, each with a second array to write to."""

    names: tuple[str, ...]

    def __init__(self, comm: Any, shape: tuple[int, ...], steps: int) -> None:
        self.steps = steps
        self.box = tuple(slice(0, n) for n in shape)
        self.fields = [self._start(name, shape) for name in self.names]
        self.new = [np.zeros_like(field) for field in self.fields]

    def run(self) -> None:
        """Run all steps."""
        for _ in range(self.steps):
            self.step()
            self.fields, self.new = self.new, self.fields

    def step(self) -> None:
        """Compute `new` from `fields`."""
        raise NotImplementedError

    def window(self) -> list[tuple[Any, Any]]:
        """Return all cells."""
        return [(self.box, field[1:-1, 1:-1].copy()) for field in self.fields]

    def _start(self, name: str, shape: tuple[int, ...]) -> Any:
        field = np.zeros(tuple(n + 2 for n in shape))
        problems.fill(field[1:-1, 1:-1], name, shape, self.box)
        return field


class Heat2D(Problem):
    """u_t = alpha lap(u)."""

    names = ("u",)

    def step(self) -> None:
        """Compute `new` from `fields`."""
        _heat(self.fields[0], self.new[0], problems.HEAT2D)


class Shallow2D(Problem):
    """Shallow water on a C grid: momentum, then continuity with the new velocities."""

    names = ("eta", "east", "north")

    def step(self) -> None:
        """Compute `new` from `fields`."""
        depth, g, cor, s = problems.SHALLOW.values()
        eta, new_east, new_north = self.fields[0], self.new[1], self.new[2]
        _momentum(*self.fields, new_east, new_north, g, cor)
        _continuity(eta, new_east, new_north, self.new[0], depth, s)


PROBLEMS = {"heat2d": Heat2D, "shallow2d": Shallow2D}
