"""State of every kind that an experiment may have."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

import parcompute as pc

PARTICLES = 60


@pc.stencil
def leap(before, now, *, c):
    """Return the next time level, in the place of the one before."""
    laplacian = now[-1, 0] + now[1, 0] + now[0, -1] + now[0, 1] - 4.0 * now[0, 0]
    return 2.0 * now[0, 0] - before[0, 0] + c * laplacian


@dataclass
class Stateful(pc.Experiment):
    """A wave that is kicked at random, its running average, and particles that it carries."""

    shape: tuple[int, int] = (20, 28)
    steps: int = 300
    pause: float = 0.002  # seconds of each step: so that there is time to kill the run
    kicks: list[float] = field(default_factory=list)  # a parameter that grows
    sign: float = 1.0  # a parameter that changes, and changes back

    def setup(self, comm):
        grid = self.grid = pc.Grid(self.shape, [(0.0, 1.0), (0.0, 1.0)], comm=comm)
        self.now, self.before = grid.field("a"), grid.field("b")
        self.phase = grid.field("phase", dtype=complex)
        self.wet = grid.field("wet", dtype=bool)
        for level in (self.now, self.before):
            level.fill(lambda y, x: np.sin(3 * np.pi * y) * x)
        self.phase.fill(lambda y, x: x + 1j * y)
        self.average = np.zeros(grid.shape_local)
        self.count = 0
        self.sums = {"mean": 0.0, "wet": 0, "rows": np.zeros(3)}
        self.random = np.random.default_rng(11)
        self.sign = -1.0
        self.swarm = pc.Particles("swarm", comm, {"id": int, "x": float}, key="id")
        mine = np.arange(comm.Get_rank(), PARTICLES, comm.Get_size())
        self.swarm.set(id=mine, x=mine / PARTICLES)
        self.share()

    def step(self):
        kick, shifts = self.random.normal(), self.random.random(PARTICLES)
        self.kicks.append(kick)
        self.sign = -self.sign
        leap(self.before, self.now, c=0.1)
        self.now, self.before = self.before, self.now
        self.now.owned[...] *= 1.0 + 1e-3 * self.sign * np.tanh(kick)
        self.average += self.now.owned
        self.count += 1
        self.phase.owned[...] *= np.exp(1j * self.now.owned)
        self.wet.owned[...] ^= self.now.owned > 0.1
        self.sums["mean"] += self.now.mean()
        self.sums["rows"][self.count % 3] += kick
        self.swarm["x"] = (self.swarm["x"] + 0.2 * shifts[self.swarm["id"]]) % 1.0
        self.share()
        time.sleep(self.pause)

    def share(self):
        """Bring each particle to the rank that has its part of the interval."""
        comm = self.grid.comm
        size = comm.Get_size()
        ids, x = self.swarm["id"], self.swarm["x"]
        owner = np.minimum((x**2 * size).astype(int), size - 1)
        got = comm.alltoall([(ids[owner == r], x[owner == r]) for r in range(size)])
        self.swarm.set(
            id=np.concatenate([a for a, _ in got]), x=np.concatenate([b for _, b in got])
        )

    def measure(self):
        whole = self.grid.field("average")
        whole.owned[...] = self.average
        return {
            "average": whole.norm() / max(self.count, 1),
            "mean": self.sums["mean"],
            "rows": float(self.sums["rows"] @ [1.0, 2.0, 3.0]),
            "kicks": float(np.sum(self.kicks)),
            "length": len(self.kicks),
            "sign": self.sign,
        }
