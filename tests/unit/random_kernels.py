"""Random programs: stencils as text, fields of any kind, boundaries, and sequences of them.

All choices come from a `random.Random`: that of a seed, or one that Hypothesis draws and shrinks.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any

import numpy as np

import parcompute as pc

FLOATS = ("float64", "float32")
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
SPECIAL = (0.0, -0.0, 5e-324, -1e-310, 1e308, -1e300, np.inf, -np.inf, np.nan, 1.0)
_NAMES = {"np": np, "pc": pc, "sqrt": np.sqrt, "where": pc.where}
_numbers = count()


@dataclass(frozen=True)
class FieldPlan:
    """How a field is made, and the boundary (low, high) of each axis."""

    dtype: str
    halo: tuple[int, ...]
    at: tuple[str, ...]
    boundary: tuple[Any, ...]
    special: bool = False


@dataclass(frozen=True)
class Call:
    """A stencil and the numbers of the fields that it is applied to."""

    source: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    scalars: dict[str, Any]


@dataclass(frozen=True)
class Program:
    """Stencils in turn on the fields of one grid."""

    shape: tuple[int, ...]
    periods: tuple[bool, ...]
    fields: tuple[FieldPlan, ...]
    calls: tuple[Call, ...]
    stencils: tuple[Any, ...] = field(repr=False)

    def __str__(self) -> str:
        lines = [f"shape {self.shape}, periods {self.periods}", *map(str, self.fields)]
        for call in self.calls:
            lines += [call.source, f"{call.inputs} -> {call.outputs} {call.scalars}"]
        return "\n".join(lines)

    def bind(self, comm: Any, dims: Sequence[int] | None = None) -> list[Any]:
        """Return the applications on a new grid, with the same values on any ranks."""
        grid = pc.Grid(
            self.shape,
            [(0.0, 1.0 + 0.5 * a) for a in range(len(self.shape))],
            comm=comm,
            dims=dims,
            periods=self.periods,
        )
        fields = [_field(grid, k, plan) for k, plan in enumerate(self.fields)]
        return [
            stencil.on(
                *(fields[k] for k in call.inputs),
                out=[fields[k] for k in call.outputs],
                **call.scalars,
            )
            for stencil, call in zip(self.stencils, self.calls, strict=True)
        ]


def _field(grid: Any, number: int, plan: FieldPlan) -> Any:
    options = {"dtype": plan.dtype, "halo": plan.halo, "at": plan.at}
    made = grid.field(f"f{number}", boundary=list(plan.boundary), **options)
    made[...] = values(np.random.default_rng(number), grid.shape_global, plan.dtype, plan.special)
    return made


def values(rng: np.random.Generator, shape: Any, dtype: str, special: bool) -> Any:
    """Return random values of a type, with zeros, infinities and NaN if they are wanted."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        low, high = (info.min, info.max) if special else (max(info.min, -9), 9)
        return rng.integers(low, high, shape, dtype=dtype, endpoint=True)
    found = rng.normal(size=shape)
    if special:
        chosen = rng.random(shape) < 0.2
        found[chosen] = rng.choice(SPECIAL, int(chosen.sum()))
    with np.errstate(over="ignore"):
        return found.astype(dtype)


def compiled(source: str) -> Any:
    """Return the stencil of a function given as text."""
    path = f"<random kernel {next(_numbers)}>"
    linecache.cache[path] = len(source), None, source.splitlines(keepends=True), path
    names = dict(_NAMES)
    exec(compile(source, path, "exec"), names)
    return pc.stencil(names["kernel"])


