"""Addresses as typed pointers and as functions in compiled code; imported by generated source."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _at(name: str) -> Any:
    pointer = types.CPointer(getattr(types, name))

    @intrinsic  # type: ignore[untyped-decorator, unused-ignore]
    def at(typingctx: Any, address: Any) -> Any:
        """Return the address as a pointer to numbers of this type."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(pointer))

        return pointer(types.int64), generate

    return at


at_bool = _at("uint8")  # NumPy stores a bool in a byte
at_int8, at_int16, at_int32, at_int64 = map(_at, ("int8", "int16", "int32", "int64"))
at_uint8, at_uint16, at_uint32, at_uint64 = map(_at, ("uint8", "uint16", "uint32", "uint64"))
at_float32, at_float64 = map(_at, ("float32", "float64"))


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def call(typingctx: Any, address: Any, words: Any) -> Any:
    """Call a compiled function of one pointer to words; it returns nothing."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [pointer, pointer, args[1].type])
        function = builder.inttoptr(args[0], kind.as_pointer())
        unused = cgutils.alloca_once(builder, ir.ArrayType(pointer, 2))
        unused = builder.bitcast(unused, pointer)
        builder.call(function, [unused, unused, args[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.CPointer(types.int64)), generate


def _past_the_cache(name: str) -> Any:
    """Return the copy of a cache line to memory that leaves the cache alone."""
    pointer = types.CPointer(getattr(types, name))
    count = 64 // (getattr(types, name).bitwidth // 8)

    @intrinsic  # type: ignore[untyped-decorator, unused-ignore]
    def copy_line(typingctx: Any, to: Any, i: Any, source: Any, j: Any) -> Any:
        """Copy one line, from ``source[j]`` on, to ``to[i]``, where a line begins."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number = context.get_value_type(getattr(types, name))
            line = ir.VectorType(number, count).as_pointer()
            target = builder.bitcast(builder.gep(args[0], [args[1]]), line)
            origin = builder.bitcast(builder.gep(args[2], [args[3]]), line)
            store = builder.store(builder.load(origin, align=number_bytes), target, align=64)
            one = ir.Constant(ir.IntType(32), 1)
            store.set_metadata("nontemporal", builder.module.add_metadata([one]))
            return context.get_dummy_value()

        number_bytes = 64 // count
        return types.void(pointer, types.uint64, pointer, types.uint64), generate

    return copy_line


copy_line_float32, copy_line_float64 = map(_past_the_cache, ("float32", "float64"))


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def fence(typingctx: Any) -> Any:
    """Let other threads see what has been stored past the cache."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate
