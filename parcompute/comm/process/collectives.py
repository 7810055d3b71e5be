"""Collective calls on objects, built on messages between pairs.

Trees are binomial. Objects are combined in rank order and in the same way on every rank, so that a
result has the same bits everywhere and depends on the number of ranks only.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from parcompute.comm.process.channel import Channel, Steps
from parcompute.comm.process.point_to_point import check_items
from parcompute.comm.process.requests import Request

_NOTHING = b""

Combine = Callable[[Any, Any], Any]


def barrier(comm: Channel) -> Steps:
    """Return when all ranks have called it (dissemination: log2(size) rounds)."""
    tag = comm.calls.begin("Barrier")
    for distance in powers_of_two(comm.size):
        yield comm.Isend(_NOTHING, (comm.rank + distance) % comm.size, tag)
        yield comm.Irecv(_NOTHING, (comm.rank - distance) % comm.size, tag)


def bcast(comm: Channel, obj: Any, root: int) -> Steps:
    """Return the object of `root`, pickled once."""
    tag = comm.calls.begin("bcast", root)
    parent, children = tree(comm, root)
    if parent is None:
        data = pickle.dumps(obj, pickle.HIGHEST_PROTOCOL) if children else b""
    else:
        data = yield from receive(comm.receive_bytes(parent, tag))
    yield from wait_all([comm.Isend(data, child, tag) for child in children])
    return obj if parent is None else pickle.loads(data)


def bcast_buffer(comm: Channel, buf: Any, root: int) -> Steps:
    """Fill the buffer of every rank with that of `root`."""
    tag = comm.calls.begin("Bcast", root)
    parent, children = tree(comm, root)
    if parent is not None:
        yield from receive(comm.Irecv(buf, parent, tag))
    yield from wait_all([comm.Isend(buf, child, tag) for child in children])


def gather(comm: Channel, obj: Any, root: int) -> Steps:
    """Return the objects of all ranks on `root`."""
    tag = comm.calls.begin("gather", root)
    if comm.rank != root:
        yield comm.isend(obj, root, tag)
        return None
    requests = {r: comm.irecv(source=r, tag=tag) for r in range(comm.size) if r != root}
    objects = yield from receive_all(list(requests.values()))
    return [*objects[:root], obj, *objects[root:]]


def allgather(comm: Channel, obj: Any) -> Steps:
    """Return the objects of all ranks (log2(size) rounds, each with twice as many objects)."""
    tag = comm.calls.begin("allgather")
    own = pickle.dumps(obj, pickle.HIGHEST_PROTOCOL)
    pickles = [own]  # of this rank and those behind it
    for distance in powers_of_two(comm.size):
        wanted = min(distance, comm.size - distance)
        send = comm.isend(pickles[:wanted], (comm.rank - distance) % comm.size, tag)
        source = (comm.rank + distance) % comm.size
        pickles += yield from receive(comm.irecv(source=source, tag=tag))
        yield send
    start = comm.size - comm.rank
    return [pickle.loads(data) for data in pickles[start:] + pickles[:start]]


def scatter(comm: Channel, items: Sequence[Any] | None, root: int) -> Steps:
    """Return the item of this rank from the list on `root`."""
    tag = comm.calls.begin("scatter", root)
    if comm.rank != root:
        return (yield from receive(comm.irecv(source=root, tag=tag)))
    items = check_items(items, comm.size)
    yield from wait_all([comm.isend(items[r], r, tag) for r in range(comm.size) if r != root])
    return items[root]


def alltoall(comm: Channel, items: Sequence[Any]) -> Steps:
    """Return what every rank gave to this one."""
    tag = comm.calls.begin("alltoall")
    items = check_items(items, comm.size)
    receives = [comm.irecv(source=r, tag=tag) for r in range(comm.size)]
    sends = [comm.isend(items[r], r, tag) for r in range(comm.size)]
    objects = yield from receive_all(receives)
    yield from wait_all(sends)
    return objects


def reduce(comm: Channel, obj: Any, op: Combine, root: int) -> Steps:
    """Return the objects combined as ``op(lower ranks, higher ranks)`` on `root`."""
    tag = comm.calls.begin("reduce", root)
    parent, children = tree(comm, 0)  # rank 0 first, whatever the root: keeps the rank order
    for child in reversed(children):
        obj = op(obj, (yield from receive(comm.irecv(source=child, tag=tag))))
    if parent is not None:
        yield comm.isend(obj, parent, tag)
    if root != 0 and comm.rank == 0:
        yield comm.isend(obj, root, tag)
    if comm.rank != root:
        return None
    return (yield from receive(comm.irecv(source=0, tag=tag))) if root != 0 else obj


def allreduce(comm: Channel, obj: Any, op: Combine) -> Steps:
    """Return the objects combined on every rank, in the order and the way of `reduce`."""
    tag = comm.calls.begin("allreduce")
    for peers, source, lower in rounds(comm):
        receiving = comm.irecv(source=source, tag=tag)
        yield from wait_all([comm.isend(obj, peer, tag) for peer in peers])
        other = yield from receive(receiving)
        obj = op(obj, other) if lower else op(other, obj)
    return obj


def receive(request: Request) -> Steps:
    """Return the object, when it is there."""
    if not request.done:
        yield request
    return request.wait()


def receive_all(requests: list[Request]) -> Steps:
    """Return the objects, when they are there."""
    yield from wait_all(requests)
    return [request.wait() for request in requests]


def wait_all(requests: list[Request]) -> Steps:
    """Return when all are done."""
    for request in requests:
        if not request.done:
            yield request


def tree(comm: Channel, root: int) -> tuple[int | None, list[int]]:
    """Return parent and children (largest subtree first) in the binomial tree below `root`."""
    position = (comm.rank - root) % comm.size
    subtree = position & -position if position else comm.size
    parent = None if position == 0 else (position - subtree + root) % comm.size
    distances = [d for d in powers_of_two(min(subtree, comm.size)) if position + d < comm.size]
    return parent, [(position + d + root) % comm.size for d in reversed(distances)]


def rounds(comm: Channel) -> Iterator[tuple[list[int], int, bool]]:
    """Yield the exchanges that combine everything on all ranks, in rank order.

    In every round blocks of ranks join in pairs, of which the last may be smaller than its partner.
    Each rank of a pair sends what its block has to those of the other block that it serves.

    Yields
    ------
    peers : list of int
        To send to.
    source : int
        To receive from.
    lower : bool
        Whether this rank is in the block of the lower ranks.
    """
    for width in powers_of_two(comm.size):
        start = comm.rank & -(2 * width)
        middle, end = start + width, min(start + 2 * width, comm.size)
        if middle >= end:
            continue
        if comm.rank < middle:
            source = middle + (comm.rank - start) % (end - middle)
            peer = comm.rank + width
            yield [peer] if peer < end else [], source, True
        else:
            peers = range(comm.rank - width, middle, end - middle)
            yield list(peers), comm.rank - width, False


def powers_of_two(end: int) -> Iterator[int]:
    """Yield 1, 2, 4 … below `end`."""
    power = 1
    while power < end:
        yield power
        power *= 2
