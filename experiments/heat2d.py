"""The heat equation in two dimensions, by forward Euler in time and centred differences in space.

Run with ``python -m parcompute run +exp=heat2d``; about a second. ``+exp=hillslope`` is this
experiment on real terrain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def diffuse(u, *, ry, rx):
    return (
        u[0, 0]
        + ry * (u[-1, 0] - 2.0 * u[0, 0] + u[1, 0])
        + rx * (u[0, -1] - 2.0 * u[0, 0] + u[0, 1])
    )


WALLS = {"fixed": pc.Dirichlet(0.0), "reflecting": pc.Reflecting()}


@dataclass
class Heat2D(pc.Experiment):
    """Heat equation u_t = alpha lap(u) on the unit square, u = 0 on the walls (FTCS).

    Exact solution: sin(pi y) sin(pi x) exp(-2 pi^2 alpha t), scaled to the extent.
    """

    shape: tuple[int, int] = (256, 256)  # cells [y, x]
    low: tuple[float, float] = (0.0, 0.0)  # position of the low walls [y, x]
    high: tuple[float, float] = (1.0, 1.0)  # of the high walls; may be the smaller number
    alpha: float = 1.0  # diffusivity [length^2/time]
    r: float = 0.2  # alpha dt (1/dy^2 + 1/dx^2) / 2 [-]; stable for r <= 1/4
    steps: int = 1000
    walls: str = "fixed"  # fixed: u = 0; reflecting: no flux
    initial: str | None = None  # FILE[:NAME] with the initial values; default: the exact solution
    units: str = "K"  # of u
    long_name: str = "temperature"  # of u
    length_units: str = "m"
    time_units: str = "s"
    order = 2

    def validate(self):
        if not 0 < self.r <= 0.25:
            raise pc.ConfigError(
                f"experiment.r={self.r} is unstable: FTCS needs 0 < r <= 0.25; make it smaller."
            )
        if not self.alpha > 0:
            raise pc.ConfigError(f"experiment.alpha must be positive, got {self.alpha}.")
        if any(a == b for a, b in zip(self.low, self.high, strict=True)):
            raise pc.ConfigError(
                f"experiment.low={list(self.low)} and experiment.high={list(self.high)} must "
                f"differ along each axis."
            )
        if self.walls not in WALLS:
            raise pc.ConfigError(
                f"experiment.walls must be one of {', '.join(WALLS)}, got '{self.walls}'."
            )

    @property
    def spacing(self):
        return [abs(b - a) / n for a, b, n in zip(self.low, self.high, self.shape, strict=True)]

    @property
    def dt(self):
        dy, dx = self.spacing
        return 2 * self.r / (self.alpha * (dy**-2 + dx**-2))

    def setup(self, comm):
        self.grid = pc.Grid(
            self.shape,
            list(zip(self.low, self.high, strict=True)),
            comm=comm,
            units=self.length_units,
        )
        self.u = self.grid.field(
            "u", boundary=WALLS[self.walls], units=self.units, long_name=self.long_name
        )
        if self.initial is None:
            self.u.fill(self.mode)
        else:
            self.load(self.u, self.initial)

    def advance(self, n):
        ry, rx = (self.alpha * self.dt / h**2 for h in self.spacing)
        diffuse(self.u, ry=ry, rx=rx, sweeps=n)

    def measure(self):
        return {
            "total": self.u.sum() * self.grid.cell_volume,
            "min": self.u.min(),
            "max": self.u.max(),
        }

    def reduced(self):
        if self.initial is None:
            return {"shape": (48, 40), "steps": 60}
        return {"steps": min(self.steps, 20)}

    def mode(self, y, x):
        """Return the slowest mode of the box: 0 on the walls (fixed), or with no gradient there."""
        shape = np.sin if self.walls == "fixed" else np.cos
        (y0, x0), (y1, x1) = self.low, self.high
        return shape(np.pi * (y - y0) / (y1 - y0)) * shape(np.pi * (x - x0) / (x1 - x0))

    def exact(self, time):
        if self.initial is not None:
            return {}
        (y0, x0), (y1, x1) = self.low, self.high
        rate = self.alpha * np.pi**2 * ((y1 - y0) ** -2 + (x1 - x0) ** -2)
        return {"u": lambda y, x: self.mode(y, x) * np.exp(-rate * time)}
