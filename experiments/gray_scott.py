"""Patterns of two reacting and diffusing species: Pearson's classes, in two or three dimensions.

Run with ``python -m parcompute run +exp=gray_scott``; some seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import parcompute as pc


@pc.stencil
def react2d(u, v, *, du, dv, f, k):
    reaction = u[0, 0] * v[0, 0] * v[0, 0]
    lap_u = u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0]
    lap_v = v[-1, 0] + v[1, 0] + v[0, -1] + v[0, 1] - 4.0 * v[0, 0]
    return (
        u[0, 0] + du * lap_u - reaction + f * (1.0 - u[0, 0]),
        v[0, 0] + dv * lap_v + reaction - (f + k) * v[0, 0],
    )


NEIGHBOURS = [(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]


@pc.stencil
def react3d(u, v, *, du, dv, f, k):
    here = (0, 0, 0)
    reaction = u[here] * v[here] * v[here]
    lap_u = sum(u[there] for there in NEIGHBOURS) - 6.0 * u[here]
    lap_v = sum(v[there] for there in NEIGHBOURS) - 6.0 * v[here]
    return (
        u[here] + du * lap_u - reaction + f * (1.0 - u[here]),
        v[here] + dv * lap_v + reaction - (f + k) * v[here],
    )


CLASSES = {  # feed f and kill k of Pearson's patterns
    "alpha": (0.010, 0.047),  # spirals that break up
    "beta": (0.026, 0.051),  # waves with holes that open and close
    "gamma": (0.022, 0.051),  # stripes that never come to rest
    "delta": (0.030, 0.055),  # hexagons of holes
    "epsilon": (0.018, 0.055),  # rings and spots that crowd each other out
    "zeta": (0.026, 0.059),  # spots that divide and fade without end
    "theta": (0.030, 0.057),  # a labyrinth
    "iota": (0.046, 0.0594),  # chains of holes
    "kappa": (0.058, 0.063),  # worms that fill the plane
    "lambda": (0.034, 0.065),  # spots that divide and come to rest
    "mu": (0.046, 0.065),  # worms that grow at their ends
}


@dataclass
class GrayScott(pc.Experiment):
    """Gray-Scott reaction u + 2 v -> 3 v with diffusion, feed f and removal f + k; a torus.

    u_t = du lap(u) - u v^2 + f (1 - u), v_t = dv lap(v) + u v^2 - (f + k) v, by forward Euler with
    steps and cells of size 1 (Pearson, "Complex patterns in a simple system", Science 261, 1993).
    Squares of v = 1/4 and u = 1/2 in u = 1, 20 cells wide where there is room as in Pearson's
    paper, are disturbed by 1 % of noise, the same on any number of ranks.
    """

    shape: tuple[int, ...] = (256, 256)  # cells [y, x] or [z, y, x]
    pattern: str = "kappa"  # one of Pearson's classes
    du: float = 0.16  # diffusivity dt / h^2 [-]; stable to 0.875 / (2 axes)
    dv: float = 0.08
    spots: int = 20  # squares, or cubes, of v at the beginning
    seed: int = 1
    steps: int = 8000

    def validate(self):
        if len(self.shape) not in (2, 3):
            raise pc.ConfigError(
                f"experiment.shape must have 2 or 3 entries, got {list(self.shape)}."
            )
        if self.pattern not in CLASSES:
            raise pc.ConfigError(
                f"experiment.pattern must be one of {', '.join(CLASSES)}, got '{self.pattern}'."
            )
        limit = 0.875 / (2 * len(self.shape))  # 4 axes du + v^2 < 2, where v is up to 1/2
        if not (0 < self.du <= limit and 0 < self.dv <= limit):
            raise pc.ConfigError(
                f"experiment.du={self.du} and experiment.dv={self.dv} must lie in (0, {limit:.4g}] "
                f"to be stable in {len(self.shape)} dimensions."
            )

    def setup(self, comm):
        grid = pc.Grid(self.shape, comm=comm, periods=True)
        self.u = grid.field("u", long_name="concentration of u")
        self.v = grid.field("v", long_name="concentration of v")
        noise = pc.random.Stream(self.seed, "gray-scott")
        self.u.owned[...] = 1.0
        half = max(1, min(10, min(self.shape) // 8))
        for centre in noise.integers(range(self.spots), half, min(self.shape) - half, size=3):
            spot = tuple(slice(c - half, c + half) for c in centre[-len(self.shape) :])
            self.u[spot], self.v[spot] = 0.5, 0.25
        self.u.owned[...] *= 1 - 0.01 * noise.uniform(self.u)
        self.v.owned[...] *= 1 + 0.01 * noise.uniform(self.v, step=1)

    def advance(self, n):
        react = react2d if len(self.shape) == 2 else react3d
        f, k = CLASSES[self.pattern]
        react(self.u, self.v, du=self.du, dv=self.dv, f=f, k=k, sweeps=n)

    def measure(self):
        return {"mean_u": self.u.mean(), "mean_v": self.v.mean(), "max_v": self.v.max()}
