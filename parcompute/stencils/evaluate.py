"""Expressions of a stencil function: what each means, or what is wrong with it."""

from __future__ import annotations

import ast
import inspect
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from parcompute.stencils import functions
from parcompute.stencils.expression import Node
from parcompute.stencils.formula import Reduction
from parcompute.stencils.source import Field, Source, State

_BINARY: dict[type[ast.AST], tuple[str, Any]] = {
    ast.Add: ("add", operator.add),
    ast.Sub: ("sub", operator.sub),
    ast.Mult: ("mul", operator.mul),
    ast.Div: ("div", operator.truediv),
    ast.FloorDiv: ("floordiv", operator.floordiv),
    ast.Mod: ("mod", operator.mod),
    ast.Pow: ("pow", operator.pow),
    ast.BitAnd: ("bitand", operator.and_),
    ast.BitOr: ("bitor", operator.or_),
    ast.BitXor: ("bitxor", operator.xor),
    ast.LShift: ("lshift", operator.lshift),
    ast.RShift: ("rshift", operator.rshift),
}
_COMPARE: dict[type[ast.AST], tuple[str, Any]] = {
    ast.Lt: ("lt", operator.lt),
    ast.LtE: ("le", operator.le),
    ast.Gt: ("gt", operator.gt),
    ast.GtE: ("ge", operator.ge),
    ast.Eq: ("eq", operator.eq),
    ast.NotEq: ("ne", operator.ne),
}
_UNARY: dict[type[ast.AST], tuple[str, Any]] = {
    ast.USub: ("neg", operator.neg),
    ast.UAdd: ("pos", operator.pos),
    ast.Not: ("not", operator.not_),
    ast.Invert: ("invert", operator.invert),
}


Inline = Callable[[Source, dict[str, Any]], list[Any]]
"""Reads a helper function with the given arguments; returns what it returns."""


def evaluate(
    source: Source, state: State, values: dict[str, Any], inline: Inline, node: ast.expr
) -> Any:
    """Return the value of an expression: a Python constant, a node, a field, a function."""
    value = _Evaluator(source, state, values, inline).value(node)
    if isinstance(value, np.generic):
        return value.item()
    return value


def elements(value: Any) -> list[Any] | None:
    """Return the parts of a tuple, list, array or the like, None for anything else."""
    if isinstance(value, Node | Field | Reduction | str) or not hasattr(value, "__iter__"):
        return None
    return list(value)


def select(source: Source, state: State, condition: Node, a: Any, b: Any, place: ast.AST) -> Any:
    """Return `a` where `condition` holds, else `b`: numbers, tuples of them, or equal things."""
    plain = isinstance(a, bool | int | float | str | Field) and type(a) is type(b)
    if a is b or (plain and repr(a) == repr(b)):  # repr: 0.0 and -0.0 differ
        return a
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        pairs = zip(a, b, strict=True)
        return tuple(select(source, state, condition, x, y, place) for x, y in pairs)
    parts = [p.item() if isinstance(p, np.generic) else p for p in (a, b)]
    if not all(isinstance(p, Node | bool | int | float) for p in parts):
        raise source.error(place, "only numbers may depend on a condition.")
    where = source.place(place)
    nodes = [p if isinstance(p, Node) else state.graph.number(p, where) for p in parts]
    return state.graph.node("where", [condition, *nodes], where=where)


