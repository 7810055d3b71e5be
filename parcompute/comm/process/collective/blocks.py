"""Buffers of collective calls that hold one block for every rank.

Each block is returned as an array of its items, or, where the datatype is made of others, as what
describes it: ``[data, count, displacement, datatype]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import add, index
from typing import Any

import numpy as np

from parcompute.comm.constants import IN_PLACE
from parcompute.comm.process.messages.buffers import (
    Array,
    Spec,
    all_items,
    count_items,
    parse,
    raw_bytes,
)
from parcompute.comm.process.messages.datatypes import Datatype
from parcompute.comm.process.messages.failures import ArgumentError

Block = Array | list[Any]


def is_in_place(buffer: Any) -> bool:
    """Return whether it says that the data are in the other buffer already."""
    return buffer is None or buffer is IN_PLACE


def equal_blocks(buffer: Any, size: int) -> list[Block]:
    """Return the blocks of a buffer that holds as many items for every rank.

    ``[data, count]``: `count` is that of one block. Without it, all items are divided.
    """
    if type(buffer) is np.ndarray and buffer.flags.c_contiguous and not buffer.size % size:
        return list(buffer.reshape(size, buffer.size // size))  # the usual case
    spec = parse(buffer)
    start, count = index(spec.displ or 0), spec.count
    if count is None:
        count, rest = divmod(_length(spec) - start, size)
        if rest:
            raise ArgumentError(
                sentence=f"expected a multiple of {size} items, one block for every rank, "
                f"got {_length(spec) - start}"
            )
    count = index(count)
    return _blocks(spec, [count] * size, [start + r * count for r in range(size)])


def uneven_blocks(buffer: Any, size: int) -> list[Block]:
    """Return the blocks of a buffer that holds a number of items of its own for every rank.

    ``[data, counts]``, ``[data, (counts, displs)]``, ``[data, counts, displs, datatype]`` … Counts:
    a sequence, one number for all, or None, which divides all items, the first ranks having one
    more. Displacements: a sequence, the distance of two blocks, or None: one after the other.
    """
    spec = parse(buffer, pairs=(tuple,))
    counts = _counts(spec.count, spec, size)
    return _blocks(spec, counts, _displacements(spec.displ, counts, size))


def typed_blocks(buffer: Any, size: int) -> list[Block]:
    """Return the blocks of a buffer that holds items of another datatype for every rank.

    ``[data, types]``, ``[data, (counts, displs), types]``, ``[data, counts, displs, types]``, where
    displacements are in bytes.
    """
    match buffer:
        case [data, types]:
            counts, displs = [1] * size, [0] * size
        case [data, [counts, displs], types] | [data, counts, displs, types]:
            pass
        case _:
            raise ArgumentError(sentence="expected [data, counts, displs, types]")
    view = raw_bytes(data)
    lengths, starts = _integers(counts, size), _integers(displs, size)
    return [[view[starts[r] :], lengths[r], 0, types[r]] for r in range(size)]


def copies(blocks: list[Block]) -> list[Block]:
    """Return the same blocks with other memory."""
    return [b.copy() if isinstance(b, np.ndarray) else [np.array(b[0]), *b[1:]] for b in blocks]


def _blocks(spec: Spec, counts: Sequence[int], starts: Sequence[int]) -> list[Block]:
    if isinstance(spec.kind, Datatype) and spec.kind.dtype is None:  # made of others
        places = zip(counts, starts, strict=True)
        return [[spec.data, count, start, spec.kind] for count, start in places]
    items = all_items(spec)
    lowest, highest = min((*counts, *starts)), max(map(add, counts, starts))
    if lowest < 0 or highest > len(items):
        raise ArgumentError(
            sentence=f"expected counts and displacements that lie in a buffer of {len(items)} "
            f"items, got {list(counts)} and {list(starts)}"
        )
    return [items[start : start + count] for count, start in zip(counts, starts, strict=True)]


def _counts(counts: Any, spec: Spec, size: int) -> list[int]:
    if counts is None:
        share, rest = divmod(_length(spec), size)
        return [share + (r < rest) for r in range(size)]
    return [index(counts)] * size if _is_number(counts) else _integers(counts, size)


def _displacements(displs: Any, counts: Sequence[int], size: int) -> list[int]:
    if displs is None:
        return list(accumulate(counts, initial=0))[:-1]
    return (
        [r * index(displs) for r in range(size)] if _is_number(displs) else _integers(displs, size)
    )


def _integers(numbers: Any, size: int) -> list[int]:
    if len(numbers) != size:
        raise ArgumentError(
            sentence=f"expected {size} counts and displacements, one for every rank, "
            f"got {len(numbers)}"
        )
    return [index(number) for number in numbers]


def _is_number(value: Any) -> bool:
    return hasattr(value, "__index__") and not getattr(value, "shape", ())


def _length(spec: Spec) -> int:
    """Return how many items the data has."""
    if isinstance(spec.kind, Datatype):
        return len(raw_bytes(spec.data)) // spec.kind.extent
    return count_items(spec)
