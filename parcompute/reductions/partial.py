"""Exact sums of the arrays of one rank, compiled where that pays."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute import settings
from parcompute.errors import ConfigError
from parcompute.native import address
from parcompute.reductions import reference
from parcompute.reductions.accumulator import COUNT, WORDS, ExactSum

_SHORT = 1 << 14  # elements; fewer are not worth the time to load machine code
_KERNELS = (np.dtype(np.float32), np.dtype(np.float64))
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
    name = "absolute" if absolute else "sum"
    if array.dtype.kind == "f" and _is_compiled(name, array):
        return _compiled(name, array)
    return reference.sum_of(_absolute(array) if absolute else array)


def dot_of(a: NDArray[Any], b: NDArray[Any]) -> ExactSum:
    """Return the sum of the products of two arrays of one shape.

    It is exact but for products below 2**-969, which are rounded to a multiple of 2**-1074.
    """
    _check(a)
    _check(b)
    if a.dtype.kind != "f" or b.dtype.kind != "f":
        return _sum_of_pairs(a, b)
    if _is_compiled("dot", a):
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
    total = functools.reduce(operator.add, parts)
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


def _is_compiled(name: str, array: NDArray[Any]) -> bool:
    long = array.size >= _SHORT or (name, array.dtype.name) in _loaded
    return long and settings.current().engine == "numba"


def _compiled(name: str, *arrays: NDArray[Any]) -> ExactSum:
    """Return the sum of what the kernel `name` makes of arrays of one shape, by all threads."""
    operands = _with_rows(arrays)
    kernel = _kernel(name, operands[0].dtype.name)
    threads = max(1, min(settings.current().threads, operands[0].size // _PIECE))
    words = np.zeros((threads, WORDS), np.int64)
    if threads == 1:
        _call(kernel, operands, words[0])
    else:
        from parcompute.native.threads import team

        def work(thread: int, begin: int, end: int) -> None:
            _call(kernel, [array[begin:end] for array in operands], words[thread])

        team(threads).run(work, len(operands[0]))
    return functools.reduce(operator.add, map(ExactSum, words))


def _with_rows(arrays: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
    """Return arrays that a kernel can go through: of one type, rows in one piece, three axes."""
    common = arrays[0].dtype
    if common not in _KERNELS or any(array.dtype != common for array in arrays):
        common = np.result_type(np.float32, *(array.dtype for array in arrays))
        arrays = [array.astype(common) for array in arrays]
    if all(map(_has_rows, arrays)):
        return arrays
    return [np.ascontiguousarray(array).reshape(-1) for array in arrays]


def _has_rows(array: NDArray[Any]) -> bool:
    size, strides = array.itemsize, array.strides
    return (
        1 <= array.ndim <= 3
        and strides[-1] == size
        and all(stride >= 0 and stride % size == 0 for stride in strides)
        and array.flags.aligned
    )


def _call(
    kernel: Callable[[int], None], arrays: Sequence[NDArray[Any]], words: NDArray[Any]
) -> None:
    from parcompute.reductions.source import CHUNK

    shape = (1,) * (3 - arrays[0].ndim) + arrays[0].shape
    first, last = arrays[0], arrays[-1]
    buffers = np.empty(2 * CHUNK + _LINE)
    buffer = -(-address(buffers) // _LINE) * _LINE
    call = np.array(
        [
            *(address(first), *shape, *_steps(first), buffer, address(words)),
            *(address(last), *_steps(last)),
        ],
        np.int64,
    )
    kernel(address(call))


def _steps(array: NDArray[Any]) -> tuple[int, ...]:
    """Return the distances along the first two of three axes, in elements."""
    return (0, 0, *(stride // array.itemsize for stride in array.strides[:-1]))[-2:]


_loaded: dict[tuple[str, str], Callable[[int], None]] = {}


def _kernel(name: str, dtype: str) -> Callable[[int], None]:
    """Return machine code, which is compiled at the first use on this machine."""
    if (name, dtype) not in _loaded:
        from parcompute.native.compiled import CompiledSource, function
        from parcompute.reductions.source import source

        _loaded[name, dtype] = function(
            CompiledSource(f"exact_{name}_{dtype}", source(name, dtype))
        )
    return _loaded[name, dtype]
