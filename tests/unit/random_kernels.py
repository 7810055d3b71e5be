"""Random programs: stencils as text, fields of any kind, boundaries, and sequences of them.

All choices come from a `random.Random`: that of a seed, or one that Hypothesis draws and shrinks.
"""

from __future__ import annotations

import linecache
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from random import Random
from typing import Any

import numpy as np
from hypothesis import Phase

import parcompute as pc
from parcompute.settings import Settings, use
from parcompute.stencils.sequence import BoundSequence
from parcompute.stencils.shapes import Shape

FLOATS = ("float64", "float32")
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")  # with signed ones NumPy computes in float64
SPECIAL = (0.0, -0.0, 5e-324, -1e-310, 1e308, -1e300, np.inf, -np.inf, np.nan, 1.0)
_NAMES = {"np": np, "pc": pc, "sqrt": np.sqrt, "where": pc.where}
ANY = (*FLOATS, *WHOLE, "bool")
_REAL = (
    *(f"({{a}} {operator} {{b}})" for operator in "+-*"),
    *(
        "min({a}, {b})",
        "max({a}, {b})",
        "(-{a})",
        "np.sqrt(abs({a}))",
        "np.abs({a})",
        "np.floor({a})",
    ),
    *("({a} if {test} else {b})", "where({test}, {a}, {b})"),
)
_NUMPY = ("np.minimum({a}, {b})", "np.maximum({a}, {b})")
_WHOLE = (
    *(f"({{a}} {operator} {{b}})" for operator in ("+", "-", "*", "//", "%", "&", "|", "^")),
    *("min({a}, {b})", "max({a}, {b})", "abs({a})", "(-{a})", "(~{a})", "({a} >> 1)"),
    *("({a} << 2)", "where({test}, {a}, {b})"),
)
_SIGNED = ("np.int64({a})", "np.int32(min(max(-99.0, {real}), 99.0))")
_numbers = count()


MANY = os.environ.get("PARCOMPUTE_TEST_EXAMPLES")
TIMEOUT = 0 if MANY else 120


def examples(few: int) -> dict[str, Any]:
    """Return Hypothesis settings: few examples, always the same, or as many as are asked for.

    Failing programs are not made smaller, which would take minutes of compiling.
    """
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return {"max_examples": int(MANY or few), "derandomize": not MANY, "phases": phases}


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


