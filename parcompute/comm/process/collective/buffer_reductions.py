"""Reductions of buffers: item by item, in rank order, with the same bits on every rank."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from parcompute.comm.process.collective.blocks import is_in_place
from parcompute.comm.process.collective.buffer_collectives import exchange
from parcompute.comm.process.collective.channel import Channel, Steps, receive, wait_all
from parcompute.comm.process.collective.operands import (
    Work,
    items_of,
    source_and_target,
    source_items,
)
from parcompute.comm.process.collective.ops import SUM, Op, check_same
from parcompute.comm.process.collective.trees import fold, partners
from parcompute.comm.process.messages.buffers import Array
from parcompute.comm.process.messages.failures import ArgumentError

LARGE = 1 << 18
"""Bytes from which every rank combines a part: on 2 cores it takes half the time from 1 MiB up, and
as long as the other way here.
"""


def reduce(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM, root: int = 0) -> Steps:
    """Combine the buffers of all ranks in that of `root`."""
    comm.check_root(root)
    source, target = (
        source_and_target(sendbuf, recvbuf, op)
        if comm.rank == root
        else (source_items(sendbuf, op), None)
    )
    tag = comm.calls.begin("Reduce", root, source.nbytes, op.name)
    if _is_large(comm, source, op):
        return _in_parts(comm, tag, source, target, op, [root])
    return _reduce_small(comm, tag, source, target, op, root)


def _reduce_small(
    comm: Channel, tag: int, source: Array, target: Array | None, op: Op, root: int
) -> Steps:
    """Combine everything on rank 0, which sends it to `root`."""
    items = yield from _climb(comm, tag, Work(source, op, target))
    if root != 0 and comm.rank == 0:
        yield comm.Isend(items, root, tag)
    elif root != 0 and comm.rank == root:
        yield from receive(comm.Irecv(target, 0, tag))
    elif target is not None and items is not target:
        target[:] = items


def _climb(comm: Channel, tag: int, work: Work) -> Steps:
    """Return everything combined, on rank 0."""
    parent, children = comm.tree(0)
    other = np.empty_like(work.items) if children else work.items
    for child in reversed(children):
        yield from receive(comm.Irecv(other, child, tag))
        work.add(other, lower=True)
    if parent is not None:
        yield comm.Isend(work.items, parent, tag)
    return work.items


def allreduce_now(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> None:
    """Combine the buffers of all ranks in that of every rank."""
    source, target = source_and_target(sendbuf, recvbuf, op)
    tag = comm.calls.begin("Allreduce", source.nbytes, op.name)
    if source.nbytes >= LARGE:  # a send may wait for its receiver
        comm.run(_allreduce_steps(comm, tag, source, target, op))
        return
    if comm.through_one:
        _through_one(comm, tag, source, target, op)
        return
    work = Work(source, op, target)
    other = np.empty_like(source)
    for peers, peer, lower in comm.rounds:  # as below, but without requests: 3 us sooner
        for dest in peers:
            comm.Send(work.items, dest, tag)
        comm.Recv(other, peer, tag)
        work.add(other, lower=lower)
    if work.items is not target:
        target[:] = work.items


def _through_one(comm: Channel, tag: int, source: Array, target: Array, op: Op) -> None:
    """Combine everything on rank 0, which sends it to all."""
    if comm.rank != 0:
        comm.Send(source, 0, tag)
        comm.Recv(target, 0, tag)
        return
    others = np.empty((comm.size - 1, len(source)), source.dtype)
    for rank, other in enumerate(others, 1):
        comm.Recv(other, rank, tag)
    fold([Work(source, op, target), *(Work(other, op, other) for other in others)], Work.join)
    for rank in range(1, comm.size):
        comm.Send(target, rank, tag)


def allreduce(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of all ranks in that of every rank."""
    source, target = source_and_target(sendbuf, recvbuf, op)
    tag = comm.calls.begin("Allreduce", source.nbytes, op.name)
    return _allreduce_steps(comm, tag, source, target, op)


def _allreduce_steps(comm: Channel, tag: int, source: Array, target: Array, op: Op) -> Steps:
    if _is_large(comm, source, op):
        return _in_parts(comm, tag, source, target, op, range(comm.size))
    return _allreduce_small(comm, tag, source, target, op)


def _allreduce_small(comm: Channel, tag: int, source: Array, target: Array, op: Op) -> Steps:
    """Combine everything on every rank."""
    work = Work(source, op, target)
    other = np.empty_like(source)
    for peers, peer, lower in comm.rounds:
        receiving = comm.Irecv(other, peer, tag)
        yield from wait_all([comm.Isend(work.items, peer, tag) for peer in peers])
        yield from receive(receiving)
        work.add(other, lower=lower)
    if work.items is not target:
        target[:] = work.items


