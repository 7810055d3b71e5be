"""The text of stencil functions, and what is known while one is read."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from parcompute.box import Index
from parcompute.errors import StencilError
from parcompute.stencils.expression import Graph, Node


class Source:
    """The text of a function, and the names around it.

    Parameters
    ----------
    function : function
        A stencil, or a function that it calls.
    role : str
        Which of the two, in messages.
    """

    def __init__(self, function: Callable[..., Any], role: str = "stencil") -> None:
        if not inspect.isfunction(function):
            raise StencilError(f"A stencil is made of a def function, got {function!r}.")
        self.function, self.role = function, role
        self.file = inspect.getsourcefile(function) or "?"
        if function.__name__ == "<lambda>" or inspect.iscoroutinefunction(function):
            raise StencilError(
                f"{self.file}:{function.__code__.co_firstlineno}: a {role} must be a def function, "
                f"got '{function.__name__}'."
            )
        try:
            lines, self.first_line = inspect.getsourcelines(function)
            tree = self._parsed("".join(lines))
        except (OSError, SyntaxError) as error:
            raise StencilError(
                f"The source of {role} '{function.__name__}' cannot be read ({error}): define "
                f"it in a file or a notebook cell, not in exec() or at the prompt."
            ) from None
        assert isinstance(tree, ast.FunctionDef)
        self.tree = tree

    def _parsed(self, text: str) -> ast.stmt:
        if not text[0].isspace():
            return ast.parse(text).body[0]
        self.first_line -= 1
        block = ast.parse("if True:\n" + text).body[0]
        assert isinstance(block, ast.If)
        return block.body[0]

    def place(self, node: ast.AST) -> str:
        """Return file and line of `node`."""
        return f"{self.file}:{self.first_line + getattr(node, 'lineno', 1) - 1}"

    def error(self, node: ast.AST, message: str) -> StencilError:
        """Return an error that names the line of `node`."""
        return StencilError(f"{self.place(node)}: in {self.role} '{self.tree.name}': {message}")

    @cached_property
    def names(self) -> Mapping[str, Any]:
        """Names outside the function that it may mean."""
        enclosing = {}
        cells = self.function.__closure__ or ()
        for name, cell in zip(self.function.__code__.co_freevars, cells, strict=True):
            try:
                enclosing[name] = cell.cell_contents
            except ValueError:  # it gets its value later
                continue
        return ChainMap(enclosing, self.function.__globals__, vars(builtins))

    @cached_property
    def assigned(self) -> set[str]:
        """Names that the function assigns, without those of comprehensions."""
        loops = [n for n in ast.walk(self.tree) if isinstance(n, ast.comprehension)]
        return _stored(self.tree) - {name for loop in loops for name in _stored(loop.target)}


def _stored(tree: ast.AST) -> set[str]:
    names = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
    return {n.id for n in names if isinstance(n.ctx, ast.Store)}


@dataclass(frozen=True)
class Field:
    """A parameter that stands for a field."""

    name: str


@dataclass
class State:
    """What is known of the whole stencil while it is read.

    Attributes
    ----------
    graph : Graph
        The expressions.
    name : str
        Name of the stencil.
    fields : tuple of str
        Its fields.
    ndim : int, optional
        Offsets that reads have; None before the first.
    depth : int
        Helper functions that are being read.
    returned : list of str
        File and line of each value that the stencil returns.
    """

    graph: Graph
    name: str
    fields: tuple[str, ...]
    ndim: int | None = None
    depth: int = 0
    returned: list[str] = field(default_factory=list)

    def read(self, field: str, offset: Index, where: str) -> Node:
        """Return the node of a read."""
        return self.graph.node("read", data=(field, offset), where=where)
