"""Reductions of buffers: item by item, in rank order, with the same bits on every rank."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from parcompute.comm.constants import IN_PLACE
from parcompute.comm.process.buffer_collectives import exchange
from parcompute.comm.process.buffers import Array, as_items
from parcompute.comm.process.channel import Channel, Steps
from parcompute.comm.process.datatypes import Datatype
from parcompute.comm.process.failures import ArgumentError
from parcompute.comm.process.ops import SUM, Op, check_same, kind_of
from parcompute.comm.process.trees import check_root, partners, powers_of_two, rounds, tree


class Work(NamedTuple):
    """What this rank has combined so far, and how to go on."""

    items: Array
    op: Op
    kind: Datatype

    def add(self, other: Array, *, lower: bool) -> None:
        """Combine with what came from higher ranks (`lower`: this rank is lower) or lower ones."""
        first, second = (self.items, other) if lower else (other, self.items)
        self.op.combine(first, second, self.items, self.kind)

    def copy(self) -> Work:
        """Return another one with the same items."""
        return self._replace(items=self.items.copy())


def _begin(source: Any, op: Any) -> Work:
    """Return the work on a copy of the buffer `source`."""
    if not isinstance(op, Op):
        raise TypeError(f"expected an Op such as MPI.SUM, got {op!r}: use the lowercase call")
    items = as_items(source)
    op.check(items.dtype)
    return Work(items.copy(), op, kind_of(source, items))


def _begin_both(sendbuf: Any, recvbuf: Any, op: Any) -> tuple[Work, Array]:
    """Return the work on the data of this rank, and where the result goes."""
    target = as_items(recvbuf)
    work = _begin(recvbuf if sendbuf is IN_PLACE else sendbuf, op)
    check_same(work.items, target)
    return work, target


def reduce(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM, root: int = 0) -> Steps:
    """Combine the buffers of all ranks in that of `root`."""
    check_root(comm, root)
    if comm.rank == root:
        work, target = _begin_both(sendbuf, recvbuf, op)
    else:
        work = _begin(sendbuf, op)
    tag = comm.calls.begin("Reduce", root, work.items.nbytes, op.name)
    yield from _climb(comm, tag, work)
    if root != 0 and comm.rank == 0:
        yield from exchange(comm, tag, {root: work.items}, {})
    if root != 0 and comm.rank == root:
        yield from exchange(comm, tag, {}, {0: work.items})
    if comm.rank == root:
        target[:] = work.items


def _climb(comm: Channel, tag: int, work: Work) -> Steps:
    """Combine everything on rank 0."""
    parent, children = tree(comm, 0)
    other = np.empty_like(work.items)
    for child in reversed(children):
        yield from exchange(comm, tag, {}, {child: other})
        work.add(other, lower=True)
    if parent is not None:
        yield from exchange(comm, tag, {parent: work.items}, {})


def allreduce(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of all ranks in that of every rank."""
    work, target = _begin_both(sendbuf, recvbuf, op)
    tag = comm.calls.begin("Allreduce", work.items.nbytes, op.name)
    other = np.empty_like(work.items)
    for peers, source, lower in rounds(comm):
        yield from exchange(comm, tag, dict.fromkeys(peers, work.items), {source: other})
        work.add(other, lower=lower)
    target[:] = work.items


def scan(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of ranks 0 … r in that of rank r."""
    work, target = _begin_both(sendbuf, recvbuf, op)
    tag = comm.calls.begin("Scan", work.items.nbytes, op.name)
    result = work.copy()
    other = np.empty_like(work.items)
    for peer in partners(comm):
        yield from exchange(comm, tag, {peer: work.items}, {peer: other})
        if peer < comm.rank:
            result.add(other, lower=False)
        work.add(other, lower=comm.rank < peer)
    target[:] = result.items


def exscan(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of ranks 0 … r - 1 in that of rank r; rank 0 keeps its buffer."""
    work, target = _begin_both(sendbuf, recvbuf, op)
    tag = comm.calls.begin("Exscan", work.items.nbytes, op.name)
    result: Work | None = None
    other = np.empty_like(work.items)
    for peer in partners(comm):
        yield from exchange(comm, tag, {peer: work.items}, {peer: other})
        if peer < comm.rank and result is None:
            result = work._replace(items=other.copy())
        elif peer < comm.rank and result is not None:
            result.add(other, lower=False)
        work.add(other, lower=comm.rank < peer)
    if result is not None:
        target[:] = result.items


def reduce_scatter(
    comm: Channel, sendbuf: Any, recvbuf: Any, recvcounts: Any = None, op: Op = SUM
) -> Steps:
    """Combine the buffers of all ranks; rank r gets block r, of ``recvcounts[r]`` items.

    Without `recvcounts` the length of each rank's receive buffer is that of its block.
    """
    target = as_items(recvbuf)
    work = _begin(recvbuf if sendbuf is IN_PLACE else sendbuf, op)
    tag = comm.calls.begin("Reduce_scatter", work.items.nbytes, op.name)
    if recvcounts is None and sendbuf is not IN_PLACE:
        recvcounts = yield from _lengths(comm, tag, len(target))
    counts = _checked_counts(recvcounts, comm.size, len(work.items))
    yield from _reduce_scatter(comm, tag, work, target[: counts[comm.rank]], counts)


def reduce_scatter_block(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of all ranks; every rank gets a block of the same length."""
    target = as_items(recvbuf)
    work = _begin(recvbuf if sendbuf is IN_PLACE else sendbuf, op)
    tag = comm.calls.begin("Reduce_scatter_block", work.items.nbytes, op.name)
    count = len(work.items) // comm.size
    counts = _checked_counts([count] * comm.size, comm.size, len(work.items))
    yield from _reduce_scatter(comm, tag, work, target[:count], counts)


def _lengths(comm: Channel, tag: int, length: int) -> Steps:
    """Return the lengths of the receive buffers of all ranks."""
    lengths = np.zeros(comm.size, np.int64)
    receives = {r: lengths[r : r + 1] for r in range(comm.size)}
    sends = dict.fromkeys(range(comm.size), np.array([length]))
    yield from exchange(comm, tag, sends, receives)
    return lengths.tolist()


def _checked_counts(counts: Any, size: int, total: int) -> list[int]:
    if counts is None or len(counts) != size or sum(counts) != total:
        raise ArgumentError(
            sentence=f"expected {size} counts, one for every rank, with the sum {total}, "
            f"got {counts}"
        )
    return [int(count) for count in counts]


def _reduce_scatter(comm: Channel, tag: int, work: Work, target: Array, counts: list[int]) -> Steps:
    """Give block r to rank r, and combine what came."""
    ends = np.cumsum(counts)
    sends = {r: work.items[ends[r] - counts[r] : ends[r]] for r in range(comm.size)}
    check_same(sends[comm.rank], target)
    received = [np.empty_like(target) for _ in range(comm.size)]
    yield from exchange(comm, tag, sends, dict(enumerate(received)))
    target[:] = _folded([work._replace(items=items) for items in received])


def _folded(parts: list[Work]) -> Array:
    """Combine the parts of all ranks, by rank, in the way of a tree."""
    for width in powers_of_two(len(parts)):
        for start in range(0, len(parts) - width, 2 * width):
            parts[start].add(parts[start + width].items, lower=True)
    return parts[0].items
