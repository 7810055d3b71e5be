"""The heat equation in three dimensions, in an insulated box.

Run with ``python -m parcompute run +exp=heat3d``; a second or two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


@pc.stencil
def diffuse(u, *, rz, ry, rx):
    return (
        u[0, 0, 0]
        + rz * (u[-1, 0, 0] - 2.0 * u[0, 0, 0] + u[1, 0, 0])
        + ry * (u[0, -1, 0] - 2.0 * u[0, 0, 0] + u[0, 1, 0])
        + rx * (u[0, 0, -1] - 2.0 * u[0, 0, 0] + u[0, 0, 1])
    )


@dataclass
class Heat3D(pc.Experiment):
    """Heat equation u_t = alpha lap(u) in the unit cube, no flux through the walls (FTCS).

    Exact solution: cos(2 pi z) cos(2 pi y) cos(2 pi x) exp(-12 pi^2 alpha t). The total is
    conserved.
    """

    shape: tuple[int, int, int] = (96, 96, 96)  # cells [z, y, x]
    alpha: float = 1.0  # diffusivity [m^2/s]
    r: float = 0.15  # alpha dt (1/dz^2 + 1/dy^2 + 1/dx^2) / 3 [-]; stable for r <= 1/6
    steps: int = 400
    time_units: str = "s"
    order = 2

    def validate(self):
        if not 0 < self.r <= 1 / 6:
            raise pc.ConfigError(
                f"experiment.r={self.r} is unstable: FTCS needs 0 < r <= 1/6; make it smaller."
            )
        if not self.alpha > 0:
            raise pc.ConfigError(f"experiment.alpha must be positive, got {self.alpha}.")

    @property
    def dt(self):
        return 3 * self.r / (self.alpha * sum(n**2 for n in self.shape))

    def reduced(self):
        return {"shape": (24, 20, 16), "steps": 20}

    def setup(self, comm):
        grid = pc.Grid(self.shape, [(0.0, 1.0)] * 3, comm=comm, units="m")
        self.u = grid.field("u", boundary=pc.Reflecting(), units="K", long_name="temperature")
        self.u.fill(self.mode)

    def advance(self, n):
        rz, ry, rx = (self.alpha * self.dt * cells**2 for cells in self.shape)
        diffuse(self.u, rz=rz, ry=ry, rx=rx, sweeps=n)

    def measure(self):
        return {"mean": self.u.mean(), "min": self.u.min(), "max": self.u.max()}

    def mode(self, z, y, x):
        """Return a mode with a whole wave along each axis."""
        return np.cos(2 * np.pi * z) * np.cos(2 * np.pi * y) * np.cos(2 * np.pi * x)

    def exact(self, time):
        decay = np.exp(-12 * np.pi**2 * self.alpha * time)
        return {"u": lambda z, y, x: self.mode(z, y, x) * decay}
