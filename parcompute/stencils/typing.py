"""Types of expressions: NumPy's rules (NEP 50), with every conversion written out.

Numbers, scalars, indices and positions are *weak*: they take the type of what they meet, as
Python numbers do in NumPy. Fields have the type that they have; nothing is rounded silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from parcompute.errors import StencilError
from parcompute.stencils.expression import (
    ARITHMETIC,
    BITS,
    COMPARISONS,
    ELEMENTARY,
    EXACT,
    SHIFTS,
    WHOLE,
    Graph,
    Node,
    as_text,
    in_order,
)
from parcompute.stencils.formula import Formula

KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float"}
FIELD_TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64"),
)


class Type(NamedTuple):
    """Type of a value; `weak` gives way to the type of a field."""

    name: str
    weak: bool = False

    @property
    def kind(self) -> str:
        """bool, int or float."""
        return KINDS[np.dtype(self.name).kind]


_BOOL, _INT, _FLOAT = Type("bool"), Type("int64", True), Type("float64", True)
WEAK = {"bool": _BOOL, "int": _INT, "float": _FLOAT}


@dataclass(frozen=True, eq=False)
class TypedFormula:
    """A formula for fields of known types.

    Attributes
    ----------
    formula : Formula
        What it is made of.
    fields, scalars : dict
        Types of the fields ("float64"), kinds of the scalars ("bool", "int", "float").
    outputs : tuple of str
        Types of the output fields.
    results : tuple of Node
        New values, of these types. Numbers are ``(value, type)``, casts are nodes.
    reduced : tuple of Node
        Values to be reduced, float64.
    whole : tuple of bool
        Whether what is reduced are whole numbers.
    types : dict
        Type of each node.
    """

    formula: Formula
    fields: dict[str, str]
    scalars: dict[str, str]
    outputs: tuple[str, ...]
    results: tuple[Node, ...]
    reduced: tuple[Node, ...]
    whole: tuple[bool, ...]
    types: dict[Node, str]


def typed(
    formula: Formula,
    fields: Mapping[str, str],
    scalars: Mapping[str, str],
    outputs: Sequence[tuple[str, str]],
) -> TypedFormula:
    """Return the formula for fields and scalars of these types.

    Parameters
    ----------
    formula : Formula
        What the user wrote.
    fields : mapping
        Type of each input field, by the name of the parameter.
    scalars : mapping
        Kind of each scalar.
    outputs : sequence of (str, str)
        Name and type of each output field.

    Raises
    ------
    StencilError
        If an operation does not suit its operands, or a result would be changed when stored.
    """
    typer = _Typer(formula, dict(fields), dict(scalars))
    count = len(outputs)
    places = formula.returned if len(formula.returned) >= count else ("",) * count
    results = [
        typer.stored(node, name, dtype, place)
        for node, (name, dtype), place in zip(formula.results, outputs, places[:count], strict=True)
    ]
    reduced = [typer.reduced(r.value) for r in formula.reductions]
    return TypedFormula(
        formula,
        dict(fields),
        dict(scalars),
        tuple(dtype for _, dtype in outputs),
        tuple(results),
        tuple(node for node, _ in reduced),
        tuple(whole for _, whole in reduced),
        typer.types,
    )


class _Typer:
    """Builds the typed graph of one formula."""

    def __init__(self, formula: Formula, fields: dict[str, str], scalars: dict[str, str]) -> None:
        self.formula, self.fields, self.scalars = formula, fields, scalars
        self.graph = Graph()
        self.types: dict[Node, str] = {}
        self.done: dict[Node, tuple[Node, Type]] = {}
        for node in in_order(formula.roots):
            self.done[node] = self._typed(node)

    def error(self, place: str, message: str) -> StencilError:
        return StencilError(f"{place}: in stencil '{self.formula.name}': {message}")

    def make(self, kind: str, args: list[Node], name: str, old: Node, data: Any = None) -> Node:
        node = self.graph.node(kind, args, data, old.where)
        self.types[node] = name
        return node

    def cast(self, node: Node, name: str, place: str) -> Node:
        """Return `node` converted to a type; numbers are converted now."""
        if node.kind == "number":
            return self.make("number", [], name, node, (self._number(node, name, place), name))
        if self.types[node] == name:
            return node
        return self.make("cast", [node], name, node, name)

    def _number(self, node: Node, name: str, place: str) -> Any:
        """Return a constant as a number of Python that the type holds."""
        value = node.data[0]
        kind, holder = np.dtype(name).kind, np.dtype(name).type
        try:
            if kind == "b":
                return bool(value)
            if kind == "f":
                if np.isfinite(value) and abs(value) > float(np.finfo(name).max):
                    raise OverflowError
                return float(holder(value))  # rounded once, to what the type holds
            return int(holder(int(value)))
        except (OverflowError, ValueError):
            raise self.error(place, f"the number {value} does not fit into {name}.") from None

    def stored(self, node: Node, field: str, name: str, place: str) -> Node:
        """Return the new value of a field as the field's type."""
        value, found = self.done[node]
        to = Type(name)
        place = place if place and not node.args else node.where
        if (found.kind == "bool") != (to.kind == "bool"):
            self._mixed(node, found, place, f"field '{field}' is {name}")
        fits = found.kind == to.kind or (found.kind, to.kind) == ("int", "float")
        if not (fits if found.weak else np.can_cast(found.name, name, "safe")):
            raise self.error(
                place,
                f"the new value of field '{field}' is {found.name} and the field is {name}, which "
                f"would change it silently: write np.{name}(…) around it, or give the field "
                f"dtype={found.name}.",
            )
        return self.cast(value, name, place)

    def _mixed(self, node: Node, found: Type, place: str, why: str) -> None:
        text = as_text(node)
        if found.kind == "bool":
            raise self.error(
                place, f"'{text}' is a condition, and {why}: write where({text}, 1, 0)."
            )
        raise self.error(place, f"'{text}' is a number, and {why}: compare it with something.")

    def reduced(self, node: Node) -> tuple[Node, bool]:
        """Return a value to be reduced as float64, and whether it is a whole number."""
        value, found = self.done[node]
        self._need_number(node, node, found)
        return self.cast(value, "float64", node.where), found.kind == "int"

    def _typed(self, node: Node) -> tuple[Node, Type]:
        kind, args = node.kind, [self.done[arg] for arg in node.args]
        if kind == "number":
            weak = WEAK[type(node.data).__name__]
            return self.make("number", [], weak.name, node, (node.data, weak.name)), weak
        if kind in ("scalar", "read", "index", "position"):
            found = self._leaf(node)
            return self.make(kind, [], found.name, node, node.data), found
        if kind == "cast":
            return self.cast(args[0][0], node.data, node.where), Type(node.data)
        operands, result = self._rule(node, [found for _, found in args])
        values = [
            self.cast(v, name, node.where) for (v, _), name in zip(args, operands, strict=True)
        ]
        return self.make(self._exact_kind(kind, operands), values, result.name, node), result

    def _leaf(self, node: Node) -> Type:
        match node.kind:
            case "scalar":
                return WEAK[self.scalars[node.data]]
            case "read":
                return Type(self.fields[node.data[0]])
        return _INT if node.kind == "index" else _FLOAT

    @staticmethod
    def _exact_kind(kind: str, operands: list[str]) -> str:
        """Return the operation on conditions that is meant by one on bits."""
        if operands[0] != "bool":
            return kind
        return {"bitand": "and", "bitor": "or", "bitxor": "ne", "invert": "not"}.get(kind, kind)

    def _rule(self, node: Node, found: list[Type]) -> tuple[list[str], Type]:
        """Return the types that operands are converted to, and that of the result."""
        kind = node.kind
        if kind in ("and", "or", "not"):
            for arg, of in zip(node.args, found, strict=True):
                self._need_condition(node, arg, of)
            return ["bool"] * len(found), _BOOL
        if kind == "where":
            self._need_condition(node, node.args[0], found[0])
            common = self._common(node, node.args[1:], found[1:])
            return ["bool", common.name, common.name], common
        if kind in COMPARISONS:
            return [self._compared(node, found).name] * 2, _BOOL
        if kind in SHIFTS:
            return self._shift(node, found[0])
        if kind in (*BITS, "invert"):
            return self._bits(node, found)
        for arg, of in zip(node.args, found, strict=True):
            self._need_number(node, arg, of)
        common = self._common(node, node.args, found)
        if kind in WHOLE and common.kind != "int":
            raise self.error(
                node.where,
                f"'{as_text(node)}': // and % are for whole numbers; use np.floor(a / b).",
            )
        if kind == "pow" and common.kind == "int":
            self._check_power(node)
        if kind == "div" or (kind in (*ELEMENTARY, *EXACT) and kind != "pow"):
            common = common if common.kind == "float" else Type("float64", common.weak)
        elif kind not in (*ARITHMETIC, *WHOLE, "neg", "pos", "abs", "min", "max", "pow"):
            raise AssertionError(f"parse let '{kind}' through")
        return [common.name] * len(found), common

    def _check_power(self, node: Node) -> None:
        exponent = node.args[1]
        if exponent.kind != "number" or exponent.data < 0:
            raise self.error(
                node.where,
                f"'{as_text(node)}': the power of a whole number takes a constant from 0 on; write "
                f"float(…) around it.",
            )

    def _compared(self, node: Node, found: list[Type]) -> Type:
        common = self._common(node, node.args, found)
        if common.kind == "float" and all(of.kind == "int" for of in found):
            raise self.error(
                node.where,
                f"'{as_text(node)}' compares uint64 with signed numbers, which no type holds "
                f"both: write np.int64(…) or np.uint64(…) around one.",
            )
        return common

    def _shift(self, node: Node, found: Type) -> tuple[list[str], Type]:
        by = node.args[1].data if node.args[1].kind == "number" else None
        size = np.dtype(found.name).itemsize * 8
        if found.kind != "int" or type(by) is not int or not 0 <= by < size:
            raise self.error(
                node.where,
                f"'{as_text(node)}': a whole number is shifted by a constant from 0 to {size - 1}.",
            )
        return [found.name] * 2, found

    def _bits(self, node: Node, found: list[Type]) -> tuple[list[str], Type]:
        common = self._common(node, node.args, found)
        if common.kind == "float":
            raise self.error(
                node.where,
                f"'{as_text(node)}': bits are of whole numbers and conditions, not of float "
                f"values (write parentheses around comparisons).",
            )
        return [common.name] * len(found), common

    def _common(self, node: Node, args: Sequence[Node], found: list[Type]) -> Type:
        """Return the type in which NumPy combines values."""
        conditions = [of.kind == "bool" for of in found]
        if any(conditions) and not all(conditions):
            at = conditions.index(True)
            self._mixed(args[at], found[at], node.where, f"'{as_text(args[1 - at])}' is a number")
        strong = [of.name for of in found if not of.weak]
        if not strong:
            return max(found, key=lambda of: ("bool", "int64", "float64").index(of.name))
        common: np.dtype[Any] = np.result_type(*strong)
        if any(of.weak and of.kind == "float" for of in found) and common.kind != "f":
            common = np.dtype(np.float64)
        return Type(common.name)

    def _need_condition(self, node: Node, arg: Node, found: Type) -> None:
        if found.kind != "bool":
            self._mixed(arg, found, node.where, "a condition is needed")

    def _need_number(self, node: Node, arg: Node, found: Type) -> None:
        if found.kind == "bool":
            self._mixed(arg, found, node.where, "a number is needed")
