"""State of all kinds, in a run that fails or takes its time if the environment tells so."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

import parcompute as pc


class Meter:
    """Counts steps, and adds what it is told."""

    def __init__(self):
        self.steps, self.sum = 0, 0.0


@pc.stencil
def mix(u, v, *, rate):
    return u[0, 0] + rate * (v[-1, 0] - 2.0 * v[0, 0] + v[0, 1])


@dataclass
class Resumable(pc.Experiment):
    """Two fields that change places, noise, an own array, particles, a rate that decays."""

    shape: tuple[int, int] = (14, 11)
    rate: float = 0.1
    steps: int = 22

    def setup(self, comm):
        self.grid = pc.Grid(self.shape, comm=comm)
        self.u = self.grid.field("u")
        self.v = self.grid.field("v")
        self.u.fill(lambda y, x: np.sin(y) + x)
        self.v.fill(lambda y, x: np.cos(x) * y)
        self.seen = np.zeros(self.grid.shape_local)
        self.noise = np.random.default_rng(3)
        self.random = pc.random.Stream(3, "kicks")
        self.meter = Meter()
        self.swarm = pc.Particles("swarm", comm, {"id": int, "x": float}, key="id")
        mine = np.arange(comm.Get_rank(), 9, comm.Get_size())
        self.swarm.set(id=mine, x=mine / 7)

    def step(self):
        if self.meter.steps == int(os.environ.get("FAIL_AT", -1)):
            raise ValueError("boom")
        time.sleep(float(os.environ.get("TAKE", 0)))
        mix(self.u, self.v, rate=self.rate, out=self.u)
        self.seen = 0.5 * self.seen + self.u.owned
        noise = self.noise.normal(size=self.shape)
        self.v.owned[...] += self.seen * noise[self.grid.box.slices]
        self.v.owned[...] += self.random.normal(self.v, 0.0, 0.1, step=self.steps_done)
        self.u, self.v = self.v, self.u
        self.rate *= 0.99
        self.meter.steps += 1
        self.meter.sum += noise.sum()
        kicks = self.random.normal(self.swarm["id"], step=self.steps_done)
        self.swarm["x"] = self.swarm["x"] * 1.01 + self.rate * kicks

    def measure(self):
        return {"sum": self.meter.sum, "rate": self.rate}
