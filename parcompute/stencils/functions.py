"""Which Python functions stencils may call, and what they are called in expressions."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from parcompute.stencils import language

_BY_NAME = {
    "abs": 1,
    "sqrt": 1,
    "floor": 1,
    "ceil": 1,
    "exp": 1,
    "log": 1,
    "sin": 1,
    "cos": 1,
    "tan": 1,
    "sinh": 1,
    "cosh": 1,
    "tanh": 1,
    "arctan": 1,
}
FUNCTIONS: dict[Any, tuple[str, int, int]] = {
    np.minimum: ("min", 2, 2),
    np.maximum: ("max", 2, 2),
    np.where: ("where", 3, 3),
    language.where: ("where", 3, 3),
    np.power: ("pow", 2, 2),
    np.square: ("square", 1, 1),
    np.logical_and: ("and", 2, 2),
    np.logical_or: ("or", 2, 2),
    np.logical_not: ("not", 1, 1),
    builtins.abs: ("abs", 1, 1),
    math.fabs: ("abs", 1, 1),
    math.sqrt: ("sqrt", 1, 1),
    math.exp: ("exp", 1, 1),
    math.log: ("log", 1, 1),
    math.sin: ("sin", 1, 1),
    math.cos: ("cos", 1, 1),
    math.tan: ("tan", 1, 1),
    math.sinh: ("sinh", 1, 1),
    math.cosh: ("cosh", 1, 1),
    math.tanh: ("tanh", 1, 1),
    math.atan: ("arctan", 1, 1),
    math.floor: ("floor", 1, 1),
    math.ceil: ("ceil", 1, 1),
    math.pow: ("pow", 2, 2),
    builtins.pow: ("pow", 2, 2),
    builtins.min: ("min", 2, 99),
    builtins.max: ("max", 2, 99),
    **{getattr(np, name): (name, count, count) for name, count in _BY_NAME.items()},
}
"""For each function its operation, and the fewest and most arguments."""

CASTS: dict[Any, np.dtype[Any]] = {
    float: np.dtype(np.float64),
    int: np.dtype(np.int64),
    bool: np.dtype(np.bool_),
    **{
        t: np.dtype(t)
        for t in (
            *(np.int8, np.int16, np.int32, np.int64),
            *(np.uint8, np.uint16, np.uint32, np.uint64),
            *(np.float32, np.float64, np.bool_),
        )
    },
}
REDUCTIONS: dict[Any, str] = {
    language.reduce_max: "max",
    language.reduce_min: "min",
    language.reduce_sum: "sum",
}
PLACES: dict[Any, str] = {language.index: "index", language.position: "position"}


def _zipped(*parts: Any, strict: bool = False) -> tuple[Any, ...]:
    """Return what zip yields, so that it says at once whether the parts are of one length."""
    return tuple(zip(*parts, strict=strict))


CONSTANT: dict[Any, Any] = {f: f for f in (range, len, sum, reversed, enumerate)} | {zip: _zipped}
"""Builtins that are called with constants while the stencil is read, and what computes them."""

ALL: dict[Any, Any] = {**FUNCTIONS, **CASTS, **REDUCTIONS, **PLACES, **CONSTANT}


def known(function: Any, table: dict[Any, Any]) -> Any:
    """Return the entry of `table` for `function`, None if there is none or it has no hash."""
    try:
        return table.get(function)
    except TypeError:
        return None
