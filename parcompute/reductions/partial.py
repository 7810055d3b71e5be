"""Exact sums of the arrays of one rank, compiled where that pays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute import settings
from parcompute.errors import ConfigError
from parcompute.reductions import reference
from parcompute.reductions.accumulator import COUNT, WORDS, ExactSum

_SHORT = 1 << 14  # elements; fewer are not worth the time to load machine code
_LINE = 64  # bytes of a cache line
_PIECE = 1 << 18  # elements of a piece of work for a thread, at least


def sum_of(array: NDArray[Any], *, absolute: bool = False) -> ExactSum:
    """Return the exact sum of the elements of `array`, or of their absolute values.

    Parameters
    ----------
    array : ndarray
        Booleans, integers or floats of up to 64 bits, any shape.

    Raises
    ------
    ConfigError
        If they are of another type.
    """
    _check(array)
    if array.dtype.kind == "f" and _is_compiled(array):
        return _compiled("absolute" if absolute else "sum", array)
    return reference.sum_of(_absolute(array) if absolute else array)


def dot_of(a: NDArray[Any], b: NDArray[Any]) -> ExactSum:
    """Return the sum of the products of two arrays of one shape.

    It is exact but for products below 2**-969, which are rounded to a multiple of 2**-1074.
    """
    _check(a)
    _check(b)
    if a.dtype.kind != "f" or b.dtype.kind != "f":
        return _sum_of_pairs(a, b)
    if _is_compiled(a):
        return _compiled("dot", a, b)
    return reference.dot_of(a, b)


def _check(array: NDArray[Any]) -> None:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ConfigError(
            f"Reductions take booleans, integers and floats of up to 64 bits, got {array.dtype}."
        )


def _absolute(array: NDArray[Any]) -> NDArray[Any]:
    """Return the absolute values; that of the smallest integer needs the unsigned type."""
    result: NDArray[Any] = np.abs(array)
    return result.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "i" else result


def _sum_of_pairs(a: NDArray[Any], b: NDArray[Any]) -> ExactSum:
    """Return the sum of the products where there are integers: as floats, in parts if need be."""
    parts = [dot_of(one, other) for one in _as_floats(a) for other in _as_floats(b)]
    total = sum(parts[1:], start=parts[0])
    total.words[COUNT] = a.size
    return total


def _as_floats(array: NDArray[Any]) -> list[NDArray[np.floating[Any]]]:
    """Return arrays of float64 whose exact sum is `array`: two if it has long integers."""
    if array.dtype.kind == "f":
        return [array]
    most = 1 << 53
    if not array.size or (int(array.max()) <= most and int(array.min()) >= -most):
        return [array.astype(np.float64)]
    return [(array >> 32 << 32).astype(np.float64), (array & 0xFFFFFFFF).astype(np.float64)]


def _is_compiled(array: NDArray[Any]) -> bool:
    return array.size >= _SHORT and settings.current().engine == "numba"


def _compiled(name: str, *arrays: NDArray[Any]) -> ExactSum:
    """Return the sum of what the kernel `name` makes of arrays of one shape, by all threads."""
    from parcompute.native.threads import team

    common = np.result_type(np.float32, *(array.dtype for array in arrays))
    operands = [np.asarray(array, common) for array in arrays]
    if not all(map(_has_rows, operands)):
        operands = [np.ascontiguousarray(array).reshape(-1) for array in operands]
    threads = max(1, min(settings.current().threads, operands[0].size // _PIECE))
    kernel = _kernel(name, common.name)
    words = np.zeros((threads, WORDS), np.int64)

    def work(thread: int, begin: int, end: int) -> None:
        _call(kernel, [array[begin:end] for array in operands], words[thread])

    team(threads).run(work, len(operands[0]))
    total = sum(map(ExactSum, words[1:]), start=ExactSum(words[0]))
    total.words[COUNT] = operands[0].size
    return total


def _has_rows(array: NDArray[Any]) -> bool:
    """Return whether a kernel can go through `array`: rows in one piece, along three axes."""
    strides = array.strides
    return (
        1 <= array.ndim <= 3
        and strides[-1] == array.itemsize
        and all(stride >= 0 and stride % array.itemsize == 0 for stride in strides)
        and array.flags.aligned
    )


def _call(kernel: Callable[[int], None], arrays: list[NDArray[Any]], words: NDArray[Any]) -> None:
    from parcompute.reductions.source import CHUNK

    shape = (1,) * (3 - arrays[0].ndim) + arrays[0].shape
    strides = [(0, 0, 0, *(s // a.itemsize for s in a.strides))[-3:-1] for a in arrays]
    buffers = np.empty(2 * CHUNK + _LINE)
    buffer = -(-buffers.ctypes.data // _LINE) * _LINE
    first, last = arrays[0], arrays[-1]
    call = np.array(
        [
            *(first.ctypes.data, *shape, *strides[0], buffer, words.ctypes.data),
            *(last.ctypes.data, *strides[-1]),
        ],
        np.int64,
    )
    kernel(call.ctypes.data)


@cache
def _kernel(name: str, dtype: str) -> Callable[[int], None]:
    """Return machine code, which is compiled at the first use on this machine."""
    from parcompute.native.compiled import CompiledSource, function
    from parcompute.reductions import source

    sources = {
        "sum": lambda: source.sum_source(dtype, absolute=False),
        "absolute": lambda: source.sum_source(dtype, absolute=True),
        "dot": lambda: source.dot_source(dtype),
    }
    return function(CompiledSource(f"exact_{name}_{dtype}", sources[name]()))
