"""Advection by a steady wind on a torus: first-order upwind or fifth-order WENO, RK3 in time.

Run with ``python -m parcompute run +exp=advection``; a few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import parcompute as pc


def weno5(a, b, c, d, e):
    """Return the value at the face to the right of c, of five cells in the direction of the wind.

    Jiang & Shu, "Efficient implementation of weighted ENO schemes", J. Comput. Phys. 126, 1996.
    """
    s0 = 13 / 12 * (a - 2 * b + c) ** 2 + 0.25 * (a - 4 * b + 3 * c) ** 2
    s1 = 13 / 12 * (b - 2 * c + d) ** 2 + 0.25 * (b - d) ** 2
    s2 = 13 / 12 * (c - 2 * d + e) ** 2 + 0.25 * (3 * c - 4 * d + e) ** 2
    w0 = 0.1 / (1e-6 + s0) ** 2
    w1 = 0.6 / (1e-6 + s1) ** 2
    w2 = 0.3 / (1e-6 + s2) ** 2
    p0 = 2 * a - 7 * b + 11 * c
    p1 = -b + 5 * c + 2 * d
    p2 = 2 * c + 5 * d - e
    return (w0 * p0 + w1 * p1 + w2 * p2) / (6 * (w0 + w1 + w2))


def weno_change(u, dy, dx):
    """Return what leaves the cell along (dy, dx), the direction of the wind, minus what comes."""
    v = [u[k * dy, k * dx] for k in (-3, -2, -1, 0, 1, 2)]
    return weno5(v[1], v[2], v[3], v[4], v[5]) - weno5(v[0], v[1], v[2], v[3], v[4])


def upwind_change(u, dy, dx):
    return u[0, 0] - u[-dy, -dx]


@pc.stencil
def weno_stage(now, start, *, old, cy, cx):
    moved = now[0, 0] - cy * weno_change(now, 1, 0) - cx * weno_change(now, 0, 1)
    return old * start[0, 0] + (1 - old) * moved


@pc.stencil
def upwind_stage(now, start, *, old, cy, cx):
    moved = now[0, 0] - cy * upwind_change(now, 1, 0) - cx * upwind_change(now, 0, 1)
    return old * start[0, 0] + (1 - old) * moved


STAGES = {"weno5": weno_stage, "upwind": upwind_stage}


@dataclass
class Advection(pc.Experiment):
    """Advection u_t + v u_y + w u_x = 0 on the unit torus, wind v, w > 0; finite volumes.

    In time the third-order Runge-Kutta method of Shu & Osher (J. Comput. Phys. 77, 1988). Exact
    solution: the initial values, carried along.
    """

    shape: tuple[int, int] = (256, 256)  # cells [y, x]
    wind: tuple[float, float] = (1.0, 2.0)  # [m/s] along [y, x]
    scheme: str = "weno5"  # or upwind
    profile: str = "wave"  # smooth; or "disc", with a jump
    cfl: float = 0.4  # dt (v / dy + w / dx) [-]
    steps: int = 600
    time_units: str = "s"

    def validate(self):
        for key, value, valid in (
            ("scheme", self.scheme, STAGES),
            ("profile", self.profile, ("wave", "disc")),
        ):
            if value not in valid:
                raise pc.ConfigError(
                    f"experiment.{key} must be one of {', '.join(valid)}, got '{value}'."
                )
        if not 0 < self.cfl <= 1:
            raise pc.ConfigError(
                f"experiment.cfl={self.cfl} is unstable: 0 < cfl <= 1 is needed; make it smaller."
            )
        if not min(self.wind) > 0:
            raise pc.ConfigError(f"experiment.wind must be positive, got {list(self.wind)}.")

    @property
    def dt(self):
        return self.cfl / sum(v * n for v, n in zip(self.wind, self.shape, strict=True))

    def reduced(self):
        return {"shape": (48, 40), "steps": 20}

    def setup(self, comm):
        grid = pc.Grid(self.shape, [(0, 1), (0, 1)], comm=comm, periods=True, units="m")
        self.u, self.stage1, self.stage2 = (
            grid.field(name, halo=3) for name in ("u", "stage1", "stage2")
        )
        self.u.fill(self.initial)

    def advance(self, n):
        stage = STAGES[self.scheme]
        cy, cx = (self.dt * v * cells for v, cells in zip(self.wind, self.shape, strict=True))
        runge_kutta = [
            stage.on(self.u, self.u, out=self.stage1, old=0.0, cy=cy, cx=cx),
            stage.on(self.stage1, self.u, out=self.stage2, old=3 / 4, cy=cy, cx=cx),
            stage.on(self.stage2, self.u, out=self.u, old=1 / 3, cy=cy, cx=cx),
        ]
        pc.sweep(runge_kutta, sweeps=n)

    def measure(self):
        return {"mean": self.u.mean(), "min": self.u.min(), "max": self.u.max()}

    def initial(self, y, x):
        """Return the means of the cells at the beginning."""
        if self.profile == "disc":
            return np.where((y % 1 - 0.5) ** 2 + (x % 1 - 0.5) ** 2 < 0.0625, 1.0, 0.0)
        means = [np.sinc(1 / n) for n in self.shape]  # of a sine over a cell, to its centre
        return np.sin(2 * np.pi * y) * np.sin(2 * np.pi * x) * means[0] * means[1]

    def exact(self, time):
        v, w = self.wind
        return {"u": lambda y, x: self.initial(y - v * time, x - w * time)}