def _shifted(text: str, shift: Sequence[int]) -> str:
    """Return an expression with all its reads shifted."""

    def moved(match: re.Match[str]) -> str:
        offset = [int(o) + s for o, s in zip(match[2].split(","), shift, strict=True)]
        return f"{match[1]}[{', '.join(map(str, offset))}]"

    return re.sub(r"(u\d+)\[([-\d, ]+)\]", moved, text)


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
    python : bool
        Whether Python computes the same: no index of a cell, nor np.minimum (here as min()).
    reduced : sequence of str
        What is reduced: "max", "min", "sum".
    known : list of str
        Local variables so far.
    """

    random: Random
    fields: dict[str, str]
    outputs: Sequence[str]
    reach: Sequence[tuple[int, int]]
    corners: bool
    tame: bool
    python: bool
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

    def _filled(self, templates: Sequence[str], part: Callable[[int], str], depth: int) -> str:
        """Return one of the templates with expressions in it."""
        template = self.random.choice(templates)
        makers = {"a": part, "b": part, "test": self.condition, "real": self.real}
        used = [name for name in makers if f"{{{name}}}" in template]
        return template.format(**{name: makers[name](depth) for name in used})

    def real(self, depth: int) -> str:
        """Return a floating-point expression."""
        if not depth or self.random.random() < 0.15:
            return self._real_leaf()
        if depth > 1 and self.random.random() < 0.3:
            return self._repeated(self.real(depth - 1))
        division = "({a} / (1.0 + abs({b})))" if self.tame else "({a} / {b})"
        narrow = ["np.float32({a})"] if "float32" in self.fields.values() else []
        more = () if self.python else _NUMPY
        return self._filled([*_REAL, *more, division, *narrow], self.real, depth - 1)

    def _repeated(self, text: str) -> str:
        """Return an expression that has another one at two or three places."""
        shifts = [[self.random.randint(-1, 1) for _ in self.reach] for _ in range(3)]
        for shift in shifts:
            keep = self.random.randrange(len(shift))
            shift[:] = [s if self.corners or axis == keep else 0 for axis, s in enumerate(shift)]
        a, b, c = (_shifted(text, shift) for shift in shifts)
        return self.random.choice([f"(0.5 * {a} - 0.25 * {b})", f"({a} if {b} < {c} else r)"])

    def _real_leaf(self) -> str:
        if self.random.random() < 0.6:
            return self.read("f")
        ndim = len(self.reach)
        axis = self.random.randrange(ndim)
        leaves = [*self.known, "r", "s", "0.1", "-2.5", "3"]
        if not self.python:
            leaves += [f"0.1 * pc.index({axis})", f"pc.position({axis})"]
        if self._of("iu"):
            leaves += [f"np.float64({self.read('iu')})"]
        return self.random.choice(leaves)

    def whole(self, depth: int) -> str:
        """Return an expression of whole numbers."""
        if not depth or not self._of("iu"):
            return self.random.choice([self.read("iu"), self.read("iu"), "2", "1", self._index()])
        signed = () if "uint64" in self.fields.values() else _SIGNED
        return self._filled([*_WHOLE, *signed], self.whole, depth - 1)

    def _index(self) -> str:
        return f"pc.index({self.random.randrange(len(self.reach))})" if not self.python else "2"

    def condition(self, depth: int) -> str:
        """Return a condition."""
        if depth and self.random.random() < 0.4:
            a, b = self.condition(depth - 1), self.condition(depth - 1)
            return self.random.choice([f"({a} and {b})", f"({a} or {b})", f"(not {a})"])
        if self._of("b") and self.random.random() < 0.5:
            return self.read("b")
        part = self.whole if self._of("iu") and self.random.random() < 0.3 else self.real
        test = self.random.choice(["<", "<=", ">", ">=", "==", "!="])
        return f"({part(depth)} {test} {part(0)})"


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


@dataclass(frozen=True)
class Kind:
    """What programs are to be like.

    Attributes
    ----------
    ndim, calls : int
        Number of axes; the most stencils in a sequence.
    dtypes : tuple of str
        Types of the fields.
    tame, python : bool
        See `Kernel`.
    special : bool
        Whether fields begin with infinities, NaN and numbers near the ends of their range.
    faces, custom, series : bool
        Whether there are staggered fields, the user's own boundaries, a scalar for each sweep.
    sweeps, reach : int
        The most sweeps, and the largest offset.
    reductions : tuple of str
        What each stencil reduces.
    cells : tuple of int
        The fewest and most cells beyond those that boundaries need, along each axis.
    """

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
    python: bool = False
    series: bool = True

    def reducing(self, *kinds: str) -> Kind:
        """Return the same with reductions."""
        return replace(self, reductions=kinds)


def _scalar(random: Random, kind: Kind) -> Any:
    number = random.choice([0.3, -1.5, 2.0, 0.0])
    series = [number + 0.1 * k for k in range(kind.sweeps)]
    return random.choice([number, series if kind.series else number, lambda t: number + t])


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
    halos = _halos(random, calls, stencils, len(dtypes), ndim)
    most = [max(2, *(halo[a] + 1 for halo in halos)) for a in range(ndim)]
    shape = tuple(m + random.randint(*kind.cells) for m in most)
    periods = tuple(random.random() < 0.3 for _ in range(ndim))
    fields = tuple(
        _field_plan(random, kind, dtype, halo, shape, periods)
        for dtype, halo in zip(dtypes, halos, strict=True)
    )
    made = Program(shape, periods, fields, tuple(calls), stencils)
    made.bind(pc.serial())  # raises if types or sizes do not suit
    return made


def _halos(
    random: Random, calls: Sequence[Call], stencils: Sequence[Any], fields: int, ndim: int
) -> list[tuple[int, ...]]:
    """Return the halo of each field: what is read of it, and at times one cell more."""
    halos = [[0] * ndim for _ in range(fields)]
    for call, stencil in zip(calls, stencils, strict=True):
        for number, radius in zip(call.inputs, stencil.radii(ndim), strict=True):
            halos[number] = list(map(max, halos[number], radius))
    return [tuple(w + random.choice([0, 0, 0, 1]) for w in halo) for halo in halos]


def _field_plan(
    random: Random,
    kind: Kind,
    dtype: str,
    halo: tuple[int, ...],
    shape: tuple[int, ...],
    periods: tuple[bool, ...],
) -> FieldPlan:
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
        python=kind.python,
        reduced=kind.reductions,
    )
    scalars = {name: _scalar(random, kind) for name in "rs"}
    return Call(kernel.source(), tuple(inputs), tuple(outputs), scalars)


def fields_of(applications: Sequence[Any]) -> list[Any]:
    """Return all different fields."""
    return list(dict.fromkeys(f for a in applications for f in (*a.fields, *a.results)))


def whole(applications: Sequence[Any]) -> list[Any]:
    """Return the whole of all fields, on every rank; collective."""
    return [field[...] for field in fields_of(applications)]


def by_numpy(made: Program, sweeps: int, clock: Any) -> tuple[list[Any], Any]:
    """Return all fields after some sweeps of the numpy engine on one rank, and what is reduced."""
    applications = made.bind(pc.serial())
    with use(Settings(engine="numpy")), np.errstate(all="ignore"):
        reduced = pc.sweep(applications, sweeps=sweeps, clock=clock)
    return whole(applications), reduced


def random_shape(random: Random, made: Program, block: Sequence[int], depth: int) -> Shape:
    """Return tiles of any shape, those of one cell among them, for so many sweeps at most."""
    tile = tuple(random.choice([1, 2, 3, 5, n, n + 3]) for n in block)
    outputs = {made.fields[k].dtype for call in made.calls for k in call.outputs}
    stream = outputs <= set(FLOATS) and random.random() < 0.3
    return Shape(random.randint(1, depth), tile, random.choice([1, 1, 2, 3, 4, 1 << 40]), stream)


def by_tiles(
    applications: Sequence[Any], shape: Shape, threads: int, sweeps: int, clock: Any
) -> bool:
    """Make sweeps in tiles of a shape; return False if boundaries or blocks do not allow it."""
    bound = BoundSequence(applications, Settings(time_tile=max(2, shape.depth), threads=threads))
    if bound.tuner is None or bound.deepest(shape.depth) < shape.depth:
        return False
    try:
        for done in range(0, sweeps, shape.depth):
            bound.tile(shape, min(shape.depth, sweeps - done), applications, done, clock)
    except pc.ConfigError:
        return False
    for result in dict.fromkeys(r for a in applications for r in a.results):
        result.ghosts.set_faces(result.padded, clock.time(sweeps))
    return True


def same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether arrays are the same in all bits, except which NaN a NaN is."""
    return not any(different(x, y) for x, y in zip(a, b, strict=True))


def different(a: Any, b: Any) -> bool:
    """Whether two arrays differ in a bit, except which NaN a NaN is."""
    if a.dtype.kind == "f":
        nan = np.isnan(a)
        if not np.array_equal(nan, np.isnan(b)):
            return True
        a, b = np.where(nan, 0, a), np.where(nan, 0, b)
    return a.tobytes() != b.tobytes()
