"""Write typed expressions as Python; what NumPy and Numba write differently is in a dialect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from parcompute.box import Index
from parcompute.stencils.expression import (
    ARITHMETIC,
    BITS,
    COMPARISONS,
    ELEMENTARY,
    EXACT,
    SHIFTS,
    Node,
    in_order,
)

_INFIX = {**ARITHMETIC, **BITS, **COMPARISONS, **SHIFTS}
_LEAVES = ("number", "scalar", "read", "index", "position")
_DEEPEST = 25  # parts of an expression within each other: Python's own limit is 200 parentheses
IMPORTS = "import numpy as np\nfrom numpy import inf, nan"  # as repr() writes such numbers


class Dialect(Protocol):
    """How an engine writes what the others write in another way."""

    def operation(self, kind: str, name: str, args: Sequence[str]) -> str:
        """Return ``kind(*args)`` with a result of type `name`."""

    def wrapped(self, text: str, kind: str, name: str) -> str:
        """Return the result of an operator as the type `name`."""


def offset_name(field_name: str, offset: Index) -> str:
    """Return the name of a read: ``u_m1_0`` for u[-1, 0]."""
    return f"{field_name}_" + "_".join(f"m{-o}" if o < 0 else str(o) for o in offset)


@dataclass
class Writer:
    """Writes the values of a typed graph: shared parts first, under names of their own.

    Attributes
    ----------
    types : dict
        Type of each node.
    dialect : Dialect
        The engine's.
    numbers : dict
        Names of constants by their text; for the preamble.
    """

    types: dict[Node, str]
    dialect: Dialect
    numbers: dict[str, str] = field(default_factory=dict)
    _names: dict[Node, str] = field(default_factory=dict)

    def statements(self, roots: Sequence[Node]) -> Iterator[str]:
        """Yield an assignment for each shared part, and where expressions become deep."""
        uses: dict[Node, int] = {}
        nodes = list(in_order(roots))
        for node in nodes:
            for arg in node.args:
                uses[arg] = uses.get(arg, 0) + 1
        for root in roots:
            uses[root] = uses.get(root, 0) + 1
        depths: dict[Node, int] = {}
        for node in nodes:
            depths[node] = 1 + max((depths[arg] for arg in node.args), default=0)
            if node.kind not in _LEAVES and (uses[node] > 1 or depths[node] > _DEEPEST):
                text = self.value(node)
                self._names[node] = f"t{len(self._names)}"
                depths[node] = 0
                yield f"{self._names[node]} = {text}"

    def value(self, node: Node) -> str:
        """Return the expression of a node."""
        if node in self._names:
            return self._names[node]
        match node.kind:
            case "number":
                value, name = node.data
                return self.numbers.setdefault(f"np.{name}({value!r})", f"c{len(self.numbers)}")
            case "scalar":
                return f"s_{node.data}"
            case "read":
                return f"r_{offset_name(*node.data)}"
            case "index" | "position":
                return f"{node.kind}_{node.data}"
        return self._operation(node)

    def _operation(self, node: Node) -> str:
        args = [self.value(arg) for arg in node.args]
        name = self.types[node]
        if node.kind in _INFIX:
            text = f"({args[0]} {_INFIX[node.kind]} {args[1]})"
            return self.dialect.wrapped(text, node.kind, name)
        match node.kind:
            case "cast":
                return f"np.{name}({args[0]})"
            case "neg":
                return self.dialect.wrapped(f"(-{args[0]})", "neg", name)
            case "invert":
                return self.dialect.wrapped(f"(~{args[0]})", "invert", name)
            case "pos":
                return args[0]
        if node.kind in (*ELEMENTARY, *EXACT) and node.kind != "pow":
            return f"np.{node.kind}({args[0]})"
        return self.dialect.operation(node.kind, name, args)

    def preamble(self) -> Iterator[str]:
        """Yield the constants that have been written so far."""
        for text, name in self.numbers.items():
            yield f"{name} = {text}"


def module(imports: str, helpers: dict[str, str], functions: Sequence[str]) -> str:
    """Return the source of a module with the helpers that its functions call."""
    text = "\n\n\n".join(functions)
    used = [source for name, source in helpers.items() if f"{name}(" in text]
    return "\n\n\n".join([imports, *used, text]) + "\n"
