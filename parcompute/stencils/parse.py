"""Read a stencil function: its fields, scalars, offsets and formula, or say what is wrong where."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from parcompute.box import Index
from parcompute.errors import StencilError
from parcompute.stencils.language import where


@dataclass(frozen=True)
class Formula:
    """What a stencil function says.

    Attributes
    ----------
    name : str
        Name of the function.
    fields, scalars : tuple of str
        Positional parameters (fields) and keyword-only parameters (numbers).
    offsets : tuple of (str, tuple of int)
        Every different read, in order of appearance.
    assignments : tuple of (str, ast.expr)
        Local variables.
    results : tuple of ast.expr
        The returned expressions, one for each output field.
    constants : dict
        Numbers found outside the function.
    """

    name: str
    fields: tuple[str, ...]
    scalars: tuple[str, ...]
    offsets: tuple[tuple[str, Index], ...]
    assignments: tuple[tuple[str, ast.expr], ...]
    results: tuple[ast.expr, ...]
    constants: dict[str, float]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.offsets[0][1])

    @cached_property
    def radius(self) -> dict[str, Index]:
        """Largest absolute offset along each axis, for each field."""
        return {
            name: tuple(
                max((abs(o[axis]) for f, o in self.offsets if f == name), default=0)
                for axis in range(self.ndim)
            )
            for name in self.fields
        }

    @property
    def corners(self) -> bool:
        """Whether a cell off the axes is read (a box stencil, not a star)."""
        return any(sum(o != 0 for o in offset) > 1 for _, offset in self.offsets)


def parse(function: Callable[..., Any]) -> Formula:
    """Return the formula of a stencil function.

    Raises
    ------
    StencilError
        If the function uses what the stencil language does not have; names file and line.
    """
    return _Reader(function).formula()


_ARITY = {  # of the functions of the language: fewest and most arguments
    "abs": (1, 1),
    "sqrt": (1, 1),
    "exp": (1, 1),
    "log": (1, 1),
    "sin": (1, 1),
    "cos": (1, 1),
    "tan": (1, 1),
    "tanh": (1, 1),
    "sinh": (1, 1),
    "cosh": (1, 1),
    "arctan": (1, 1),
    "minimum": (2, 2),
    "maximum": (2, 2),
    "min": (2, 99),
    "max": (2, 99),
    "where": (3, 3),
}
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def call_name(call: ast.Call) -> str:
    """Return the last part of the called name: ``sqrt`` for ``np.sqrt``."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