class _Evaluator:
    """Evaluates the expressions of one function."""

    def __init__(
        self, source: Source, state: State, values: dict[str, Any], inline: Inline
    ) -> None:
        self.source, self.state, self.values, self.inline = source, state, values, inline

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.Attribute(value=base, attr=name):
                return self._attribute(node, self.value(base), name)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple(self._spread(parts))
            case ast.ListComp(elt=part, generators=[loop]) | ast.GeneratorExp(part, [loop]):
                return self._comprehension(node, part, loop)
            case ast.Subscript(value=base, slice=index):
                return self._subscript(node, self.value(base), index)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(node, *_BINARY.get(type(op), ("", None)), left, right)
            case ast.UnaryOp(op=op, operand=operand):
                return self._apply(node, *_UNARY[type(op)], [self._number(operand)])
            case ast.Compare(left=left, ops=tests, comparators=others):
                return self._compare(node, [left, *others], tests)
            case ast.BoolOp(op=op, values=parts):
                return self._logic(node, "and" if isinstance(op, ast.And) else "or", parts)
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if p is None else self.value(p) for p in (lower, upper, step)))
            case ast.IfExp(test=test, body=body, orelse=other):
                return self._choice(node, test, body, other)
            case ast.Call():
                return self._call(node)
        raise self._foreign(node)

    def _foreign(self, node: ast.expr) -> Exception:
        return self.source.error(
            node,
            f"'{ast.unparse(node)}' is not part of the stencil language (see docs/stencils.md).",
        )

    def _name(self, node: ast.expr, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        if name not in self.source.assigned and name in self.source.names:
            return self.source.names[name]
        if name in self.source.assigned:
            raise self.source.error(
                node, f"'{name}' has no value yet, or not on every way through the conditions."
            )
        raise self.source.error(
            node, f"'{name}' is neither a parameter, a local variable nor a name outside."
        )

    def _attribute(self, node: ast.expr, base: Any, name: str) -> Any:
        if isinstance(base, Node | Field) or not hasattr(base, name):
            raise self._foreign(node)
        return getattr(base, name)

    def _number(self, node: ast.expr) -> Any:
        """Return the value of an operand, which must be a number."""
        return self._checked(node, self.value(node))

    def _checked(self, node: ast.expr, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, Node | bool | int | float):
            return value
        if isinstance(value, Field):
            zeros = ", ".join("0" * (self.state.ndim or 2))
            raise self.source.error(
                node, f"field '{value.name}' needs offsets: write {value.name}[{zeros}]."
            )
        if isinstance(value, Reduction):
            raise self.source.error(node, "a reduction can only be returned.")
        raise self.source.error(
            node, f"'{ast.unparse(node)}' is not a number, but of type {type(value).__name__}."
        )

    def _node(self, value: Any, where: str) -> Node:
        return value if isinstance(value, Node) else self.state.graph.number(value, where)

    def _apply(self, node: ast.expr, kind: str, compute: Any, operands: list[Any]) -> Any:
        """Return a constant for constants, else the node of the operation."""
        if compute is not None and not any(isinstance(o, Node) for o in operands):
            try:
                return compute(*operands)
            except (ArithmeticError, TypeError, ValueError) as error:
                raise self.source.error(node, f"'{ast.unparse(node)}': {error}.") from None
        where = self.source.place(node)
        return self.state.graph.node(kind, [self._node(o, where) for o in operands], where=where)

    def _binary(self, node: ast.expr, kind: str, compute: Any, *operands: ast.expr) -> Any:
        if not kind:
            raise self._foreign(node)
        left, right = (self.value(operand) for operand in operands)
        if isinstance(left, tuple) and isinstance(right, tuple) and kind == "add":
            return left + right
        left, right = self._checked(operands[0], left), self._checked(operands[1], right)
        if kind == "pow":
            return self._power(node, left, right)
        return self._apply(node, kind, compute, [left, right])

    def _compare(self, node: ast.expr, parts: list[ast.expr], tests: list[ast.cmpop]) -> Any:
        if any(type(test) not in _COMPARE for test in tests):
            raise self._foreign(node)
        values = [self.value(part) for part in parts]
        symbols = (Node, Field, Reduction)
        if any(isinstance(v, symbols) for v in values):
            values = [self._checked(*pair) for pair in zip(parts, values, strict=True)]
        pairs = [
            self._apply(node, *_COMPARE[type(test)], [values[k], values[k + 1]])
            for k, test in enumerate(tests)
        ]
        return self._fold(node, "and", pairs)

    def _logic(self, node: ast.expr, kind: str, parts: list[ast.expr]) -> Any:
        """Evaluate and, or; constants decide as in Python whether what follows is looked at."""
        result = self._number(parts[0])
        for part in parts[1:]:
            if isinstance(result, Node):
                result = self._apply(node, kind, None, [result, self._number(part)])
            elif bool(result) is (kind == "and"):
                result = self._number(part)
        return result

    def _fold(self, node: ast.expr, kind: str, values: list[Any]) -> Any:
        """Combine values in pairs from the left."""
        compute = {"and": lambda a, b: a and b, "or": lambda a, b: a or b}
        compute |= {"min": min, "max": max, "add": operator.add}
        result = values[0]
        for value in values[1:]:
            result = self._apply(node, kind, compute[kind], [result, value])
        return result

    def _choice(self, node: ast.expr, test: ast.expr, body: ast.expr, other: ast.expr) -> Any:
        condition = self._number(test)
        if not isinstance(condition, Node):
            return self.value(body if condition else other)
        a, b = self.value(body), self.value(other)
        if not (isinstance(a, tuple) and isinstance(b, tuple)):
            a, b = self._checked(body, a), self._checked(other, b)
        return select(self.source, self.state, condition, a, b, node)

    def _subscript(self, node: ast.Subscript, base: Any, index: ast.expr) -> Any:
        offset = self.value(index)
        if isinstance(base, Field):
            return self._read(node, base.name, offset)
        if isinstance(base, Node) or isinstance(offset, Node):
            raise self.source.error(
                node,
                f"'{ast.unparse(node.value)}' is not a field; the fields are {self.state.fields}.",
            )
        try:
            return base[offset]
        except (TypeError, LookupError) as error:
            raise self.source.error(node, f"'{ast.unparse(node)}': {error}.") from None

    def _read(self, node: ast.Subscript, name: str, index: Any) -> Node:
        offset = index if isinstance(index, tuple) else (index,)
        offset = tuple(o.item() if isinstance(o, np.integer) else o for o in offset)
        if not all(isinstance(o, int) and not isinstance(o, bool) for o in offset):
            raise self.source.error(
                node, f"offsets must be constant whole numbers, got '{ast.unparse(node)}'."
            )
        if self.state.ndim is not None and len(offset) != self.state.ndim:
            raise self.source.error(
                node,
                f"'{ast.unparse(node)}' has {len(offset)} offsets, the reads before it have "
                f"{self.state.ndim}: give one for each axis.",
            )
        self.state.ndim = len(offset)
        return self.state.read(name, offset, self.source.place(node))

    def _call(self, node: ast.Call) -> Any:
        function = self.value(node.func)
        if inspect.isfunction(function) and functions.known(function, functions.ALL) is None:
            return self._inlined(node, function)
        if node.keywords and not (function is zip or function is enumerate):
            raise self._foreign(node)
        operation = functions.known(function, functions.FUNCTIONS)
        if operation is not None:
            return self._operation(node, function, *operation)
        cast = functions.known(function, functions.CASTS)
        if cast is not None and len(node.args) == 1:
            return self._cast(node, function, cast)
        reduction = functions.known(function, functions.REDUCTIONS)
        if reduction is not None and len(node.args) == 1:
            value = self._node(self._number(node.args[0]), self.source.place(node))
            return Reduction(reduction, value)
        place = functions.known(function, functions.PLACES)
        if place is not None and len(node.args) == 1:
            return self._place(node, place)
        return self._constant_call(node, function)

    def _spread(self, nodes: list[ast.expr]) -> list[Any]:
        """Evaluate what stands between commas, with stars."""
        values = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                parts = elements(self.value(node.value))
                if parts is None:
                    raise self._foreign(node)
                values += parts
            else:
                values.append(self.value(node))
        return values

    def _comprehension(self, node: ast.expr, part: ast.expr, loop: ast.comprehension) -> Any:
        """Evaluate `part` for each of some constants."""
        items = elements(self.value(loop.iter))
        if items is None or loop.ifs:
            raise self._foreign(node)
        outside, results = self.values, []
        for item in items:
            self.values = outside | self._bound(node, loop.target, item)
            results.append(self.value(part))
        self.values = outside
        return tuple(results)

    def _bound(self, node: ast.expr, target: ast.expr, item: Any) -> dict[str, Any]:
        if isinstance(target, ast.Name):
            return {target.id: item}
        names, parts = getattr(target, "elts", []), elements(item) or []
        if len(names) != len(parts) or not all(isinstance(name, ast.Name) for name in names):
            raise self._foreign(node)
        return {name.id: value for name, value in zip(names, parts, strict=True)}

    def _cast(self, node: ast.Call, function: Any, to: np.dtype[Any]) -> Any:
        value = self.value(node.args[0])
        constant = not isinstance(value, Node | Field | Reduction)
        if constant and function in (float, int, bool):
            return self._computed(node, function, [value])
        where = self.source.place(node)
        number = self._node(self._checked(node.args[0], value), where)
        return self.state.graph.node("cast", [number], to.name, where)

    def _computed(self, node: ast.expr, function: Any, values: list[Any]) -> Any:
        """Call a function while the stencil is read."""
        try:
            with np.errstate(all="ignore"):
                return function(*values)
        except (ArithmeticError, TypeError, ValueError, LookupError) as error:
            raise self.source.error(node, f"'{ast.unparse(node)}': {error}.") from None

    def _operation(self, node: ast.Call, function: Any, kind: str, fewest: int, most: int) -> Any:
        values = self._spread(node.args)
        if len(values) == 1 and kind in ("min", "max"):
            values = elements(values[0]) or []
        if not fewest <= len(values) <= most:
            raise self.source.error(
                node, f"'{ast.unparse(node)}': {function.__name__} takes {fewest} arguments here."
            )
        single = len(values) == len(node.args)
        values = [self._checked(node.args[k] if single else node, v) for k, v in enumerate(values)]
        if kind == "square":
            return self._apply(node, "mul", operator.mul, values * 2)
        if kind in ("min", "max", "and", "or"):
            return self._fold(node, kind, values)
        if kind == "pow":
            return self._power(node, *values)
        if any(isinstance(v, Node) for v in values) or kind == "where":
            return self._apply(node, kind, None, values)
        return self._computed(node, function, values)

    def _power(self, node: ast.expr, base: Any, exponent: Any) -> Any:
        if isinstance(base, Node) and not isinstance(exponent, Node) and exponent == 2:
            return self._apply(node, "mul", None, [base, base])
        return self._apply(node, "pow", operator.pow, [base, exponent])

    def _place(self, node: ast.Call, kind: str) -> Node:
        axis = self.value(node.args[0])
        axis = axis.item() if isinstance(axis, np.integer) else axis
        if not isinstance(axis, int) or isinstance(axis, bool) or axis < 0:
            raise self.source.error(
                node, f"'{ast.unparse(node)}': the axis must be a constant from 0 on."
            )
        return self.state.graph.node(kind, data=axis, where=self.source.place(node))

    def _inlined(self, node: ast.Call, function: Any) -> Any:
        """Read the user's own function with these arguments."""
        source = Source(function, "helper function")
        keywords = {k.arg: self.value(k.value) for k in node.keywords if k.arg}
        try:
            bound = inspect.signature(function).bind(*self._spread(node.args), **keywords)
        except TypeError as error:
            raise self.source.error(
                node, f"'{ast.unparse(node)}' does not suit {function.__name__}: {error}."
            ) from None
        bound.apply_defaults()
        results = self.inline(source, dict(bound.arguments))
        return results[0] if len(results) == 1 else tuple(results)

    def _constant_call(self, node: ast.Call, function: Any) -> Any:
        if hasattr(function, "formula"):
            raise self.source.error(
                node, f"'{ast.unparse(node.func)}' is a stencil; call a function without @stencil."
            )
        compute = functions.known(function, functions.CONSTANT)
        if compute is None and getattr(function, "__module__", "") != "math":
            raise self._foreign(node)
        values = self._spread(node.args)
        if function is sum and len(values) == 1:
            parts = elements(values[0])
            if parts is not None:
                return self._fold(node, "add", [0, *(self._checked(node, p) for p in parts)])
        if any(isinstance(v, Node | Field | Reduction) for v in values):
            raise self.source.error(node, f"'{ast.unparse(node)}' must be of constants.")
        keywords = {k.arg: self.value(k.value) for k in node.keywords if k.arg}
        return self._computed(node, partial(compute or function, **keywords), values)