@dataclass
class Kernel:
    """Writes one stencil.

    Parameters
    ----------
    random : Random
        What chooses.
    fields : mapping
        Types of the inputs, by name.
    outputs : sequence of str
        Types of the results.
    reach : sequence of (int, int)
        Lowest and highest offset along each axis.
    corners : bool
        Whether cells off the axes are read.
    tame : bool
        Whether values stay finite for many sweeps.
    """

    random: Random
    fields: dict[str, str]
    outputs: Sequence[str]
    reach: Sequence[tuple[int, int]]
    corners: bool
    tame: bool
    reduced: Sequence[str] = ()
    known: list[str] = field(default_factory=list)

    def source(self) -> str:
        """Return the text of the function."""
        body = [line for _ in range(self.random.randint(0, 2)) for line in self._statement()]
        results = [self._result(dtype) for dtype in self.outputs]
        results += [f"pc.reduce_{kind}({self._reduced()})" for kind in self.reduced]
        head = f"def kernel({', '.join(self.fields)}, *, r, s):"
        return "\n    ".join([head, *body, f"return {', '.join(results)}"]) + "\n"

    def _reduced(self) -> str:
        return self.whole(2) if self.random.random() < 0.2 and self._of("iu") else self.real(2)

    def _statement(self) -> Iterator[str]:
        name = f"a{len(self.known)}"
        if self.random.random() < 0.5:
            yield f"{name} = {self.real(2)}"
        else:
            yield f"if {self.condition(1)}:"
            yield f"    {name} = {self.real(1)}"
            yield "else:"
            yield f"    {name} = {self.real(2)}"
        self.known.append(name)

    def _result(self, dtype: str) -> str:
        kind = np.dtype(dtype).kind
        if kind == "b":
            return self.condition(2)
        if kind in "iu":
            return f"np.{dtype}({self.whole(3)})"
        value = self.real(3)
        if self.tame:
            value = f"0.9 * ({value} + {self.read('f')}) / (1.0 + abs({self.real(1)}))"
        return f"np.{dtype}({value})"

    def _of(self, kinds: str) -> list[str]:
        return [name for name, dtype in self.fields.items() if np.dtype(dtype).kind in kinds]

    def read(self, kinds: str) -> str:
        """Return the read of a field, a number if there is no field of that kind."""
        names = self._of(kinds)
        if not names:
            return {"f": "0.75", "b": "(r > 0.0)"}.get(kinds, "3")
        offset = [0] * len(self.reach)
        axes = range(len(offset)) if self.corners else [self.random.randrange(len(offset))]
        for axis in axes:
            offset[axis] = self.random.randint(*self.reach[axis])
        return f"{self.random.choice(names)}[{', '.join(map(str, offset))}]"

    def real(self, depth: int) -> str:
        """Return a floating-point expression."""
        if not depth or self.random.random() < 0.15:
            return self._real_leaf()
        a, b = self.real(depth - 1), self.real(depth - 1)
        choices = [f"({a} {op} {b})" for op in "+-*"]
        choices += [f"min({a}, {b})", f"max({a}, {b})", f"np.minimum({a}, {b})", f"(-{a})"]
        choices += [f"np.sqrt(abs({a}))", f"np.abs({b})"]
        choices += [f"({a} / (1.0 + abs({b})))" if self.tame else f"({a} / {b})"]
        choice = self.random.randrange(len(choices) + 3)
        if choice < len(choices):
            return choices[choice]
        test = self.condition(depth - 1)
        return [f"({a} if {test} else {b})", f"where({test}, {a}, {b})", f"np.float32({a})"][
            choice - len(choices)
        ]

    def _real_leaf(self) -> str:
        if self.random.random() < 0.6:
            return self.read("f")
        ndim = len(self.reach)
        axis = self.random.randrange(ndim)
        leaves = [*self.known, "r", "s", "0.1", "-2.5", "3", f"0.1 * pc.index({axis})"]
        leaves += [f"pc.position({axis})", f"np.float64({self.read('iu')})"]
        return self.random.choice(leaves)

    def whole(self, depth: int) -> str:
        """Return an expression of whole numbers."""
        if not depth or not self._of("iu"):
            return self.random.choice([self.read("iu"), self.read("iu"), "2", "1", self._index()])
        a, b = self.whole(depth - 1), self.whole(depth - 1)
        choices = [f"({a} {op} {b})" for op in ("+", "-", "*", "//", "%", "&", "|", "^")]
        choices += [f"min({a}, {b})", f"max({a}, {b})", f"abs({a})", f"(-{a})", f"({a} >> 1)"]
        choices += [f"({a} << 2)", f"(~{a})", f"where({self.condition(depth - 1)}, {a}, {b})"]
        choices += [f"np.int32(min(max(-99.0, {self.real(1)}), 99.0))", f"np.int64({a})"]
        return self.random.choice(choices)

    def _index(self) -> str:
        return f"pc.index({self.random.randrange(len(self.reach))})"

    def condition(self, depth: int) -> str:
        """Return a condition."""
        if depth and self.random.random() < 0.4:
            a, b = self.condition(depth - 1), self.condition(depth - 1)
            return self.random.choice([f"({a} and {b})", f"({a} or {b})", f"(not {a})"])
        if self._of("b") and self.random.random() < 0.5:
            return self.read("b")
        part = self.whole if self._of("iu") and self.random.random() < 0.3 else self.real
        test = self.random.choice(["<", "<=", ">", ">=", "==", "!="])
        return f"({part(1)} {test} {part(0)})"


