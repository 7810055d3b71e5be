"""Experiments with all kinds of state, whose results are the same on any number of ranks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np

import parcompute as pc

SHAPE = (12, 10)


class Pair:
    """An object of the user that holds a field and a number."""

    def __init__(self, of, number):
        self.of, self.number = of, number


@dataclass
class Stateful(pc.Experiment):
    """Base of those here: a grid, and what is compared."""

    steps: int = 9

    def setup(self, comm):
        self.comm = comm
        self.grid = pc.Grid(SHAPE, comm=comm)
        self.u = self.grid.field("u", halo=0)
        self.u.fill(lambda y, x: y * 100 + x)
        self.begin()

    def begin(self):
        pass

    def seen(self):
        """Return everything that tells of the state, the same on every rank."""
        return [self.u[:]]

    def whole(self, block):
        """Return the array of which every rank has a block."""
        result = np.zeros(self.grid.shape_global, block.dtype)
        for box, values in self.comm.allgather((self.grid.box, block)):
            result[box.slices] = values
        return result


@dataclass
class Plain(Stateful):
    """Attributes that pickle, changed in every way."""

    def begin(self):
        self.count, self.name, self.nothing, self.nan = 0, "a", None, float("nan")
        self.nested = {"list": [1, (2, "ä")], 3: {"x": b""}}
        self.table = np.zeros(5)

    def step(self):
        self.count += 1
        self.name = f"{self.name}{self.count}"
        self.nothing = self.nothing or ("no longer",)
        self.nested["list"].append({"count": self.count})
        self.nested[3]["x"] += bytes([self.count])
        self.table = np.append(self.table, self.table.sum() + self.count / 3)
        self.new = [*getattr(self, "new", []), np.float32(self.count) / 7]
        self.u.owned[...] += self.table[-1]

    def seen(self):
        return [*super().seen(), vars(self) | dict.fromkeys(("u", "grid", "comm"))]


@dataclass
class Swapped(Stateful):
    """Fields that change places: as attributes, in a list, in a dict, in an object."""

    def begin(self):
        self.v = self.grid.field("v", halo=0)
        self.levels = [self.grid.field(f"level{i}", halo=0, dtype=np.float32) for i in range(3)]
        self.named = {"now": self.u, "first": self.levels[0]}
        self.pair = Pair(self.v, 1)

    def step(self):
        self.v.owned[...] = 0.5 * self.u.owned + 0.25 * self.v.owned
        self.levels[0].owned[...] += self.pair.of.owned + self.pair.number
        self.u, self.v = self.v, self.u
        self.levels.append(self.levels.pop(0))
        self.named["now"] = self.levels[1]
        self.pair = Pair(self.named["first"], self.pair.number + 1)

    def seen(self):
        used = [self.u, self.v, *self.levels, *self.named.values(), self.pair.of]
        return [(f.name, f[:]) for f in used] + [self.pair.number, self.u is not self.v]


@dataclass
class Own(Stateful):
    """Arrays of the shape of the block, and views of one."""

    def begin(self):
        shape = self.grid.shape_local
        self.counts = np.zeros(shape, np.int32)
        self.mask = np.zeros(shape, bool)
        self.waves = np.zeros(shape, np.complex64)
        self.rows = self.counts[::2]
        self.holder = [self.mask]
        self.before = self.after = self.u.owned.copy()

    def step(self):
        self.counts += (self.u.owned % 7).astype(np.int32)
        self.rows[...] += 1
        self.mask ^= self.counts % 3 == 0
        self.waves = self.waves * 1j + self.u.owned
        self.before, self.after = self.after, self.after * 1.5 + self.before
        self.made = self.after - self.before
        self.u.owned[...] += self.mask

    def seen(self):
        names = ("counts", "mask", "waves", "before", "after", "made")
        arrays = [self.whole(getattr(self, name)) for name in names]
        return [*super().seen(), *arrays, np.shares_memory(self.rows, self.counts)]


@dataclass
class Random(Stateful):
    """Random generators, of which two attributes use one."""

    def begin(self):
        self.generator = np.random.default_rng(5)
        self.old = np.random.RandomState(6)
        self.sampler = Pair(self.generator, 0)

    def step(self):
        noise = self.generator.normal(size=SHAPE) + self.old.uniform(size=SHAPE)
        self.sampler.number = self.sampler.of.normal()
        self.u.owned[...] += noise[self.grid.box.slices] + self.sampler.number


@dataclass
class Sets(Stateful):
    """Sets that are equal on all ranks, though not in the order of their members."""

    def begin(self):
        self.seen_so_far = {"names": {"a"}, "numbers": set()}

    def step(self):
        count = len(self.seen_so_far["numbers"])
        new = [1024 * count, 1024 * count + 1024]  # which collide in the table of a set
        new = new[::-1] if self.comm.Get_rank() else new
        numbers = set(new) | self.seen_so_far["numbers"]
        self.seen_so_far = {"names": self.seen_so_far["names"] | {str(count)}, "numbers": numbers}
        self.u.owned[...] += len(numbers)

    def seen(self):
        return [*super().seen(), *map(sorted, self.seen_so_far.values())]


@dataclass
class Changed(Stateful):
    """Parameters that the run changes: one is replaced, one changed in place."""

    rate: float = 0.1
    history: list[float] = field(default_factory=list)
    kept: float = 2.0

    def step(self):
        self.rate *= 0.9
        self.history.append(self.rate)
        self.u.owned[...] *= 1 + self.rate

    def seen(self):
        return [*super().seen(), self.rate, self.history, self.kept]


@dataclass
class Swarm(Stateful):
    """Particles that have a number each, and move."""

    def begin(self):
        self.swarm = pc.Particles("swarm", self.comm, {"id": int, "x": float}, key="id")
        self.empty = {"in": [pc.Particles("none", self.comm, {"x": np.float32})]}
        if self.comm.Get_rank() == 0:
            self.swarm.set(id=np.arange(7)[::-1], x=np.arange(7) / 3)

    def step(self):
        self.swarm["x"] = self.swarm["x"] * 1.1 + self.swarm["id"]
        self.u.owned[...] += 1

    def seen(self):
        rows = [zip(s["id"], s["x"], strict=True) for s in [self.swarm]]
        found = [row for part in self.comm.allgather(list(*rows)) for row in part]
        return [*super().seen(), sorted(found), len(self.empty["in"][0])]


@dataclass
class Stale(Stateful):
    """Views of a field which `setup` has made: stale after an odd number of swaps."""

    def begin(self):
        self.block = self.u.owned
        self.column = self.u.owned[:, 1:2]

    def step(self):
        self.u.spare()[...] = self.u.padded + 1
        self.u.swap()


@dataclass
class Tables(Stateful):
    """Tables, the same on every rank, which could be taken for blocks of 1, 2 or 3 ranks."""

    def begin(self):
        self.line = pc.Grid((12,), comm=self.comm)
        self.tables = {}
        for size in (12, 6, 4):
            setattr(self, f"table{size}", np.arange(float(size)))

    def step(self):
        for size in (12, 6, 4):
            getattr(self, f"table{size}")[...] *= 1.5

    def seen(self):
        return [getattr(self, f"table{size}") for size in (12, 6, 4)]


EVERY = [Plain, Swapped, Own, Random, Sets, Changed, Swarm, Stale, Tables]


@pc.stencil
def smooth(u):
    return 0.5 * u[0, 0] + 0.25 * (u[0, -1] + u[0, 1])


@dataclass
class Tools(Stateful):
    """What no checkpoint can hold."""

    def begin(self):
        self.v = self.grid.field("v")
        self.kernel = smooth
        self.sequence = [smooth.on(self.v)]
        self.lock = threading.Lock()
        self.function = lambda: self.count
        self.tools = {"a": [self.lock]}
        self.wall = pc.Dirichlet(2.0)
        self.count = 0

    def step(self):
        self.count += 1
        with self.lock:
            pc.sweep(self.sequence)

    def seen(self):
        return [*super().seen(), self.v[:], self.count, self.function()]


@dataclass
class ByRank(Stateful):
    """A number that differs from rank to rank."""

    def begin(self):
        self.sum, self.other = 0, "same"

    def step(self):
        self.sum += self.comm.Get_rank() + 1
        if self.comm.Get_rank() == 1:
            self.only = {"one": self.sum}

    def seen(self):
        return [self.comm.allgather((self.sum, getattr(self, "only", None))), self.other]


@dataclass
class Fields(Stateful):
    """Fields and particles by parameter, to differ from those of a checkpoint."""

    names: str = "v"
    shape: tuple[int, int] = SHAPE
    columns: str = "x"

    def begin(self):
        grid = pc.Grid(self.shape, comm=self.comm)
        self.more = [grid.field(name) for name in self.names]
        columns = dict.fromkeys(self.columns, float)
        self.swarms = [pc.Particles("swarm", self.comm, columns)] if columns else []

    def step(self):
        pass