def _is_large(comm: Channel, source: Array, op: Op) -> bool:
    """Say whether every rank is to combine a part (which an operation of the user may not like)."""
    return source.nbytes >= LARGE and comm.size > 1 and op.is_predefined


def _in_parts(
    comm: Channel,
    tag: int,
    source: Array,
    target: Array | None,
    op: Op,
    receivers: Sequence[int],
) -> Steps:
    """Combine a part on every rank, in the way of a tree as well, and send it to the receivers."""
    bounds = [len(source) * r // comm.size for r in range(comm.size + 1)]
    parts = {r: slice(bounds[r], bounds[r + 1]) for r in range(comm.size)}
    own = parts.pop(comm.rank)
    combined = np.empty_like(source[own]) if target is None else target[own]
    yield from _reduce_part(comm, tag, source, op, parts, source[own], combined)
    received = {} if target is None else {r: target[part] for r, part in parts.items()}
    sent = {r: combined for r in receivers if r != comm.rank}
    yield from exchange(comm, tag, sent, received)


def scan(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of ranks 0 … r in that of rank r."""
    source, target = source_and_target(sendbuf, recvbuf, op)
    tag = comm.calls.begin("Scan", source.nbytes, op.name)
    block = Work(source.copy(), op)  # everything of the ranks that have exchanged so far
    result = Work(source, op, target)
    other = np.empty_like(source)
    for peer in partners(comm.rank, comm.size):
        yield from exchange(comm, tag, {peer: block.items}, {peer: other})
        if peer < comm.rank:
            result.add(other, lower=False)
        block.add(other, lower=comm.rank < peer)
    target[:] = result.items


def exscan(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of ranks 0 … r - 1 in that of rank r; rank 0 keeps its buffer."""
    source, target = source_and_target(sendbuf, recvbuf, op)
    tag = comm.calls.begin("Exscan", source.nbytes, op.name)
    block, result = Work(source, op), None
    other = np.empty_like(source)
    for peer in partners(comm.rank, comm.size):
        yield from exchange(comm, tag, {peer: block.items}, {peer: other})
        if peer < comm.rank and result is None:
            result = Work(other.copy(), op)
        elif peer < comm.rank and result is not None:
            result.add(other, lower=False)
        block.add(other, lower=comm.rank < peer)
    if result is not None:
        target[:] = result.items


def reduce_scatter(
    comm: Channel, sendbuf: Any, recvbuf: Any, recvcounts: Any = None, op: Op = SUM
) -> Steps:
    """Combine the buffers of all ranks; rank r gets block r, of ``recvcounts[r]`` items.

    Without `recvcounts` the length of each rank's receive buffer is that of its block.
    """
    target = items_of(recvbuf)
    source = source_items(recvbuf if is_in_place(sendbuf) else sendbuf, op)
    tag = comm.calls.begin("Reduce_scatter", source.nbytes, op.name)
    if recvcounts is None and not is_in_place(sendbuf):
        recvcounts = yield from _lengths(comm, tag, len(target))
    counts = _checked_counts(recvcounts, comm.size, len(source))
    yield from _reduce_scatter(comm, tag, source, target[: counts[comm.rank]], op, counts)


def reduce_scatter_block(comm: Channel, sendbuf: Any, recvbuf: Any, op: Op = SUM) -> Steps:
    """Combine the buffers of all ranks; every rank gets a block of the same length."""
    target = items_of(recvbuf)
    source = source_items(recvbuf if is_in_place(sendbuf) else sendbuf, op)
    tag = comm.calls.begin("Reduce_scatter_block", source.nbytes, op.name)
    count = len(source) // comm.size
    counts = _checked_counts([count] * comm.size, comm.size, len(source))
    yield from _reduce_scatter(comm, tag, source, target[:count], op, counts)


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


def _reduce_scatter(
    comm: Channel, tag: int, source: Array, target: Array, op: Op, counts: list[int]
) -> Steps:
    """Give block r to rank r, and combine what came."""
    ends = list(accumulate(counts))
    parts = {r: slice(end - counts[r], end) for r, end in enumerate(ends)}
    own = parts.pop(comm.rank)
    check_same(source[own], target)
    yield from _reduce_part(comm, tag, source, op, parts, source[own], target)


def _reduce_part(
    comm: Channel,
    tag: int,
    source: Array,
    op: Op,
    parts: dict[int, slice],
    own: Array,
    target: Array,
) -> Steps:
    """Send the parts of other ranks to them; combine in `target` what all have of the own one."""
    received = {r: np.empty_like(own) for r in parts}
    yield from exchange(comm, tag, {r: source[part] for r, part in parts.items()}, received)
    works = {r: Work(items, op, items) for r, items in received.items()}
    works[comm.rank] = Work(own, op, None if np.may_share_memory(own, target) else target)
    result = fold([works[r] for r in range(comm.size)], Work.join).items
    if result is not target:
        target[:] = result
