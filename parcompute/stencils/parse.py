"""Read a stencil function by walking through its statements with symbols for the fields.

Constants are computed as Python does, calls of the user's own functions and loops over constants
are unrolled, and conditional statements become selections.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from parcompute.errors import StencilError
from parcompute.stencils.evaluate import elements, evaluate, select
from parcompute.stencils.expression import Graph, Node, in_order
from parcompute.stencils.formula import Formula, Reduction
from parcompute.stencils.source import Field, Source, State

_MOST_UNROLLED = 1000  # turns of one loop
_DEEPEST = 20  # calls of helper functions within each other
_NOT_ASSIGNED = "a cell is not assigned: return its new value, the cells around it are only read."


def parse(function: Callable[..., Any]) -> Formula:
    """Return the formula of a stencil function.

    Raises
    ------
    StencilError
        If the function uses what the stencil language does not have; names file and line.
    """
    source = Source(function)
    args = source.tree.args
    if not args.args or args.vararg or args.kwarg or args.defaults or args.posonlyargs:
        raise source.error(
            source.tree, "parameters must be fields, then '*', then scalars: def f(u, v, *, r)."
        )
    if any(args.kw_defaults):
        raise source.error(source.tree, "scalars have no defaults: give them in the call.")
    fields = tuple(a.arg for a in args.args)
    scalars = tuple(a.arg for a in args.kwonlyargs)
    state = State(Graph(), function.__name__, fields)
    values: dict[str, Any] = {name: Field(name) for name in fields}
    values |= {name: state.graph.node("scalar", data=name) for name in scalars}
    results = Reader(source, state, values, frozenset(values)).returned()
    if state.ndim is None:
        raise source.error(source.tree, "no field is read; write u[0, 0] for the cell itself.")
    where = f"{source.file}:{source.first_line}"
    values_, reductions = _sorted(source, state, results)
    formula = Formula(
        *(function.__name__, where, fields, scalars, state.ndim, values_, reductions),
        tuple(state.returned),
    )
    _check_axes(formula)
    return formula


def _sorted(
    source: Source, state: State, results: Sequence[Any]
) -> tuple[tuple[Node, ...], tuple[Reduction, ...]]:
    """Tell new values of fields from reductions, which come last."""
    count = sum(not isinstance(r, Reduction) for r in results)
    if any(isinstance(r, Reduction) for r in results[:count]):
        raise source.error(source.tree, "return the new values of fields first, then reductions.")
    values = [r if isinstance(r, Node) else state.graph.number(r) for r in results[:count]]
    return tuple(values), tuple(results[count:])


def _check_axes(formula: Formula) -> None:
    for node in in_order(formula.roots):
        if node.kind in ("index", "position") and node.data >= formula.ndim:
            raise StencilError(
                f"{node.where}: in stencil '{formula.name}': pc.{node.kind}({node.data}) of "
                f"fields that have {formula.ndim} axes: the first axis is 0."
            )


class Reader:
    """Walks through the statements of one function; `fixed` are names that it cannot assign."""

    def __init__(
        self,
        source: Source,
        state: State,
        values: dict[str, Any],
        fixed: frozenset[str] = frozenset(),
    ) -> None:
        self.source, self.state, self.values, self.fixed = source, state, values, fixed

    def returned(self) -> list[Any]:
        """Return the values that the function returns."""
        if self.state.depth > _DEEPEST:
            raise self.source.error(self.source.tree, "functions call each other without end.")
        results = self.run(self.source.tree.body)
        if results is None:
            raise self.source.error(self.source.tree, "it must return the new value of the cell.")
        return results

    def run(self, statements: Sequence[ast.stmt]) -> list[Any] | None:
        """Execute statements; return what they return, None if they go on."""
        for k, statement in enumerate(statements):
            match statement:
                case ast.Return(value=value):
                    return self._results(statement, value)
                case ast.If():
                    rest = statements[k + 1 :]
                    condition = self._condition(statement)
                    if not isinstance(condition, Node):
                        chosen = statement.body if condition else statement.orelse
                        return self.run([*chosen, *rest])
                    if any(isinstance(n, ast.Return) for n in ast.walk(statement)):
                        return self._ways(condition, statement, rest)
                    self._branches(condition, statement)
                case ast.For():
                    self._loop(statement)
                case _:
                    self._assign(statement)
        return None

    def _results(self, statement: ast.Return, value: ast.expr | None) -> list[Any]:
        if value is None:
            raise self.source.error(statement, "it must return the new value of the cell.")
        results, places = [], []
        for part in value.elts if isinstance(value, ast.Tuple) else [value]:
            inner = part.value if isinstance(part, ast.Starred) else part
            result = self.evaluate(inner)
            spread = isinstance(result, tuple) and (part is value or part is not inner)
            several = list(result) if spread else [result]
            results += several
            places += [self.source.place(part)] * len(several)
        for result in results:
            if isinstance(result, Field):
                zeros = ", ".join("0" * (self.state.ndim or 2))
                raise self.source.error(
                    value, f"field '{result.name}' needs offsets: write {result.name}[{zeros}]."
                )
            if not self._is_result(result):
                raise self.source.error(value, "it must return numbers, the new values of a cell.")
        if not self.state.depth:
            self.state.returned = places
        return results

    def _is_result(self, value: Any) -> bool:
        """Return whether this may be returned: numbers, by helper functions also tuples of them."""
        if isinstance(value, tuple) and self.state.depth:
            return all(map(self._is_result, value))
        return isinstance(value, Node | Reduction | bool | int | float)

    def _assign(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                result = self.evaluate(value)
                for target in targets:
                    self._bind(target, result)
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                self._bind(target, self.evaluate(value))
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                old = ast.copy_location(ast.Name(name, ast.Load()), target)
                combined = ast.copy_location(ast.BinOp(old, op, value), statement)
                self._bind(target, self.evaluate(combined))
            case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                pass
            case ast.AugAssign(target=ast.Subscript()):
                raise self.source.error(statement, _NOT_ASSIGNED)
            case _:
                raise self.source.error(
                    statement,
                    "only assignments to local variables, if, for over constants and return are "
                    "allowed.",
                )

    def _bind(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name) if name in self.fixed:
                raise self.source.error(target, f"the parameter '{name}' cannot be assigned.")
            case ast.Name(id=name):
                self.values[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                parts = elements(value)
                if parts is None:
                    raise self.source.error(target, f"{len(targets)} names for one value.")
                if len(targets) != len(parts):
                    raise self.source.error(
                        target, f"{len(targets)} names for {len(parts)} values."
                    )
                for single, part in zip(targets, parts, strict=True):
                    self._bind(single, part)
            case ast.Subscript():
                raise self.source.error(target, _NOT_ASSIGNED)
            case _:
                raise self.source.error(target, f"'{ast.unparse(target)}' cannot be assigned.")

    def _condition(self, statement: ast.If) -> Any:
        condition = self.evaluate(statement.test)
        if isinstance(condition, Field | Reduction):
            raise self.source.error(
                statement, f"'{ast.unparse(statement.test)}' is not a condition."
            )
        if isinstance(condition, np.ndarray):
            raise self.source.error(
                statement, f"'{ast.unparse(statement.test)}' is an array, not a condition."
            )
        return condition

    def _ways(
        self, condition: Node, statement: ast.If, rest: Sequence[ast.stmt]
    ) -> list[Any] | None:
        """Execute an if statement that may return, with all that follows; select the results."""
        yes = self._copy().run([*statement.body, *rest])
        no = self._copy().run([*statement.orelse, *rest])
        if yes is None and no is None:
            return None
        if yes is None or no is None:
            raise self.source.error(statement, "each way through it must return a new value.")
        if len(yes) != len(no):
            raise self.source.error(
                statement,
                f"each way through it must return as many values, got {len(yes)} and {len(no)}.",
            )
        return [self._select(condition, a, b, statement) for a, b in zip(yes, no, strict=True)]

    def _branches(self, condition: Node, statement: ast.If) -> None:
        """Execute both branches; keep the names that both define, with values selected."""
        yes, no = self._copy(), self._copy()
        yes.run(statement.body)
        no.run(statement.orelse)
        self.values.clear()
        for name in yes.values.keys() & no.values.keys():
            a, b = yes.values[name], no.values[name]
            self.values[name] = self._select(condition, a, b, statement)

    def _copy(self) -> Reader:
        return Reader(self.source, self.state, dict(self.values), self.fixed)

    def _select(self, condition: Node, a: Any, b: Any, place: ast.AST) -> Any:
        return select(self.source, self.state, condition, a, b, place)

    def _loop(self, statement: ast.For) -> None:
        """Unroll a loop over constants."""
        if statement.orelse:
            raise self.source.error(statement, "a loop has no else.")
        if any(isinstance(n, ast.Return | ast.Break | ast.Continue) for n in ast.walk(statement)):
            raise self.source.error(statement, "a loop cannot return, break or continue.")
        turns = self.evaluate(statement.iter)
        if isinstance(turns, Node | Field | Reduction | str) or not hasattr(turns, "__iter__"):
            raise self.source.error(
                statement, "a loop must run over constants: for k in range(1, 5)."
            )
        turns = list(islice(turns, _MOST_UNROLLED + 1))
        if len(turns) > _MOST_UNROLLED:
            raise self.source.error(statement, f"a loop may have {_MOST_UNROLLED} turns at most.")
        for turn in turns:
            self._bind(statement.target, turn)
            self.run(statement.body)

    def evaluate(self, node: ast.expr) -> Any:
        """Return the value of an expression: a Python constant, a node, a field."""
        return evaluate(self.source, self.state, self.values, self._inlined, node)

    def _inlined(self, source: Source, values: dict[str, Any]) -> list[Any]:
        """Return what a helper function returns for these arguments."""
        self.state.depth += 1
        results = Reader(source, self.state, values).returned()
        self.state.depth -= 1
        return results
