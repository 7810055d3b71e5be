"""The numba engine: the formula as a loop over a box of cells, written as Python for Numba.

Every array is one flat pointer with unsigned 64-bit offsets: signed ones would bring a test for
wrap-around into the inner loop, and views of rows more checks for overlap than the compiler makes,
so that loops would not be vectorised. Rows along axis 0 are addressed modulo a power of two
(``& k_u``): a time tile keeps only the rows that are still needed; for whole arrays the mask is -1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parcompute.box import Index
from parcompute.native import IMPORTS
from parcompute.stencils.accumulate import ACCUMULATE, STREAM
from parcompute.stencils.expression import Node, in_order
from parcompute.stencils.typing import TypedFormula
from parcompute.stencils.write import Writer, module, offset_name

HELPERS = {
    "_not": "@njit\ndef _not(a):\n    return not a",
    "_and": "@njit\ndef _and(a, b):\n    return a and b",
    "_or": "@njit\ndef _or(a, b):\n    return a or b",
    "_where": "@njit\ndef _where(condition, a, b):\n    return a if condition else b",
    "_abs": "@njit\ndef _abs(a):\n    return abs(a)",
    "_pow": "@njit\ndef _pow(a, b):\n    return a**b",
    "_min": "@njit\ndef _min(a, b):\n    return b if b < a else a",
    "_max": "@njit\ndef _max(a, b):\n    return b if b > a else a",
    "_floordiv": """\
@njit
def _floordiv(a, b):
    if b == 0:
        return a - a
    if b + 1 == 0 and b < 0:  # the smallest number has no opposite, and the processor traps
        return a - a - a
    return a // b""",
    "_mod": """\
@njit
def _mod(a, b):
    if b == 0 or (b + 1 == 0 and b < 0):
        return a - a
    return a % b""",
    **ACCUMULATE,
    **STREAM,
}


