"""Write a formula as Python source: for whole boxes of NumPy arrays, or as a loop for Numba.

Both engines evaluate the same operations in the same order on the same type, so that their
results agree to the last bit. Numbers are constants of the fields' type, and minimum, maximum
and selections are spelled out, because libraries differ on NaN and on signed zero.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from parcompute.box import Index
from parcompute.stencils.parse import Formula, call_name

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.USub: "-",
    ast.UAdd: "+",
}


class _Writer:
    """Writes expressions; the engines differ in how a field is read."""

    def __init__(self, formula: Formula, read: Callable[[str, Index], str], real: str) -> None:
        self.constants = formula.constants
        self.read = read
        self.real = real
        self.numbers: dict[str, str] = {}

    def number(self, value: float) -> str:
        return self.numbers.setdefault(repr(float(value)), f"c{len(self.numbers)}")

    def __call__(self, node: ast.expr) -> str:
        match node:
            case ast.Subscript(value=ast.Name(id=name)):
                index = ast.literal_eval(node.slice)
                return self.read(name, index if isinstance(index, tuple) else (index,))
            case ast.Name(id=name):
                return self.number(self.constants[name]) if name in self.constants else f"v_{name}"
            case ast.Constant(value=int() | float() as value):
                return self.number(value)
            case ast.UnaryOp(op=ast.Not()):
                return f"_not({self(node.operand)})"
            case ast.UnaryOp():
                return f"({_OPERATORS[type(node.op)]}{self(node.operand)})"
            case ast.BinOp(op=ast.Pow()):
                return f"_square({self(node.left)})"
            case ast.BinOp():
                return f"({self(node.left)} {_OPERATORS[type(node.op)]} {self(node.right)})"
            case ast.Compare():
                right = self(node.comparators[0])
                return f"({self(node.left)} {_OPERATORS[type(node.ops[0])]} {right})"
            case ast.BoolOp():
                return self._fold("_and" if isinstance(node.op, ast.And) else "_or", node.values)
            case ast.IfExp():
                return f"_where({self(node.test)}, {self(node.body)}, {self(node.orelse)})"
            case ast.Call():
                return self._call(call_name(node), node.args)
        raise AssertionError(f"parse let {ast.dump(node)} through")

    def _call(self, name: str, args: list[ast.expr]) -> str:
        if name in ("min", "max", "minimum", "maximum"):
            return self._fold(f"_{name[:3]}", args)
        prefix = "_" if name == "where" else "np."
        return f"{prefix}{name}({', '.join(map(self, args))})"

    def _fold(self, function: str, args: list[ast.expr]) -> str:
        text = self(args[0])
        for argument in args[1:]:
            text = f"{function}({text}, {self(argument)})"
        return text

    def statements(self, formula: Formula) -> Iterator[str]:
        for name, value in formula.assignments:
            yield f"v_{name} = {self(value)}"

    def preamble(self, formula: Formula) -> Iterator[str]:
        for literal, name in self.numbers.items():
            yield f"{name} = {self.real}({literal})"
        for name in formula.scalars:
            yield f"v_{name} = {self.real}(s_{name})"


_IMPORTS = "import numpy as np\nfrom numpy import inf, nan"  # as repr() writes such numbers
_NUMPY_HELPERS = {
    "_not": "_not = np.logical_not",
    "_and": "_and = np.logical_and",
    "_or": "_or = np.logical_or",
    "_where": "_where = np.where",
    "_square": "def _square(a):\n    return a * a",
    "_min": "def _min(a, b):\n    return np.where(b < a, b, a)",
    "_max": "def _max(a, b):\n    return np.where(b > a, b, a)",
}
_NUMBA_HELPERS = {
    "_not": "@njit\ndef _not(a):\n    return not a",
    "_and": "@njit\ndef _and(a, b):\n    return a and b",
    "_or": "@njit\ndef _or(a, b):\n    return a or b",
    "_where": "@njit\ndef _where(condition, a, b):\n    return a if condition else b",
    "_square": "@njit\ndef _square(a):\n    return a * a",
    "_min": "@njit\ndef _min(a, b):\n    return b if b < a else a",
    "_max": "@njit\ndef _max(a, b):\n    return b if b > a else a",
}


def _module(imports: str, helpers: dict[str, str], kernel: str) -> str:
    """Return the source of a module with the helpers that `kernel` calls."""
    used = [source for name, source in helpers.items() if f"{name}(" in kernel]
    return "\n\n\n".join([imports, *used, kernel]) + "\n"


def view_name(field: str, offset: Index) -> str:
    """Return the name of the view of `field` moved by `offset`: ``r_u_m1_0`` for u[-1, 0]."""
    return f"r_{field}_" + "_".join(f"m{-o}" if o < 0 else str(o) for o in offset)


def numpy_source(formula: Formula, real: str) -> str:
    """Return source of ``kernel(*views, *scalars)``, which returns a tuple of arrays.

    The views are those of ``formula.offsets``, in that order; `real` is "float32" or "float64".
    """
    write = _Writer(formula, view_name, f"np.{real}")
    body = list(write.statements(formula))
    results = ", ".join(write(result) for result in formula.results)
    views = [view_name(*read) for read in formula.offsets]
    lines = [*write.preamble(formula), *body, f"return ({results},)"]
    parameters = ", ".join([*views, *(f"s_{name}" for name in formula.scalars)])
    kernel = f"def kernel({parameters}):\n    " + "\n    ".join(lines)
    return _module(_IMPORTS, _NUMPY_HELPERS, kernel)


def numba_source(formula: Formula, real: str) -> str:
    """Return source of ``kernel(*outputs, *inputs, *scalars, low, high, layout)``.

    Arrays are pointers. ``low``, ``high`` bound the box in owned cells; ``layout`` has for each
    array, outputs first, its strides in elements, then the index of its first owned cell. All
    are uint64: signed indices would bring a wrap-around test into the inner loop and keep it from
    being vectorised.
    """
    last = formula.ndim - 1

    def read(field: str, offset: Index) -> str:
        text = f"b_{field} + x"
        for axis, o in enumerate(offset):
            if o:
                stride = "" if axis == last else f" * t_{field}_{axis}"
                text += f" {'-' if o < 0 else '+'} u64({abs(o)}){stride}"
        return f"f_{field}[{text}]"

    write = _Writer(formula, read, f"np.{real}")
    body = list(write.statements(formula))
    outputs = [str(k) for k in range(len(formula.results))]  # no field can have such a name
    for name, result in zip(outputs, formula.results, strict=True):
        body.append(f"f_{name}[b_{name} + x] = {write(result)}")
    arrays = [*outputs, *formula.fields]
    used = [*outputs, *dict.fromkeys(field for field, _ in formula.offsets)]
    lines = ["u64 = np.uint64", *write.preamble(formula)]
    for row, name in enumerate(arrays):
        if name in used:
            start = row * formula.ndim
            lines += [f"t_{name}_{a} = layout[{start + a}]" for a in range(last)]
            lines.append(f"o_{name} = layout[{start + last}]")
    for axis in range(last):
        lines.append("    " * axis + f"for i{axis} in range(low[{axis}], high[{axis}]):")
    indent = "    " * last
    for name in used:
        terms = [f"o_{name}", *(f"i{a} * t_{name}_{a}" for a in range(last))]
        lines.append(f"{indent}b_{name} = {' + '.join(terms)}")
    lines.append(f"{indent}for x in range(low[{last}], high[{last}]):")
    lines += [f"{indent}    {line}" for line in body]
    parameters = [*(f"f_{a}" for a in arrays), *(f"s_{s}" for s in formula.scalars)]
    head = f"def kernel({', '.join([*parameters, 'low', 'high', 'layout'])}):"
    kernel = head + "\n    " + "\n    ".join(lines)
    return _module(f"{_IMPORTS}\nfrom numba import njit", _NUMBA_HELPERS, kernel)
