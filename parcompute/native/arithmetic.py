"""Arithmetic that plain Python cannot say; imported by generated source."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_TWO = types.float64(types.float64, types.float64)
_THREE = types.float64(types.float64, types.float64, types.float64)


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def in_any_order(typingctx: Any, total: Any, term: Any) -> Any:
    """Return the sum of both; in a loop, terms may be added in any order, several at a time."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(*args, flags=("reassoc",))

    return _TWO, generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def fused(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return _THREE, generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def product(typingctx: Any, a: Any, b: Any) -> Any:
    """Return the high and the low 64 bits of the product of two uint64."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word, wide = ir.IntType(64), ir.IntType(128)
        whole = builder.mul(*(builder.zext(number, wide) for number in args))
        high = builder.trunc(builder.lshr(whole, ir.Constant(wide, 64)), word)
        halves = (high, builder.trunc(whole, word))
        return context.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate
