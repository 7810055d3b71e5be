"""Devito: symbolic equations, compiled C; its own autotuner chooses the blocks."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from devito import Eq, Function, Grid, Operator, TimeFunction

from benchmarks.stencils import problems


class Problem:
    """An operator that is applied `steps` times in one call.

    Parameters
    ----------
    grid : Grid
        Unit spacing.
    equations : list of Eq
        One step.
    moving : list of TimeFunction
        Fields that are compared.
    steps : int
        Steps of a run.
    """

    def __init__(self, grid: Grid, equations: list[Any], moving: list[Any], steps: int) -> None:
        self.moving, self.steps = moving, steps
        self.now = moving[0].time_order - 1
        self.operator = Operator(equations)
        self.options: dict[str, int] = {}
        if min(grid.shape) >= 128:
            self._tune()

    def run(self) -> None:
        """Run all steps."""
        self._apply(**self.options)

    def window(self) -> list[tuple[Any, Any]]:
        """Return the cells of this rank."""
        level = self.now % (self.moving[0].time_order + 1)
        return [(f.local_indices[1:], np.array(f.data[level])) for f in self.moving]

    def _apply(self, **options: Any) -> None:
        last = self.now + self.steps - 1
        self.operator.apply(time_m=self.now, time_M=last, **options)
        self.now = last + 1

    def _tune(self) -> None:
        """Keep the blocks that the autotuner finds, if they are faster than the default."""
        self._apply(autotune="aggressive")
        tuned = self.operator._state["autotuning"][-1].get("tuned", {})
        tuned.pop("nthreads", None)
        self.tuned = tuned
        seconds = []
        for options in ({}, tuned):
            start = perf_counter()
            self._apply(**options)
            seconds.append(perf_counter() - start)
        self.options = tuned if seconds[1] < seconds[0] else {}


def _grid(shape: tuple[int, ...]) -> Grid:
    return Grid(shape=shape, extent=tuple(n - 1.0 for n in shape), dtype=np.float64)


def _start(levels: Any, name: str, shape: tuple[int, ...]) -> None:
    """Set initial values; every rank takes its part of each plane."""
    for index in range(shape[0]):
        levels[index] = problems.plane(name, shape, index)


def heat(comm: Any, shape: tuple[int, ...], steps: int, r: float) -> Problem:
    """u_t = alpha lap(u)."""
    grid = _grid(shape)
    u = TimeFunction(name="u", grid=grid, space_order=2)
    _start(u.data[0], "u", shape)
    return Problem(grid, [Eq(u.forward, u + r * u.laplace)], [u], steps)


def wave(comm: Any, shape: tuple[int, ...], steps: int) -> Problem:
    """u_tt = v^2 lap(u), with m = dt^2 v^2."""
    grid = _grid(shape)
    u = TimeFunction(name="u", grid=grid, space_order=8, time_order=2)
    m = Function(name="m", grid=grid, space_order=0)
    _start(u.data[0], "prev", shape)
    _start(u.data[1], "u", shape)
    _start(m.data, "m", shape)
    step = Eq(u.forward, 2 * u - u.backward + m * u.laplace)
    return Problem(grid, [step], [u], steps)


def gray_scott(comm: Any, shape: tuple[int, ...], steps: int) -> Problem:
    """Two reacting and diffusing species."""
    du, dv, f, k = problems.GRAY_SCOTT.values()
    grid = _grid(shape)
    u = TimeFunction(name="u", grid=grid, space_order=2)
    v = TimeFunction(name="v", grid=grid, space_order=2)
    _start(u.data[0], "u", shape)
    _start(v.data[0], "v", shape)
    reaction = u * v * v
    steps_of_both = [
        Eq(u.forward, u + du * u.laplace - reaction + f * (1 - u)),
        Eq(v.forward, v + dv * v.laplace + reaction - (f + k) * v),
    ]
    return Problem(grid, steps_of_both, [u, v], steps)


PROBLEMS = {
    "heat2d": partial(heat, r=problems.HEAT2D),
    "heat3d": partial(heat, r=problems.HEAT3D),
    "wave3d": wave,
    "gray_scott3d": gray_scott,
}
