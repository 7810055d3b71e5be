"""What reductions of buffers combine, and with what."""

from __future__ import annotations

from typing import Any

import numpy as np

from parcompute.comm.process.collective.blocks import is_in_place
from parcompute.comm.process.collective.ops import Op, check_same
from parcompute.comm.process.messages.buffers import Array, as_bytes, as_items, is_derived, parse


class Work:
    """What this rank has combined so far.

    Parameters
    ----------
    items : array
        Its own data; not changed.
    op : Op
        What combines them with those of others.
    out : array, optional
        Where the combined items go; else into new memory.
    """

    def __init__(self, items: Array, op: Op, out: Array | None = None) -> None:
        self.items = items
        self._op = op
        self._out = out

    def join(self, higher: Work) -> Work:
        """Combine with the work of higher ranks; return this one."""
        self.add(higher.items, lower=True)
        return self

    def add(self, other: Array, *, lower: bool) -> None:
        """Combine with what came from higher ranks (`lower`: this rank is lower) or lower ones."""
        if self._out is None:
            self._out = np.empty_like(self.items)
        first, second = (self.items, other) if lower else (other, self.items)
        self._op.combine(first, second, self._out)
        self.items = self._out


def items_of(buffer: Any) -> Array:
    """Return the items of a buffer; of a datatype made of others as opaque ones."""
    if type(buffer) is np.ndarray and buffer.flags.c_contiguous and buffer.dtype.isnative:
        return buffer.reshape(-1)  # the usual case, 1 us faster
    kind = parse(buffer).kind
    if is_derived(kind):
        return np.frombuffer(as_bytes(buffer), f"V{kind.size}")  # for operations of the user
    return as_items(buffer)


def source_items(buffer: Any, op: Any) -> Array:
    """Return the items to reduce, if `op` can."""
    if not isinstance(op, Op):
        raise TypeError(f"expected an Op such as MPI.SUM, got {op!r}: use the lowercase call")
    items = items_of(buffer)
    op.check(items.dtype)
    return items


def source_and_target(sendbuf: Any, recvbuf: Any, op: Any) -> tuple[Array, Array]:
    """Return the items to reduce, and where the result goes."""
    target = source_items(recvbuf, op)
    if is_in_place(sendbuf):
        return target, target
    source = items_of(sendbuf)
    check_same(source, target)
    return source, target