def _wave(scale: float, kind: str, *coordinates: Any, t: float = 0.0) -> Any:
    found = scale * np.cos(sum((k + 1) * x for k, x in enumerate(coordinates)) + 7 * t)
    return found if kind == "f" else np.floor(3 + 3 * found).astype(int) != 0


def _still(scale: float, kind: str) -> Callable[..., Any]:
    return lambda *coordinates: _wave(scale, kind, *coordinates)


def _moving(scale: float, kind: str) -> Callable[..., Any]:
    return partial(_wave, scale, kind)


def _doubled(ghost: Any, inner: Any, t: float) -> None:
    ghost[...] = (2 * inner[:1] + (t > 0.1)).astype(ghost.dtype)


def _value(random: Random, kind: str, across: Sequence[int]) -> Any:
    """Return the value of a boundary: a number, an array, a function."""
    scale = random.choice([0.0, 0.5, -1.25])
    array = np.random.default_rng(random.randrange(9)).normal(size=tuple(across))
    if kind != "f":
        scale, array = random.choice([0, 1]), array > 0
    if kind != "f" and random.random() < 0.5:
        return scale
    return random.choice([scale, array, _still(scale, kind), _moving(scale, kind)])


def _wall(random: Random, kind: str, across: Sequence[int], custom: bool) -> Any:
    """Return a random boundary that suits values of a kind."""
    value = partial(_value, random, kind, across)
    every = [
        lambda: pc.Dirichlet(value()),
        lambda: pc.Fixed(value()),
        lambda: pc.Neumann(value() if kind == "f" else 0),
        pc.Reflecting,
        pc.Extrapolating,
    ]
    if kind in "if":
        every += [lambda: pc.Reflecting("odd"), lambda: pc.Extrapolating(1)]
    if kind == "f":
        every += [lambda: pc.Robin(2.0, random.choice([0.5, 0.0, -3.0]), value())]
    if custom:
        every += [lambda: pc.Custom(_doubled)] * 2
    return random.choice(every)()


def _scalar(random: Random, sweeps: int) -> Any:
    number = random.choice([0.3, -1.5, 2.0, 0.0])
    series = [number + 0.1 * k for k in range(sweeps)]
    return random.choice([number, series, lambda t: number + t])


@dataclass(frozen=True)
class Kind:
    """What programs are to be like."""

    ndim: int
    calls: int = 1
    dtypes: tuple[str, ...] = ("float64",)
    tame: bool = True
    special: bool = False
    faces: bool = True
    custom: bool = False
    sweeps: int = 6
    reach: int = 2
    reductions: tuple[str, ...] = ()
    cells: tuple[int, int] = (0, 6)


