"""The functions of the stencil language that NumPy does not have."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from parcompute.errors import StencilError


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Return `if_true` where `condition` holds, else `if_false`; inside and outside stencils."""
    return np.where(condition, if_true, if_false)


def index(axis: int) -> Any:
    """Return the global index of the cell along `axis` (a whole number); in stencils only."""
    _only_in_stencils("index")


def position(axis: int) -> Any:
    """Return the coordinate of the cell's centre along `axis` [length]; in stencils only."""
    _only_in_stencils("position")


def reduce_max(value: Any) -> Any:
    """Return the largest `value` of all cells, NaN if there is one; returned by a stencil only."""
    _only_in_stencils("reduce_max")


def reduce_min(value: Any) -> Any:
    """Return the smallest `value` of all cells, NaN if there is one; returned by a stencil only."""
    _only_in_stencils("reduce_min")


def reduce_sum(value: Any) -> Any:
    """Return the exact, once rounded sum of `value` over all cells; returned by a stencil only."""
    _only_in_stencils("reduce_sum")


def _only_in_stencils(name: str) -> NoReturn:
    raise StencilError(f"pc.{name}() has a meaning inside a function under @pc.stencil only.")