@dataclass(frozen=True, eq=False)
class LoopKernel:
    """A formula bound to a pattern of arrays.

    Parameters
    ----------
    typed : TypedFormula
        What it computes.
    pattern : tuple of int
        Which array each output and each input is: the number of the first of them that it is
        the same as, itself included. An output that is an input is computed in place.
    reduce : bool
        Whether it also reduces.
    stream : bool
        Whether results go past the cache to memory, each row at once.
    """

    typed: TypedFormula
    pattern: tuple[int, ...]
    reduce: bool = False
    stream: bool = False

    @property
    def labels(self) -> list[str]:
        """Names of outputs and inputs in the source: 0, 1, … are outputs."""
        return [*map(str, range(len(self.typed.outputs))), *self.typed.formula.fields]

    @property
    def dtypes(self) -> list[str]:
        """Types of outputs and inputs."""
        fields = self.typed.fields
        return [*self.typed.outputs, *(fields[name] for name in self.typed.formula.fields)]

    @property
    def roots(self) -> tuple[Node, ...]:
        """The values that a cell needs."""
        return (*self.typed.results, *(self.typed.reduced if self.reduce else ()))

    @property
    def arrays(self) -> list[int]:
        """The different arrays that are touched, as numbers of outputs and inputs."""
        outputs = len(self.typed.outputs)
        read = {node.data[0] for node in in_order(self.roots) if node.kind == "read"}
        fields = self.typed.formula.fields
        touched = [*range(outputs), *(outputs + k for k, f in enumerate(fields) if f in read)]
        return list(dict.fromkeys(self.pattern[k] for k in touched))

    def places(self, kind: str) -> list[int]:
        """Return the axes whose "index" or "position" is asked for."""
        return sorted({n.data for n in in_order(self.roots) if n.kind == kind})

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters of the loop, in order."""
        ndim = self.typed.formula.ndim
        return [
            *(p for k in self.arrays for p in array_parameters(self.labels[k], ndim)),
            *("sf", "si"),
            *(f"{kind}s_{a}" for kind in ("index", "position") for a in self.places(kind)),
            *(["row", "sums"] if self.reduce else []),
            *([f"row_{d}" for d in self.streamed] if self.stream else []),
            *([f"base_{k}" for k in range(len(self.typed.outputs))] if self.stream else []),
            *(f"lo{a}" for a in range(ndim)),
            *(f"hi{a}" for a in range(ndim)),
        ]

    @property
    def streamed(self) -> list[str]:
        """Types of the outputs, each once."""
        return sorted(set(self.typed.outputs))

    def source(self) -> str:
        """Return the source of the module."""
        return module(IMPORTS, HELPERS, ["\n".join(_function(self)), "\n".join(_entry(self))])


def array_parameters(label: str, ndim: int) -> list[str]:
    """Return what a kernel is told of an array: pointer, origin, mask of rows, strides."""
    strides = [f"t_{label}_{axis}" for axis in range(ndim - 1)]
    return [f"f_{label}", f"o_{label}", *([f"k_{label}"] if ndim > 1 else []), *strides]


def array_arguments(first: int, dtype: str, ndim: int) -> list[str]:
    """Return the arguments for these parameters, from the words that begin at `first`."""
    words = [f"u64(a[{first + k}])" for k in range(1, array_words(ndim))]
    return [f"at_{dtype}(a[{first}])", *words]


def array_words(ndim: int) -> int:
    """Return the words that tell a kernel of an array: address, origin, mask, strides."""
    return ndim + 2 if ndim > 1 else 2


SCALARS, ROW, SUMS, PLACES = 0, 1, 2, 3
"""Where the words of a call stand: scalars, row and accumulators; then for each axis indices,
positions, low and high bounds; then the arrays."""


def _entry(kernel: LoopKernel) -> Iterator[str]:
    """Yield the function that the driver calls, with all arguments as words."""
    ndim = kernel.typed.formula.ndim
    arguments = []
    arrays = PLACES + 4 * ndim
    for number, array in enumerate(kernel.arrays):
        first = arrays + number * array_words(ndim)
        arguments += array_arguments(first, kernel.dtypes[array], ndim)
    arguments += [f"at_float64(a[{SCALARS}])", f"at_int64(a[{SCALARS}])"]
    arguments += [f"at_int64(a[{PLACES + a}])" for a in kernel.places("index")]
    arguments += [f"at_float64(a[{PLACES + ndim + a}])" for a in kernel.places("position")]
    if kernel.reduce:
        arguments += [f"at_float64(a[{ROW}])", f"at_int64(a[{SUMS}])"]
    if kernel.stream:
        arguments += [f"at_{dtype}(a[{ROW}])" for dtype in kernel.streamed]
        for k in range(len(kernel.typed.outputs)):
            first = arrays + kernel.arrays.index(kernel.pattern[k]) * array_words(ndim)
            arguments.append(f"u64(a[{first}])")
    arguments += [f"u64(a[{PLACES + 2 * ndim + k}])" for k in range(2 * ndim)]
    yield "@njit\ndef kernel(a):\n    sweep(\n        " + ",\n        ".join(arguments) + ",\n    )"


class _NumbaDialect:
    """Numba computes small whole numbers as large ones: their type is restored."""

    def operation(self, kind: str, name: str, args: Sequence[str]) -> str:
        return self.wrapped(f"_{kind}({', '.join(args)})", kind, name)

    def wrapped(self, text: str, kind: str, name: str) -> str:
        return f"np.{name}({text})" if "int" in name else text


def _function(kernel: LoopKernel) -> Iterator[str]:
    typed, formula = kernel.typed, kernel.typed.formula
    last = formula.ndim - 1
    writer = Writer(typed.types, _NumbaDialect())
    body = [*_reads(kernel), *_places(kernel, last), *writer.statements(kernel.roots)]
    for number, root in enumerate(typed.results):
        label = kernel.labels[kernel.pattern[number]]
        value = writer.value(root)
        value = f"np.uint8({value})" if typed.outputs[number] == "bool" else value
        if kernel.stream:
            dtype = typed.outputs[number]
            body.append(f"row_{dtype}[{_row(number, dtype)} + x - lo{last}] = {value}")
        else:
            body.append(f"f_{label}[{_base(label, 0, last)} + x] = {value}")
    if kernel.reduce:
        for number, root in enumerate(typed.reduced):
            body.append(f"row[u64({number}) * row_length + x - lo{last}] = {writer.value(root)}")
    yield f"@njit\ndef sweep({', '.join(kernel.parameters)}):"
    for number, scalar in enumerate(formula.scalars):
        kind = typed.scalars[scalar]
        text = f"sf[{number}]" if kind == "float" else f"si[{number}]"
        yield f"    s_{scalar} = {f'({text} != 0)' if kind == 'bool' else text}"
    yield from (f"    {line}" for line in writer.preamble())
    if kernel.reduce or kernel.stream:
        yield f"    row_length = hi{last} - lo{last}"
    for axis in range(last):
        indent = "    " * (axis + 1)
        yield f"{indent}for i{axis} in range(lo{axis}, hi{axis}):"
        yield from (f"{indent}    {line}" for line in _places(kernel, axis))
    indent = "    " * (last + 1)
    yield from (f"{indent}{line}" for line in _bases(kernel))
    yield f"{indent}for x in range(lo{last}, hi{last}):"
    yield from (f"{indent}    {line}" for line in body or ["pass"])
    if kernel.reduce:
        for number, reduction in enumerate(formula.reductions):
            yield f"{indent}accumulate_{reduction.kind}(row, u64({number}), row_length, sums)"
    if kernel.stream:
        for number, dtype in enumerate(typed.outputs):
            label = kernel.labels[kernel.pattern[number]]
            where = f"f_{label}, {_base(label, 0, last)} + lo{last}"
            row = f"row_{dtype}, {_row(number, dtype)}, row_length, base_{number}"
            yield f"{indent}stream_{dtype}({where}, {row})"
    yield "    return"


def _row(number: int, dtype: str) -> str:
    """Return the start of a row of results in the buffer of rows of float64."""
    return f"u64({number * 64 // int(dtype.removeprefix('float'))}) * row_length"


def _used(kernel: LoopKernel) -> list[tuple[str, Index]]:
    """Return the reads as (label of the array, offset), each once for each name."""
    return [node.data for node in in_order(kernel.roots) if node.kind == "read"]


def _label(kernel: LoopKernel, field: str) -> str:
    position = len(kernel.typed.outputs) + kernel.typed.formula.fields.index(field)
    return kernel.labels[kernel.pattern[position]]


def _base(label: str, offset: int, last: int) -> str:
    """Return the name of the start of a row."""
    if not last or not offset:
        return f"b_{label}"
    return f"b{'m' if offset < 0 else 'p'}{abs(offset)}_{label}"


def _bases(kernel: LoopKernel) -> Iterator[str]:
    """Yield the starts of rows: one for each array and each offset along axis 0."""
    last = kernel.typed.formula.ndim - 1
    outputs = [(kernel.labels[kernel.pattern[k]], 0) for k in range(len(kernel.typed.outputs))]
    inputs = [(_label(kernel, f), offset[0] if last else 0) for f, offset in _used(kernel)]
    for label, offset in dict.fromkeys([*outputs, *inputs]):
        terms = [f"o_{label}"]
        if last:
            row = f"(i0 {'-' if offset < 0 else '+'} u64({abs(offset)}))" if offset else "i0"
            terms.append(f"({row} & k_{label}) * t_{label}_0")
            terms += [f"i{axis} * t_{label}_{axis}" for axis in range(1, last)]
        yield f"{_base(label, offset, last)} = {' + '.join(terms)}"


def _reads(kernel: LoopKernel) -> Iterator[str]:
    """Yield an assignment for each read."""
    last = kernel.typed.formula.ndim - 1
    for field, offset in _used(kernel):
        label = _label(kernel, field)
        text = f"{_base(label, offset[0], last)} + x"
        for axis in range(1 if last else 0, last + 1):
            if offset[axis]:
                stride = "" if axis == last else f" * t_{label}_{axis}"
                sign = "-" if offset[axis] < 0 else "+"
                text += f" {sign} u64({abs(offset[axis])}){stride}"
        test = " != 0" if kernel.typed.fields[field] == "bool" else ""
        yield f"r_{offset_name(field, offset)} = f_{label}[{text}]{test}"


def _places(kernel: LoopKernel, axis: int) -> Iterator[str]:
    """Yield the index and the position along an axis, where they are asked for."""
    cell = "x" if axis == kernel.typed.formula.ndim - 1 else f"i{axis}"
    for kind in ("index", "position"):
        if axis in kernel.places(kind):
            yield f"{kind}_{axis} = {kind}s_{axis}[{cell}]"