def program(random: Random, kind: Kind) -> Program:
    """Return a random program; redrawn until its types and sizes suit."""
    while True:
        try:
            return _program(random, kind)
        except (pc.StencilError, pc.ConfigError):
            continue


def _program(random: Random, kind: Kind) -> Program:
    ndim = kind.ndim
    dtypes = [random.choice(kind.dtypes) for _ in range(random.randint(1, 3))]
    calls = [_call(random, kind, dtypes) for _ in range(random.randint(1, kind.calls))]
    stencils = tuple(compiled(call.source) for call in calls)
    halos = [[0] * ndim for _ in dtypes]
    for call, stencil in zip(calls, stencils, strict=True):
        if stencil.formula.ndim != ndim:
            raise pc.ConfigError("no read")
        for number, radius in zip(call.inputs, stencil.radii(ndim), strict=True):
            halos[number] = list(map(max, halos[number], radius))
    halos = [[w + random.choice([0, 0, 0, 1]) for w in halo] for halo in halos]
    most = [max(2, *(halo[a] + 1 for halo in halos)) for a in range(ndim)]
    shape = tuple(m + random.randint(*kind.cells) for m in most)
    periods = tuple(random.random() < 0.3 for _ in range(ndim))
    fields = tuple(
        _field_plan(random, kind, dtype, tuple(halo), shape, periods)
        for dtype, halo in zip(dtypes, halos, strict=True)
    )
    made = Program(shape, periods, fields, tuple(calls), stencils)
    made.bind(pc.serial())
    return made


def _field_plan(random, kind, dtype, halo, shape, periods) -> FieldPlan:
    sides = []
    for axis, periodic in enumerate(periods):
        across = [n for a, n in enumerate(shape) if a != axis]
        wall = partial(_wall, random, np.dtype(dtype).kind, across, kind.custom)
        sides.append(pc.Periodic() if periodic else (wall(), wall()))
    faces = [kind.faces and random.random() < 0.3 for _ in shape]
    at = tuple("face" if f else "centre" for f in faces)
    return FieldPlan(dtype, halo, at, tuple(sides), kind.special)


def _call(random: Random, kind: Kind, dtypes: Sequence[str]) -> Call:
    numbers = range(len(dtypes))
    inputs = random.sample(numbers, random.randint(1, len(dtypes)))
    if random.random() < 0.1:
        inputs.append(random.choice(inputs))
    outputs = random.sample(numbers, random.randint(1, len(dtypes)))
    names = {f"u{k}": dtypes[number] for k, number in enumerate(inputs)}
    reach = [
        (-random.randint(0, kind.reach), random.randint(0, kind.reach)) for _ in range(kind.ndim)
    ]
    kernel = Kernel(
        random,
        names,
        [dtypes[k] for k in outputs],
        reach,
        corners=random.random() < 0.5,
        tame=kind.tame,
        reduced=kind.reductions,
    )
    scalars = {name: _scalar(random, kind.sweeps) for name in "rs"}
    return Call(kernel.source(), tuple(inputs), tuple(outputs), scalars)


def results(applications: Sequence[Any], time: float) -> list[Any]:
    """Return the owned cells of all fields, with faces on walls as boundaries have them."""
    every = dict.fromkeys(f for a in applications for f in (*a.fields, *a.results))
    written = {f for a in applications for f in a.results}
    for one in every:
        if one in written:
            one.ghosts.set_faces(one.padded, time)
    return [one.owned.copy() for one in every]


def different(a: Any, b: Any) -> bool:
    """Whether two arrays differ in a bit, except which NaN a NaN is."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return True
    if a.dtype.kind == "f":
        nan = np.isnan(a)
        if not np.array_equal(nan, np.isnan(b)):
            return True
        a, b = np.where(nan, 0, a), np.where(nan, 0, b)
    return a.tobytes() != b.tobytes()
