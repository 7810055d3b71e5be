"""Shallow water over any bed, with wetting and drying, on a staggered grid.

Run with ``python -m parcompute run +exp=tsunami``, ``+exp=bowl``, ``+exp=dam_break`` or
``+exp=lake_at_rest``.

With depth h, velocities v and u along y and x, bed b, and gravity g,

    h_t + (h v)_y + (h u)_x = 0,
    (h v)_t + (h v v)_y + (h u v)_x + g h (h + b)_y = 0,
    (h u)_t + (h v u)_y + (h u u)_x + g h (h + b)_x = 0.

Depths lie in cells, velocities on faces (Arakawa's C grid). The depth at a face is that of the
water upwind, extrapolated with limited slopes and cut off at the higher bed; the means of these
flows carry momentum; then the new surface drives it. So water and momentum are conserved, depths
stay positive, a lake is at rest to the last bit, and land is a wall until the water is higher.

G. S. Stelling and S. P. A. Duinmeijer, Int. J. Numer. Meth. Fluids 43 (2003) 1329; D. Doyen and
P. H. Gunawan, Finite Volumes for Complex Applications VII (2014) 227; depths at faces: E. Audusse
et al., SIAM J. Sci. Comput. 25 (2004) 2050.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

import parcompute as pc
from parcompute.algorithms.dam_break import DamBreak
from parcompute.algorithms.limiters import minmod

NONE = -9999.0  # surface where there is no water, time of what has not happened


def rise(f, y, x, dy, dx):
    """Return the limited difference of a field across a cell along an axis: (1, 0) or (0, 1)."""
    return minmod(f[y, x] - f[y - dy, x - dx], f[y + dy, x + dx] - f[y, x])


def beside(h, b, y, x, dy, dx, part):
    """Return depth and surface at a `part` of the way from the centre of a cell to the next."""
    low, here, high = [h[y + k * dy, x + k * dx] + b[y + k * dy, x + k * dx] for k in (-1, 0, 1)]
    return h[y, x] + part * rise(h, y, x, dy, dx), here + part * minmod(here - low, high - here)


def flow(h, speed, b, y, x, dy, dx, c):
    """Return the flow of water through the lower face of a cell, per length [m^2/s]."""
    s = speed[y, x]
    part = 0.5 * (1.0 - c * abs(s))  # from where the water comes in the middle of the step
    depth_low, low = beside(h, b, y - dy, x - dx, dy, dx, part)
    depth_high, high = beside(h, b, y, x, dy, dx, -part)
    bed = max(low - depth_low, high - depth_high)
    return s * (max(low - bed, 0.0) if s > 0.0 else max(high - bed, 0.0))


def later(h, v, u, b, y, x, cy, cx):
    """Return the depth of a cell after the step; rounding does not make it negative."""
    across = flow(h, v, b, y + 1, x, 1, 0, cy) - flow(h, v, b, y, x, 1, 0, cy)
    along = flow(h, u, b, y, x + 1, 0, 1, cx) - flow(h, u, b, y, x, 0, 1, cx)
    return max(h[y, x] - cy * across - cx * along, 0.0)


def mean(f, y, x, dy, dx):
    """Return the mean of a field and its value one place below along an axis."""
    return 0.5 * (f[y - dy, x - dx] + f[y, x])


def carried(water, courant, q, y, x, dy, dx):
    """Return the flow of a velocity that water takes along from one of its faces to the next."""
    part = 0.5 * (1.0 - abs(courant))
    from_low = q[y, x] + part * rise(q, y, x, dy, dx)
    from_high = q[y + dy, x + dx] - part * rise(q, y + dy, x + dx, dy, dx)
    return water * (from_low if water > 0.0 else from_high)


def moved(h, q, other, b, dy, dx, c, cross):
    """Return momentum on the lower face of the cell, after what water has carried along."""
    along = [flow(h, q, b, k * dy, k * dx, dy, dx, c) for k in (-1, 0, 1)]
    aside = [
        [flow(h, other, b, k * dx - s * dy, k * dy - s * dx, dx, dy, cross) for s in (0, 1)]
        for k in (0, 1)
    ]
    low = carried(0.5 * (along[0] + along[1]), c * mean(q, 0, 0, dy, dx), q, -dy, -dx, dy, dx)
    high = carried(0.5 * (along[1] + along[2]), c * mean(q, dy, dx, dy, dx), q, 0, 0, dy, dx)
    near = carried(0.5 * sum(aside[0]), cross * mean(other, 0, 0, dy, dx), q, -dx, -dy, dx, dy)
    far = carried(0.5 * sum(aside[1]), cross * mean(other, dx, dy, dy, dx), q, 0, 0, dx, dy)
    return mean(h, 0, 0, dy, dx) * q[0, 0] - c * (high - low) - cross * (far - near)


def driven(momentum, low, high, bed_low, bed_high, push, dry):
    """Return the velocity: momentum per depth, and the slope of the surface; 0 where it is dry."""
    bed, depth = max(bed_low, bed_high), 0.5 * (low + high)
    climb = max(high + bed_high, bed) - max(low + bed_low, bed)
    return momentum / depth - push * climb if depth > dry else 0.0


@pc.stencil
def water(h, v, u, b, sponge, *, cy, cx, g, dry):
    here, south, west = [later(h, v, u, b, y, x, cy, cx) for y, x in ((0, 0), (-1, 0), (0, -1))]
    my, mx = moved(h, v, u, b, 1, 0, cy, cx), moved(h, u, v, b, 0, 1, cx, cy)
    rest, left = max(-b[0, 0], 0.0), 1.0 - sponge[0, 0]
    return (
        here + sponge[0, 0] * (rest - here),
        left * driven(my, south, here, b[-1, 0], b[0, 0], cy * g, dry),
        left * driven(mx, west, here, b[0, -1], b[0, 0], cx * g, dry),
    )


@pc.stencil
def record(highest, arrival, h, b, *, time, dry, threshold):
    """Highest surface, and the time when it was first away from 0 by more than a threshold."""
    surface = h[0, 0] + b[0, 0]
    first = arrival[0, 0] < 0.0 and h[0, 0] > dry and abs(surface) > threshold
    return (
        max(highest[0, 0], surface) if h[0, 0] > dry else highest[0, 0],
        time if first else arrival[0, 0],
    )


@pc.stencil
def surface_of(h, b, *, dry):
    return h[0, 0] + b[0, 0] if h[0, 0] > dry else NONE


@pc.stencil
def courant_number(h, v, u, *, cy, cx, g):
    c = sqrt(g * h[0, 0])
    along_y, along_x = max(abs(v[0, 0]), abs(v[1, 0])), max(abs(u[0, 0]), abs(u[0, 1]))
    return pc.reduce_max(cy * (along_y + c) + cx * (along_x + c))


@dataclass
class ShallowWater(pc.Experiment):
    """Shallow water with wetting and drying: dam break, swinging bowl, or a wave on a real sea.

    Exact solutions: dam break, Stoker (1957) and Ritter (1892); bowl, W. C. Thacker, J. Fluid Mech.
    107 (1981) 499, the planar surface, as in O. Delestre et al., Int. J. Numer. Meth. Fluids 72
    (2013) 269, section 4.2.2. Where the shore of the bowl recedes, a film of a few millimetres is
    left on the slope; it is thinner on finer grids (decision record 0019).
    """

    problem: str = "bowl"  # dam, bowl, sea
    shape: tuple[int, int] = (200, 200)  # cells [y, x]
    low: tuple[float, float] = (-2.0, -2.0)  # position of the low walls [y, x], m
    high: tuple[float, float] = (2.0, 2.0)  # of the high walls, m
    gravity: float = 9.81  # m/s^2
    depths: tuple[float, float] = (0.005, 0.001)  # dam: left and right of the middle, m
    depth: float = 0.1  # bowl: of the water at rest, m
    radius: float = 1.0  # bowl: of the shore of the water at rest, m
    swing: float = 0.5  # bowl: of the middle of the water, m
    terrain: str = ""  # sea: FILE[:NAME] with heights above the water at rest, m
    refine: int = 1  # sea: cells along an axis for each value of the file
    hump: float = 0.0  # sea: height of the water heaped up at the beginning, m
    source: tuple[float, float] = (0.0, 0.0)  # sea: where [y, x], m
    width: float = 1.0  # sea: its standard deviation, m
    sponge: int = 0  # cells along the walls where waves die away (open sea); 0: walls reflect
    threshold: float = 0.1  # sea: a wave has arrived when the surface is so far from rest, m
    gauges: dict[str, list[float]] = field(default_factory=dict)  # sea: places [y, x], m
    dry: float = 1e-8  # no flow where the water is less deep, m
    fastest: float | None = None  # m/s, no wave is faster; default: the exact solution's
    cfl: float = 0.45  # dt fastest (1/dy + 1/dx) [-]; depths stay positive for cfl <= 1/2
    steps: int = 1000
    time_units = "s"

    def validate(self):
        if self.problem not in ("dam", "bowl", "sea"):
            raise pc.ConfigError(
                f"experiment.problem must be one of dam, bowl, sea, got '{self.problem}'."
            )
        if not 0 < self.cfl <= 0.5:
            raise pc.ConfigError(
                f"experiment.cfl={self.cfl} lets cells run out of water: it must be above 0 and "
                f"not larger than 0.5."
            )
        for name in ("gravity", "depth", "radius", "width", "dry", "threshold"):
            if not getattr(self, name) > 0:
                raise pc.ConfigError(
                    f"experiment.{name} must be positive, got {getattr(self, name)}."
                )
        if not all(a < b for a, b in zip(self.low, self.high, strict=True)):
            raise pc.ConfigError(
                f"experiment.low={list(self.low)} must be below experiment.high={list(self.high)}."
            )
        if self.problem == "dam":
            self.dam  # noqa: B018 - refuses depths
        if self.problem == "sea" and not (self.terrain and self.fastest and self.fastest > 0):
            raise pc.ConfigError(
                "experiment.problem=sea needs experiment.terrain, a file, and experiment.fastest: "
                "sqrt(gravity deepest) and some more [m/s]."
            )
        if not 0 <= 2 * self.sponge < min(self.shape):
            raise pc.ConfigError(
                f"experiment.sponge={self.sponge} cells on both sides do not fit into "
                f"experiment.shape={list(self.shape)}."
            )
        for name, place in self.gauges.items():
            if not all(a <= p < b for a, p, b in zip(self.low, place, self.high, strict=True)):
                raise pc.ConfigError(
                    f"experiment.gauges.{name}={list(place)} is outside of the grid, "
                    f"{list(self.low)} to {list(self.high)}."
                )

    @property
    def dam(self):
        return DamBreak(*self.depths, self.gravity)

    @property
    def frequency(self):
        """Of the water in the bowl [1/s]."""
        return sqrt(2 * self.gravity * self.depth) / self.radius

    @property
    def spacing(self):
        return [(b - a) / n for a, b, n in zip(self.low, self.high, self.shape, strict=True)]

    @property
    def dt(self):
        dy, dx = self.spacing
        return self.cfl / (self.limit * (1 / dy + 1 / dx))

    @property
    def limit(self):
        """No wave is faster [m/s]."""
        if self.fastest is not None:
            return self.fastest
        if self.problem == "bowl":
            return self.swing * self.frequency + sqrt(self.gravity * self.depth)
        return self.dam.fastest

    @property
    def numbers(self):
        """What stencils are told: dt/dy, dt/dx and gravity."""
        dy, dx = self.spacing
        return {"cy": self.dt / dy, "cx": self.dt / dx, "g": self.gravity}

    def reduced(self):
        """Return few steps, each of many operations, on the cells of the terrain's file."""
        return {
            "steps": min(self.steps, 12),
            "refine": 1,
            "shape": tuple(n // self.refine for n in self.shape),
            "sponge": self.sponge // self.refine,
        }

    def setup(self, comm):
        grid = pc.Grid(
            self.shape, list(zip(self.low, self.high, strict=True)), comm=comm, units="m"
        )
        even, odd = pc.Reflecting(), pc.Reflecting("odd")
        self.grid = grid
        self.bed = grid.field("bed", halo=3, boundary=even, units="m")
        self.h = grid.field("depth", halo=3, boundary=even, units="m")
        self.v = grid.field(
            "velocity_y", halo=2, at=("face", "centre"), boundary=[odd, even], units="m s-1"
        )
        self.u = grid.field(
            "velocity_x", halo=2, at=("centre", "face"), boundary=[even, odd], units="m s-1"
        )
        self.soaked = grid.field("soaked", long_name="part of a wave that the sponge takes")
        self.surface = grid.field("surface", units="m", missing=NONE)
        self.highest = grid.field("highest", units="m", long_name="highest surface", missing=NONE)
        self.arrival = grid.field(
            "arrival", units="s", long_name="time of the first wave", missing=NONE
        )
        self.soaked.fill(self.taken_by_sponge)
        if self.problem == "sea":
            self.load(self.bed, self.terrain, refine=self.refine)
        else:
            self.bed.fill(self.ground)
        y, x = self.h.coordinates_local()
        self.h.owned[...] = np.maximum(self.level(y, x, 0.0) - self.bed.owned, 0.0)
        if self.problem == "bowl":
            self.v.fill(lambda y, x: self.swing * self.frequency + 0 * y + 0 * x)
        self.highest.fill(lambda y, x: NONE + 0 * y + 0 * x)
        self.arrival.fill(lambda y, x: NONE + 0 * y + 0 * x)
        record(*self.records, time=0.0, dry=self.dry, threshold=self.threshold)
        self.draw()
        for name, cell in self.places.items():
            if self.h[cell] <= self.dry:
                raise pc.ConfigError(
                    f"experiment.gauges.{name} is on land, {self.bed[cell]:.6g} m high: put it "
                    f"where there is water."
                )

    @property
    def records(self):
        return self.highest, self.arrival, self.h, self.bed

    def taken_by_sponge(self, y, x):
        """Return which part of waves a step takes: none, but more and more towards the walls."""
        part = 0.0 * y + 0.0 * x
        for q, a, b, h in zip((y, x), self.low, self.high, self.spacing, strict=True):
            inside = np.minimum(q - a, b - q) / (max(self.sponge, 1) * h)
            part = np.maximum(part, np.clip(1.0 - inside, 0.0, 1.0) * (self.sponge > 0))
        rate = 6.0 * self.limit / (max(self.sponge, 1) * min(self.spacing))  # a few e-foldings
        return 1.0 - 1.0 / (1.0 + self.dt * rate * part**2)

    def ground(self, y, x):
        """Return the bed of the bowl or the dam."""
        if self.problem == "dam":
            return 0.0 * y + 0.0 * x
        return -self.depth * (1.0 - (y * y + x * x) / self.radius**2)

    def level(self, y, x, time):
        """Return the surface at a time; under the ground where there is no water."""
        if self.problem == "sea":
            square = (y - self.source[0]) ** 2 + (x - self.source[1]) ** 2
            return self.hump * np.exp(-square / (2 * self.width**2))
        if self.problem == "dam":
            gate = 0.5 * (self.low[1] + self.high[1])
            return self.dam((x - gate) / max(time, 1e-300))[0] + 0.0 * y
        angle = self.frequency * time
        tilt = 2 * (x * np.cos(angle) + y * np.sin(angle)) - self.swing
        return self.swing * self.depth / self.radius**2 * tilt

    def advance(self, n):
        steps = [
            water.on(self.h, self.v, self.u, self.bed, self.soaked, **self.numbers, dry=self.dry),
            record.on(
                *self.records,
                time=lambda t: t + self.dt,
                dry=self.dry,
                threshold=self.threshold,
            ),
        ]
        pc.sweep(steps if self.problem == "sea" else steps[:1], sweeps=n, clock=self.clock)
        self.draw()
        fastest = self.courant()
        if not fastest <= 0.5:
            raise pc.DivergenceError(
                f"Shallow water at step {self.steps_done + n}: the Courant number is {fastest:.3g} "
                f"and must not be larger than 0.5: make experiment.cfl={self.cfl} smaller or "
                f"experiment.fastest={self.limit:.4g} larger."
            )

    def draw(self):
        """Set the field of the surface; a film of water that was left behind is none."""
        surface_of(self.h, self.bed, out=self.surface, dry=10 * self.dry)

    def courant(self):
        return courant_number(self.h, self.v, self.u, **self.numbers)

    def measure(self):
        found = {
            "volume": self.h.sum() * self.grid.cell_volume,
            "min_depth": self.h.min(),
            "max_surface": self.surface.max(),
            "courant": self.courant(),
        }
        for name, cell in self.places.items():
            arrival = float(self.arrival[cell])
            found[name] = float(self.surface[cell])
            found[f"{name}_arrival"] = arrival if arrival >= 0 else np.nan
        return found

    @property
    def places(self):
        """The cells of the gauges."""
        return {
            name: tuple(
                int((p - a) / h) for p, a, h in zip(place, self.low, self.spacing, strict=True)
            )
            for name, place in self.gauges.items()
        }

    def exact(self, time):
        if self.problem == "sea":
            return {}
        return {"depth": lambda y, x: np.maximum(self.level(y, x, time) - self.ground(y, x), 0.0)}
