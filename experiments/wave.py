"""Acoustic waves from a point source in layered ground, in two or three dimensions.

Run with ``python -m parcompute run +exp=wave3d`` or ``+exp=wave2d``; seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

import parcompute as pc

WEIGHTS = {  # of the second derivative, at distances 0, 1, … (Fornberg, Math. Comput. 51, 1988)
    2: (-2, 1),
    4: (-5 / 2, 4 / 3, -1 / 12),
    6: (-49 / 18, 3 / 2, -3 / 20, 1 / 90),
    8: (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560),
}


@cache
def leapfrog(order, ndim):
    """Return the stencil of a step with a Laplacian of this order, for so many axes."""
    weights = WEIGHTS[order]
    here = (0,) * ndim
    ring = [  # the neighbours at each distance, on both sides along each axis
        [tuple(s * k * (a == axis) for a in range(ndim)) for axis in range(ndim) for s in (-1, 1)]
        for k in range(len(weights))
    ]

    @pc.stencil
    def step(u, before, m, keep):
        laplacian = ndim * weights[0] * u[here]
        for k in range(1, len(weights)):
            laplacian += weights[k] * sum(u[there] for there in ring[k])
        new = 0.5 * (1.0 + keep[here]) * (2.0 * u[here] + m[here] * laplacian)
        return new - keep[here] * before[here], u[here]

    return step


@dataclass
class Wave(pc.Experiment):
    """Wave equation u_tt + 2 d u_t = c^2 (lap(u) + s), leapfrog in time, order 2 to 8 in space.

    The speed c jumps at an interface; the damping d grows towards the walls in an absorbing layer
    (Cerjan et al., Geophysics 50, 1985), so that little comes back from there. The source s is a
    Ricker wavelet in one cell. Exact solution of ``initial=mode`` without source and layers:
    sin(pi z) sin(pi y) sin(pi x) cos(omega t), scaled to the box.
    """

    shape: tuple[int, ...] = (128, 128, 128)  # cells [z, y, x] or [y, x], the first one downwards
    spacing: float = 10.0  # of cells, along all axes [m]
    order: int = 8  # of the differences in space: 2, 4, 6 or 8
    speeds: tuple[float, float] = (1500.0, 2500.0)  # above and below the interface [m/s]
    interface: float = 0.5  # its depth, of the whole
    cfl: float = 0.4  # largest speed dt / spacing [-]
    absorbing: int = 20  # cells of the absorbing layer at each wall; 0: none, u = 0 there
    initial: str = "rest"  # or mode
    frequency: float = 15.0  # peak of the source [Hz]; 0: no source
    source: tuple[float, ...] = (0.25, 0.5, 0.5)  # its place, of the whole
    receivers: int = 8  # in a row along x, as deep as the source
    steps: int = 300
    time_units: str = "s"

    def validate(self):
        ndim = len(self.shape)
        if ndim not in (2, 3) or len(self.source) != ndim:
            raise pc.ConfigError(
                f"experiment.shape and experiment.source must have 2 or 3 entries, both alike, got "
                f"{list(self.shape)} and {list(self.source)}."
            )
        if self.order not in WEIGHTS:
            raise pc.ConfigError(f"experiment.order must be 2, 4, 6 or 8, got {self.order}.")
        first, *others = WEIGHTS[self.order]
        limit = 2 / math.sqrt(ndim * (abs(first) + 2 * sum(map(abs, others))))
        if not 0 < self.cfl <= limit:
            raise pc.ConfigError(
                f"experiment.cfl={self.cfl} is unstable: order {self.order} in {ndim} dimensions "
                f"needs 0 < cfl <= {limit:.3f}; make it smaller."
            )
        if not min(*self.speeds, self.spacing) > 0:
            raise pc.ConfigError(
                f"experiment.speeds and experiment.spacing must be positive, got "
                f"{list(self.speeds)} and {self.spacing}."
            )
        if not all(0 <= place < 1 for place in (*self.source, self.interface)):
            raise pc.ConfigError(
                f"experiment.source and experiment.interface must lie in [0, 1), got "
                f"{list(self.source)} and {self.interface}."
            )
        if self.initial not in ("rest", "mode"):
            raise pc.ConfigError(f"experiment.initial must be rest or mode, got '{self.initial}'.")
        if not 0 <= 2 * self.absorbing < min(self.shape):
            raise pc.ConfigError(
                f"experiment.absorbing must be from 0 to less than half of the cells along each "
                f"axis, {list(self.shape)}, got {self.absorbing}."
            )

    @property
    def dt(self):
        return self.cfl * self.spacing / max(self.speeds)

    def reduced(self):
        shape = tuple(min(n, 48) for n in self.shape)
        return {"shape": shape, "absorbing": min(self.absorbing, 12), "steps": 20}

    def setup(self, comm):
        height, *lengths = (n * self.spacing for n in self.shape)
        walls = [(0.0, -height), *((0.0, length) for length in lengths)]
        grid = pc.Grid(self.shape, walls, comm=comm, units="m")
        reach = self.order // 2
        u, before = (
            grid.field(name, halo=reach, boundary=pc.Reflecting("odd"), units="Pa")
            for name in ("pressure", "before")
        )
        m, keep = (grid.field(name, halo=0) for name in ("m", "keep"))
        speed = [self.dt / self.spacing * c for c in self.speeds]
        m.fill(lambda z, *_: np.where(z > -self.interface * height, *speed) ** 2)
        keep.fill(self.kept)
        if self.initial == "mode":
            u.fill(lambda *place: self.mode(place, 0.0))
            before.fill(lambda *place: self.mode(place, -self.dt))
        self.u, self.before, self.m, self.keep = u, before, m, keep
        self.cell = tuple(int(n * place) for n, place in zip(self.shape, self.source, strict=True))
        self.gain = float(m[self.cell]) * self.spacing ** (2 - len(self.shape))

    def kept(self, *place):
        """Return how much of an old value is kept, (1 - d dt) / (1 + d dt), by the place [m]."""
        if not self.absorbing:
            return 1.0
        width = self.absorbing * self.spacing
        ends = [n * self.spacing for n in self.shape]
        depth = [
            np.maximum(1 - np.minimum(abs(x), end - abs(x)) / width, 0.0)
            for x, end in zip(place, ends, strict=True)
        ]
        damping = 0.15 * np.maximum.reduce(np.broadcast_arrays(*depth)) ** 2
        return (1 - damping) / (1 + damping)

    def advance(self, n):
        step = leapfrog(self.order, len(self.shape))
        speaking = self.frequency > 0 and self.steps_done * self.dt < 2.5 / self.frequency
        for k in range(n if speaking else 1):
            step(self.u, self.before, self.m, self.keep, sweeps=1 if speaking else n)
            if speaking:
                self.u[self.cell] += self.gain * self.ricker((self.steps_done + k) * self.dt)

    def ricker(self, t):
        """Return the source at time `t` (Ricker, Geophysics 18, 1953), which peaks at 1."""
        a = (math.pi * self.frequency * (t - 1.2 / self.frequency)) ** 2
        return (1 - 2 * a) * math.exp(-a)

    def measure(self):
        places = [int(self.shape[-1] * (k + 0.5) / self.receivers) for k in range(self.receivers)]
        row = self.u[(*self.cell[:-1], slice(None))]
        return {f"receiver_{x}": float(row[x]) for x in places} | {"norm": self.u.norm()}

    def mode(self, place, t):
        """Return the slowest mode of a box with one speed and u = 0 on the walls."""
        ends = [n * self.spacing for n in self.shape]
        omega = math.pi * self.speeds[0] * math.sqrt(sum(1 / end**2 for end in ends))
        shape = math.prod(np.sin(np.pi * abs(x) / end) for x, end in zip(place, ends, strict=True))
        return shape * math.cos(omega * t)

    def exact(self, time):
        if self.initial == "rest" or self.frequency or self.absorbing or len({*self.speeds}) > 1:
            return {}
        return {"pressure": lambda *place: self.mode(place, time)}
