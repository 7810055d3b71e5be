"""Expressions of the stencil language: a graph of nodes in which equal parts are one node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from parcompute.box import Index

Number = bool | int | float


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value of a cell.

    Attributes
    ----------
    kind : str
        "number", "scalar", "read", "index" (global index), "position" (coordinate), or the
        name of an operation (`OPERATIONS`, `FUNCTIONS`, "cast").
    data : object
        The number; the name of the scalar; (field, offset); the axis; the type of a cast.
    args : tuple of Node
        Operands.
    where : str
        File and line of the user, ``file:line``.
    """

    kind: str
    data: Any
    args: tuple[Node, ...]
    where: str


COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
WHOLE = {"floordiv": "//", "mod": "%"}
BITS = {"bitand": "&", "bitor": "|", "bitxor": "^"}
SHIFTS = {"lshift": "<<", "rshift": ">>"}
LOGIC = ("and", "or", "not")
ELEMENTARY = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "pow")
"""Functions that libraries do not round correctly: engines agree within 2 ulp."""
EXACT = ("sqrt", "floor", "ceil")


class Graph:
    """Makes nodes; equal parts of expressions become the same node."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, ...], Node] = {}

    def node(self, kind: str, args: Sequence[Node] = (), data: Any = None, where: str = "") -> Node:
        """Return the node of this kind, made at the first request."""
        operands = tuple(args)
        key = (kind, type(data), repr(data), *operands)  # repr: 0.0 and -0.0 differ
        if key not in self._nodes:
            self._nodes[key] = Node(kind, data, operands, where)
        return self._nodes[key]

    def number(self, value: Number, where: str = "") -> Node:
        """Return the node of a constant."""
        return self.node("number", data=value, where=where)


def in_order(roots: Sequence[Node]) -> Iterator[Node]:
    """Yield each node that the roots are made of once, operands before what uses them."""
    seen: set[Node] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))


def reads(roots: Sequence[Node]) -> list[tuple[str, Index]]:
    """Return every different (field, offset), in order of appearance."""
    return [node.data for node in in_order(roots) if node.kind == "read"]


def operation_count(roots: Sequence[Node]) -> int:
    """Return how many operations on numbers a cell takes."""
    cheap = {"number", "scalar", "read", "index", "position", "cast", *LOGIC}
    return sum(node.kind not in cheap for node in in_order(roots))


_INFIX = {**COMPARISONS, **ARITHMETIC, **WHOLE, **BITS, **SHIFTS, "and": "and", "or": "or"}
_PREFIX = {"neg": "-", "pos": "+", "invert": "~", "not": "not "}
_LONGEST = 40  # characters of an expression in a message


def as_text(node: Node) -> str:
    """Return the expression as the user may have written it, cut short, for messages."""
    text = _text(node, 4)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(node: Node, depth: int) -> str:
    match node.kind:
        case "number":
            return repr(node.data)
        case "scalar":
            return str(node.data)
        case "read":
            return f"{node.data[0]}[{', '.join(map(str, node.data[1]))}]"
        case "index" | "position":
            return f"pc.{node.kind}({node.data})"
    if not depth:
        return "…"
    args = [_text(arg, depth - 1) for arg in node.args]
    inner = [f"({a})" if arg.kind in _INFIX else a for a, arg in zip(args, node.args, strict=True)]
    if node.kind in _INFIX:
        return f" {_INFIX[node.kind]} ".join(inner)
    if node.kind in _PREFIX:
        return _PREFIX[node.kind] + inner[0]
    name = f"np.{node.data}" if node.kind == "cast" else node.kind
    return f"{name}({', '.join(args)})"
