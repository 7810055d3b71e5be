"""The numpy engine, the reference: one NumPy operation for each operation of the formula."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parcompute.stencils.expression import in_order
from parcompute.stencils.typing import TypedFormula
from parcompute.stencils.write import IMPORTS, Writer, module, offset_name

_HELPERS = {
    "_not": "_not = np.logical_not",
    "_and": "_and = np.logical_and",
    "_or": "_or = np.logical_or",
    "_where": "_where = np.where",
    "_abs": "_abs = np.abs",
    "_pow": "_pow = np.power",
    "_floordiv": "_floordiv = np.floor_divide",
    "_mod": "_mod = np.remainder",
    "_min": "def _min(a, b):\n    return np.where(b < a, b, a)",
    "_max": "def _max(a, b):\n    return np.where(b > a, b, a)",
}

KINDS = {"bool": "bool", "int": "int64", "float": "float64"}
"""The types of scalars."""


class _NumpyDialect:
    """NumPy's operators keep the type of their operands."""

    def operation(self, kind: str, name: str, args: Sequence[str]) -> str:
        return f"_{kind}({', '.join(args)})"

    def wrapped(self, text: str, kind: str, name: str) -> str:
        return text


def numpy_source(typed: TypedFormula) -> str:
    """Return source of ``kernel(*views, *scalars, *indices, *positions)``.

    The views are those of ``formula.offsets``, in that order; indices and positions are one
    broadcastable array for each axis. It returns a list of the new values and of the values to
    be reduced.
    """
    formula = typed.formula
    writer = Writer(typed.types, _NumpyDialect())
    roots = (*typed.results, *typed.reduced)
    body = list(writer.statements(roots))
    results = ",\n        ".join(_owned(writer.value(root)) for root in roots)
    parameters = [
        *(f"r_{offset_name(*read)}" for read in formula.offsets),
        *(f"s_{name}" for name in formula.scalars),
        *(f"{kind}_{axis}" for kind in ("index", "position") for axis in range(formula.ndim)),
    ]
    scalars = [f"s_{name} = np.{KINDS[typed.scalars[name]]}(s_{name})" for name in formula.scalars]
    lines = [*scalars, *writer.preamble(), *body, f"return [\n        {results},\n    ]"]
    text = f"def kernel({', '.join(parameters)}):\n    " + "\n    ".join(lines)
    return module(IMPORTS, _HELPERS, [text])


def _owned(value: str) -> str:
    """Return a result that is no view of an input: inputs are overwritten before it is used."""
    return f"{value}.copy()" if value.startswith("r_") else value


def uses_places(typed: TypedFormula) -> bool:
    """Return whether the formula asks for the cell's index or position."""
    roots = (*typed.results, *typed.reduced)
    return any(node.kind in ("index", "position") for node in in_order(roots))


def numpy_function(typed: TypedFormula) -> Any:
    """Return the function of `numpy_source`."""
    names: dict[str, Any] = {}
    exec(compile(numpy_source(typed), f"<{typed.formula.name}>", "exec"), names)
    return names["kernel"]
