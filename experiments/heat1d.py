"""The daily temperature wave in the ground: heat conduction in one dimension, with a moving wall.

Run with ``python -m parcompute run +exp=heat1d``; a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def diffuse(u, *, r):
    return u[0] + r * (u[-1] - 2.0 * u[0] + u[1])


@dataclass
class Heat1D(pc.Experiment):
    """Heat equation u_t = alpha u_zz in the ground, below a surface that is warm by day (FTCS).

    The surface, z = 0, has the temperature mean + swing sin(2 pi t / period). Exact solution: the
    wave fades and comes late with depth (Carslaw & Jaeger, "Conduction of Heat in Solids", 1959,
    section 2.6), mean + swing exp(-z/d) sin(2 pi t / period - z/d), d = sqrt(alpha period / pi).
    """

    shape: tuple[int] = (100,)  # cells [x], from the surface downwards
    depth: float = 1.0  # [m]
    alpha: float = 5e-7  # thermal diffusivity of moist soil [m^2/s]
    period: float = 86400.0  # [s]
    mean: float = 12.0  # [degC]
    swing: float = 10.0  # [K]
    r: float = 0.4  # alpha dt / dx^2 [-]; stable for r <= 1/2
    steps: int = 2160
    time_units: str = "s"
    order = 2

    def validate(self):
        if not 0 < self.r <= 0.5:
            raise pc.ConfigError(
                f"experiment.r={self.r} is unstable: FTCS needs 0 < r <= 0.5; make it smaller."
            )
        if not min(self.depth, self.alpha, self.period) > 0:
            raise pc.ConfigError(
                f"experiment.depth, alpha and period must be positive, got {self.depth}, "
                f"{self.alpha} and {self.period}."
            )

    @property
    def dt(self):
        return self.r * (self.depth / self.shape[0]) ** 2 / self.alpha

    def setup(self, comm):
        grid = pc.Grid(self.shape, [(0.0, self.depth)], comm=comm, units="m")
        walls = (pc.Dirichlet(self.wave), pc.Dirichlet(self.wave))
        self.u = grid.field("u", boundary=[walls], units="degC", long_name="temperature")
        self.u.fill(lambda x: self.wave(x, 0.0))

    def advance(self, n):
        diffuse(self.u, r=self.r, sweeps=n, clock=self.clock)

    def measure(self):
        return {"min": self.u.min(), "mean": self.u.mean(), "max": self.u.max()}

    def wave(self, x, t):
        """Return the exact temperature at depth `x` [m] and time `t` [s]."""
        lag = x / np.sqrt(self.alpha * self.period / np.pi)
        return self.mean + self.swing * np.exp(-lag) * np.sin(2 * np.pi * t / self.period - lag)

    def exact(self, time):
        return {"u": lambda x: self.wave(x, time)}
