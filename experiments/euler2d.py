"""The Euler equations of gas dynamics in two dimensions: MUSCL-Hancock with HLLC fluxes.

Run with ``python -m parcompute run +exp=euler2d``, a two-dimensional Riemann problem, or
``+exp=sod``, the shock tube, which has an exact solution.

With velocities v along y, u along x, and pressure p = (gamma - 1) (E - rho (v^2 + u^2) / 2),

    d/dt (rho, rho v, rho u, E) + d/dy (rho v, rho v^2 + p, rho u v, (E + p) v)
                                + d/dx (rho u, rho u v, rho u^2 + p, (E + p) u) = 0.

Each step extrapolates density, velocity and pressure from the cells to their faces with limited
slopes, brings them half a step on (Hancock), and solves a Riemann problem at each face (HLLC). It
is of second order where the flow is smooth. E. F. Toro, "Riemann Solvers and Numerical Methods for
Fluid Dynamics", 3rd ed. (Springer 2009), chapters 10, 14 and 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

import parcompute as pc
from parcompute.algorithms.hllc import hllc
from parcompute.algorithms.limiters import monotonized_central as limited
from parcompute.algorithms.riemann import Gas, RiemannProblem


def primitive(gas, y, x, gamma):
    """Return density, velocities and pressure of the cell at an offset."""
    rho, my, mx, energy = [f[y, x] for f in gas]
    per = 1.0 / rho
    v, u = my * per, mx * per
    return rho, v, u, (gamma - 1.0) * (energy - 0.5 * (my * v + mx * u))


def slopes(low, here, high):
    """Return the limited differences of four numbers across a cell."""
    return [limited(b - a, c - b) for a, b, c in zip(low, here, high, strict=True)]


def predicted(gas, y, x, gamma, cy, cx):
    """Return the cell at an offset half a step later, by its own slopes alone, and its slopes."""
    here = primitive(gas, y, x, gamma)
    dy = slopes(primitive(gas, y - 1, x, gamma), here, primitive(gas, y + 1, x, gamma))
    dx = slopes(primitive(gas, y, x - 1, gamma), here, primitive(gas, y, x + 1, gamma))
    r, v, u, p = here
    per = 1.0 / r
    spread = cy * dy[1] + cx * dx[2]
    rates = (
        cy * v * dy[0] + cx * u * dx[0] + r * spread,
        cy * v * dy[1] + cx * u * dx[1] + cy * per * dy[3],
        cy * v * dy[2] + cx * u * dx[2] + cx * per * dx[3],
        cy * v * dy[3] + cx * u * dx[3] + gamma * p * spread,
    )
    return [w - 0.5 * rate for w, rate in zip(here, rates, strict=True)], dy, dx


def moved(cell, slopes, part):
    """Return the state a part of a cell away from its centre."""
    return [w + part * d for w, d in zip(cell, slopes, strict=True)]


def flux_y(gas, y, gamma, cy, cx):
    """Return the flux through the face below the cell at an offset along y."""
    low, slope_low, _ = predicted(gas, y - 1, 0, gamma, cy, cx)
    high, slope_high, _ = predicted(gas, y, 0, gamma, cy, cx)
    return hllc(moved(low, slope_low, 0.5), moved(high, slope_high, -0.5), gamma)


def flux_x(gas, x, gamma, cy, cx):
    """Return the flux through the face left of the cell at an offset; along x, u is normal."""
    low, _, slope_low = predicted(gas, 0, x - 1, gamma, cy, cx)
    high, _, slope_high = predicted(gas, 0, x, gamma, cy, cx)
    r, v, u, p = moved(low, slope_low, 0.5)
    s, w, t, q = moved(high, slope_high, -0.5)
    mass, normal, tangential, energy = hllc((r, u, v, p), (s, t, w, q), gamma)
    return mass, tangential, normal, energy


@pc.stencil
def flow(rho, my, mx, energy, *, gamma, cy, cx):
    """Return the new density, momenta and energy from the fluxes through the faces of a cell."""
    gas = rho, my, mx, energy
    south, north = (flux_y(gas, y, gamma, cy, cx) for y in (0, 1))
    west, east = (flux_x(gas, x, gamma, cy, cx) for x in (0, 1))
    return [
        q[0, 0] - cy * (north[k] - south[k]) - cx * (east[k] - west[k]) for k, q in enumerate(gas)
    ]


@pc.stencil
def extremes(rho, my, mx, energy, *, gamma, cy, cx):
    """Courant number, lowest density and lowest pressure."""
    r, v, u, p = primitive((rho, my, mx, energy), 0, 0, gamma)
    c = sqrt(gamma * max(p, 0.0) / r)
    courant = cy * (abs(v) + c) + cx * (abs(u) + c)
    return pc.reduce_max(courant), pc.reduce_min(r), pc.reduce_min(p)


WALLS = {"open": pc.Extrapolating(), "closed": pc.Reflecting(), "periodic": pc.Periodic()}


@dataclass
class Euler2D(pc.Experiment):
    """Compressible Euler equations: four uniform states that meet at a point (MUSCL, HLLC).

    Default: configuration 3 of P. Lax and X.-D. Liu, SIAM J. Sci. Comput. 19 (1998) 319, four
    shocks. States are [density, velocity along y, along x, pressure]. Where those of the lower
    half are those of the upper one, there is an exact solution.
    """

    shape: tuple[int, int] = (320, 320)  # cells [y, x]
    size: tuple[float, float] = (1.0, 1.0)  # of the domain [y, x]
    meeting: tuple[float, float] = (0.8, 0.8)  # where the states meet [y, x]
    upper_left: tuple[float, float, float, float] = (0.5323, 0.0, 1.206, 0.3)
    upper_right: tuple[float, float, float, float] = (1.5, 0.0, 0.0, 1.5)
    lower_left: tuple[float, float, float, float] = (0.138, 1.206, 1.206, 0.029)
    lower_right: tuple[float, float, float, float] = (0.5323, 1.206, 0.0, 0.3)
    gamma: float = 1.4  # ratio of specific heats
    walls: tuple[str, str] = ("open", "open")  # along y and x: open, closed, periodic
    fastest: float | None = None  # no velocity + sound is faster; default: as along the interfaces
    cfl: float = 0.9  # dt fastest (1/dy + 1/dx) [-]; stable for cfl <= 1
    steps: int = 1536

    def validate(self):
        if not 0 < self.cfl <= 1:
            raise pc.ConfigError(
                f"experiment.cfl={self.cfl} is unstable: MUSCL-Hancock needs 0 < cfl <= 1."
            )
        if not self.gamma > 1:
            raise pc.ConfigError(f"experiment.gamma must be larger than 1, got {self.gamma}.")
        if not min(self.size) > 0:
            raise pc.ConfigError(f"experiment.size must be positive, got {list(self.size)}.")
        if unknown := set(self.walls) - set(WALLS):
            raise pc.ConfigError(
                f"experiment.walls are of {', '.join(WALLS)}, got '{unknown.pop()}'."
            )
        slowest = max(p.fastest for p in self.interfaces)
        if self.fastest is not None and self.fastest < slowest:
            raise pc.ConfigError(
                f"experiment.fastest={self.fastest} is too slow: between the states there are "
                f"waves of {slowest:.6g}."
            )

    @property
    def interfaces(self):
        """The Riemann problems across the four lines where two states meet."""
        a, b, c, d = self.upper_left, self.upper_right, self.lower_left, self.lower_right
        pairs = [(a, b, 2), (c, d, 2), (c, a, 1), (d, b, 1)]  # low, high, normal velocity
        return [
            RiemannProblem(Gas(p[0], p[k], p[3]), Gas(q[0], q[k], q[3]), self.gamma)
            for p, q, k in pairs
        ]

    @property
    def dt(self):
        fastest = self.fastest or max(p.fastest for p in self.interfaces)
        return self.cfl / (fastest * sum(n / h for n, h in zip(self.shape, self.size, strict=True)))

    @property
    def numbers(self):
        """What the stencils are told: gamma, dt/dy and dt/dx."""
        cy, cx = (self.dt * n / h for n, h in zip(self.shape, self.size, strict=True))
        return {"gamma": self.gamma, "cy": cy, "cx": cx}

    def setup(self, comm):
        ly, lx = self.size
        periods = [wall == "periodic" for wall in self.walls]
        self.grid = pc.Grid(self.shape, ((0, ly), (0, lx)), comm=comm, periods=periods)
        along = [WALLS[wall] for wall in self.walls]
        odd = [pc.Reflecting("odd") if wall == "closed" else WALLS[wall] for wall in self.walls]
        boundaries = {
            "density": along,
            "momentum_y": [odd[0], along[1]],
            "momentum_x": [along[0], odd[1]],
            "energy": along,
        }
        self.gas = [self.grid.field(n, halo=2, boundary=b) for n, b in boundaries.items()]
        for k, field in enumerate(self.gas):
            field.fill(lambda y, x, k=k: self.initial(y, x)[k])

    def initial(self, y, x):
        """Return density, momenta and energy at the beginning."""
        upper, left = y >= self.meeting[0], x < self.meeting[1]
        return self.conserved(
            *(
                np.where(upper, np.where(left, a, b), np.where(left, c, d))
                for a, b, c, d in zip(
                    *(self.upper_left, self.upper_right, self.lower_left, self.lower_right),
                    strict=True,
                )
            )
        )

    def conserved(self, rho, v, u, p):
        return rho, rho * v, rho * u, p / (self.gamma - 1) + 0.5 * rho * (u * u + v * v)

    def advance(self, n):
        flow(*self.gas, out=self.gas, sweeps=n, **self.numbers)
        courant, density, pressure = extremes(*self.gas, **self.numbers)
        if not (courant <= 1 and density > 0 and pressure > 0):
            raise pc.DivergenceError(
                f"Euler equations at step {self.steps_done + n}: Courant number {courant:.3g} "
                f"(at most 1), lowest density {density:.3g} and pressure {pressure:.3g} (above 0): "
                f"make experiment.cfl={self.cfl} smaller or give a larger experiment.fastest."
            )

    def measure(self):
        courant, density, pressure = extremes(*self.gas, **self.numbers)
        totals = {f.name: f.sum() * self.grid.cell_volume for f in self.gas}
        return totals | {"courant": courant, "min_density": density, "min_pressure": pressure}

    def exact(self, time):
        if self.upper_left != self.lower_left or self.upper_right != self.lower_right:
            return {}
        if self.upper_left[1] or self.upper_right[1]:
            return {}
        tube = self.interfaces[0]

        def solution(k):
            def values(y, x):
                rho, u, p = tube((x - self.meeting[1]) / max(time, 1e-300))
                return self.conserved(rho, 0.0, u, p)[k] + 0.0 * y

            return values

        return {"density": solution(0), "momentum_x": solution(2), "energy": solution(3)}