class _Reader:
    """Checks one function node by node and collects what it reads."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.file = inspect.getsourcefile(function) or "?"
        try:
            lines, self.first_line = inspect.getsourcelines(function)
            tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
        except (OSError, SyntaxError) as error:
            raise StencilError(
                f"The source of stencil '{function.__name__}' cannot be read ({error}): define "
                f"it in a file or a notebook cell, not in exec() or at the prompt."
            ) from None
        if not isinstance(tree, ast.FunctionDef):
            raise StencilError(f"{self.file}:{self.first_line}: a stencil must be a def function.")
        self.tree = tree
        self.fields = tuple(a.arg for a in tree.args.args)
        self.scalars = tuple(a.arg for a in tree.args.kwonlyargs)
        self.locals: set[str] = set()
        self.conditions: set[str] = set()  # the locals that are true or false
        self.constants: dict[str, float] = {}
        self.offsets: list[tuple[str, Index]] = []

    def error(self, node: ast.AST, message: str) -> StencilError:
        line = self.first_line + getattr(node, "lineno", 1) - 1
        return StencilError(f"{self.file}:{line}: in stencil '{self.tree.name}': {message}")

    def formula(self) -> Formula:
        args = self.tree.args
        if not self.fields or args.vararg or args.kwarg or args.defaults or args.posonlyargs:
            raise self.error(
                self.tree, "parameters must be fields, then '*', then scalars: def f(u, v, *, r)."
            )
        assignments, results = self._body()
        if not self.offsets:
            raise self.error(self.tree, "no field is read; write u[0, 0] for the cell itself.")
        return Formula(
            self.tree.name,
            self.fields,
            self.scalars,
            tuple(dict.fromkeys(self.offsets)),
            tuple(assignments),
            tuple(results),
            self.constants,
        )

    def _body(self) -> tuple[list[tuple[str, ast.expr]], list[ast.expr]]:
        assignments = []
        statements = self.tree.body
        if ast.get_docstring(self.tree) is not None:
            statements = statements[1:]
        for statement in statements:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    condition = self._is_condition(value)
                    self._check(value, condition=condition)
                    if name in (*self.fields, *self.scalars):
                        raise self.error(statement, f"the parameter '{name}' cannot be assigned.")
                    self.locals.add(name)
                    (self.conditions.add if condition else self.conditions.discard)(name)
                    assignments.append((name, value))
                case ast.Return(value=ast.expr() as value):
                    results = list(value.elts) if isinstance(value, ast.Tuple) else [value]
                    for result in results:
                        self._check(result)
                    return assignments, results
                case _:
                    raise self.error(
                        statement, "only assignments to local variables and one return are allowed."
                    )
        raise self.error(self.tree, "it must return the new value of the cell.")

    def _check(self, node: ast.expr, *, condition: bool = False) -> None:
        """Check one expression that must be a number, or a condition."""
        if self._is_condition(node) != condition:
            text = ast.unparse(node)
            raise self.error(
                node,
                f"'{text}' is a number where a condition is needed: compare it with something."
                if condition
                else f"'{text}' is a condition, not a number: write where({text}, 1.0, 0.0).",
            )
        match node:
            case ast.Subscript(value=ast.Name(id=name)):
                self._check_read(node, name)
            case ast.Name(id=name):
                self._check_name(node, name)
            case _:
                for part, is_condition in self._parts(node):
                    self._check(part, condition=is_condition)

    def _is_condition(self, node: ast.expr) -> bool:
        match node:
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return True
            case ast.Name(id=name):
                return name in self.conditions
        return False

    def _parts(self, node: ast.expr) -> list[tuple[ast.expr, bool]]:
        """Return the operands of `node`, and whether each must be a condition.

        NumPy and Numba disagree on what arithmetic with truth values means, so there is none.
        """
        match node:
            case ast.Constant(value=int() | float()):
                return []
            case ast.UnaryOp(op=ast.Not(), operand=a):
                return [(a, True)]
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=a):
                return [(a, False)]
            case ast.BinOp(op=ast.Pow(), left=a, right=ast.Constant(value=2)):
                return [(a, False)]
            case ast.BinOp(op=ast.Pow()):
                raise self.error(node, "only **2 is allowed; write other powers as products.")
            case ast.BinOp(op=operator, left=a, right=b) if isinstance(operator, _OPERATORS):
                return [(a, False), (b, False)]
            case ast.Compare(left=a, ops=[test], comparators=[b]) if isinstance(test, _COMPARISONS):
                return [(a, False), (b, False)]
            case ast.BoolOp(values=values):
                return [(value, True) for value in values]
            case ast.IfExp(test=c, body=a, orelse=b):
                return [(c, True), (a, False), (b, False)]
            case ast.Call(args=args, keywords=[]) if self._is_function(node):
                first = call_name(node) == "where"
                return [(arg, first and k == 0) for k, arg in enumerate(args)]
        raise self.error(node, f"'{ast.unparse(node)}' is not part of the stencil language.")

    def _is_function(self, call: ast.Call) -> bool:
        name = call_name(call)
        low, high = _ARITY.get(name, (1, 0))
        if not low <= len(call.args) <= high:
            return False
        found = self._lookup(name) if isinstance(call.func, ast.Name) else None
        return found is where or not inspect.isfunction(found)  # the user's own sqrt() is another

    def _check_read(self, node: ast.Subscript, name: str) -> None:
        if name not in self.fields:
            raise self.error(node, f"'{name}' is not a field; the fields are {self.fields}.")
        try:
            index = ast.literal_eval(node.slice)
        except ValueError:
            index = None
        offset = index if isinstance(index, tuple) else (index,)
        if not all(isinstance(o, int) and not isinstance(o, bool) for o in offset):
            raise self.error(
                node, f"offsets must be constant whole numbers, got '{ast.unparse(node)}'."
            )
        if self.offsets and len(offset) != len(self.offsets[0][1]):
            raise self.error(
                node,
                f"'{ast.unparse(node)}' has {len(offset)} offsets, the reads before it have "
                f"{len(self.offsets[0][1])}: give one for each axis.",
            )
        self.offsets.append((name, offset))

    def _check_name(self, node: ast.expr, name: str) -> None:
        if name in self.fields:
            raise self.error(
                node, f"field '{name}' needs offsets: write {name}[0, 0] for the cell."
            )
        if name in self.scalars or name in self.locals:
            return
        value = self._lookup(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(
                node, f"'{name}' is neither a parameter, a local variable nor a number outside."
            )
        self.constants[name] = float(value)

    def _names(self) -> dict[str, Any]:
        free = inspect.getclosurevars(self.function)
        return {**free.globals, **free.nonlocals}

    def _lookup(self, name: str) -> Any:
        return self._names().get(name)
