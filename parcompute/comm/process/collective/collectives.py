"""Collective calls on objects, built on messages between pairs.

Objects are combined in rank order and in the same way on every rank, so that a result has the same
bits everywhere and depends on the number of ranks only. Every result is a copy, as if it had come
from another rank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from parcompute.comm.process.collective.channel import (
    Channel,
    Steps,
    receive,
    receive_all,
    wait_all,
)
from parcompute.comm.process.collective.ops import SUM, Op
from parcompute.comm.process.collective.trees import fold, partners, powers_of_two
from parcompute.comm.process.messages.failures import ArgumentError
from parcompute.comm.process.messages.pickles import dumps, loads

_NOTHING = b""
_IMMUTABLE = frozenset((int, float, complex, bool, str, bytes, type(None)))

Combine = Callable[[Any, Any], Any]


def barrier(comm: Channel) -> None:
    """Return when all ranks have called it."""
    tag = comm.calls.begin("Barrier")
    if comm.through_one:
        _through_one(comm, tag, None, len)
        return
    for distance in powers_of_two(comm.size):
        comm.Send(_NOTHING, (comm.rank + distance) % comm.size, tag)
        comm.Recv(_NOTHING, (comm.rank - distance) % comm.size, tag)


def barrier_in_steps(comm: Channel) -> Steps:
    """Be complete when all ranks have called it."""
    tag = comm.calls.begin("Barrier")
    for distance in powers_of_two(comm.size):
        yield comm.Isend(_NOTHING, (comm.rank + distance) % comm.size, tag)
        yield comm.Irecv(_NOTHING, (comm.rank - distance) % comm.size, tag)


def bcast(comm: Channel, obj: Any, root: int = 0) -> Steps:
    """Return the object of `root` on every rank."""
    comm.check_root(root)
    data: Any = dumps(obj) if comm.rank == root else None
    tag = comm.calls.begin("bcast", root)
    parent, children = comm.tree(root)
    if parent is not None:
        data = yield from receive(comm.receive_bytes(parent, tag))
    yield from wait_all([comm.Isend(data, child, tag) for child in children])
    return loads(data)


def gather(comm: Channel, sendobj: Any, root: int = 0) -> Steps:
    """Return the objects of all ranks, by rank, on `root`; None elsewhere."""
    comm.check_root(root)
    sent = dumps(sendobj)
    tag = comm.calls.begin("gather", root)
    sources = range(comm.size) if comm.rank == root else []
    receives = [comm.irecv(None, source, tag) for source in sources]
    yield comm.Isend(sent, root, tag)
    objects = yield from receive_all(receives)
    return objects if comm.rank == root else None


def allgather(comm: Channel, sendobj: Any) -> Any:
    """Return the objects of all ranks, by rank, on every rank."""
    tag = comm.calls.begin("allgather")
    if comm.through_one:
        return _through_one(comm, tag, _copy(sendobj), list)
    pickles = [dumps(sendobj)]  # of this rank and those behind it: twice as many in every round
    for distance in powers_of_two(comm.size):
        wanted = min(distance, comm.size - distance)
        dest, source = (comm.rank - distance) % comm.size, (comm.rank + distance) % comm.size
        pickles += comm.swap(pickles[:wanted], [dest], source, tag)
    start = comm.size - comm.rank
    return [loads(data) for data in pickles[start:] + pickles[:start]]


def scatter(comm: Channel, sendobj: Sequence[Any] | None, root: int = 0) -> Steps:
    """Return the item of this rank from the list that `root` gives."""
    comm.check_root(root)
    items = check_items(sendobj, comm.size) if comm.rank == root else []
    pickles = [dumps(item) for item in items]
    tag = comm.calls.begin("scatter", root)
    request = comm.irecv(None, root, tag)
    sends = [comm.Isend(data, r, tag) for r, data in enumerate(pickles)]
    item = yield from receive(request)
    yield from wait_all(sends)
    return item


def alltoall(comm: Channel, sendobj: Sequence[Any]) -> Steps:
    """Give item r to rank r; return what every rank gave to this one, by rank."""
    pickles = [dumps(item) for item in check_items(sendobj, comm.size)]
    tag = comm.calls.begin("alltoall")
    receives = [comm.irecv(None, r, tag) for r in range(comm.size)]
    sends = [comm.Isend(data, r, tag) for r, data in enumerate(pickles)]
    objects = yield from receive_all(receives)
    yield from wait_all(sends)
    return objects


def check_items(items: Sequence[Any] | None, size: int) -> Sequence[Any]:
    """Return `items` if there is one for every rank, else raise `ArgumentError`."""
    if items is None or len(items) != size:
        got = "None" if items is None else str(len(items))
        raise ArgumentError(
            sentence=f"expected a sequence of {size} items, one for every rank, got {got}"
        )
    return items


def reduce(comm: Channel, sendobj: Any, op: Combine = SUM, root: int = 0) -> Any:
    """Return the objects, combined as ``op(lower, higher)``, on `root`; None elsewhere."""
    comm.check_root(root)
    result = _copy(sendobj)
    tag = comm.calls.begin("reduce", root, _name_of(op))
    parent, children = comm.tree(0)  # rank 0 first, whatever the root: keeps the rank order
    for child in reversed(children):
        result = op(result, comm.recv(None, child, tag))
    if parent is not None:
        comm.send(result, parent, tag)
    if root != 0 and comm.rank == 0:
        comm.send(result, root, tag)
    if root != 0 and comm.rank == root:
        result = comm.recv(None, 0, tag)
    return result if comm.rank == root else None


def allreduce(comm: Channel, sendobj: Any, op: Combine = SUM) -> Any:
    """Return the objects combined in rank order on every rank, in the way of `reduce`."""
    result = _copy(sendobj)
    tag = comm.calls.begin("allreduce", _name_of(op))
    if comm.through_one:
        return _through_one(comm, tag, result, lambda objects: fold(objects, op))
    for peers, source, lower in comm.rounds:
        other = comm.swap(result, peers, source, tag)
        result = op(result, other) if lower else op(other, result)
    return result


def scan(comm: Channel, sendobj: Any, op: Combine = SUM) -> Any:
    """Return the objects of ranks 0 … r, combined in rank order, on rank r."""
    return _prefix(comm, "scan", sendobj, op, [_copy(sendobj)])


def exscan(comm: Channel, sendobj: Any, op: Combine = SUM) -> Any:
    """Return the objects of ranks 0 … r - 1, combined, on rank r; None on rank 0."""
    return _prefix(comm, "exscan", sendobj, op, [])


def _prefix(comm: Channel, name: str, obj: Any, op: Combine, result: list[Any]) -> Any:
    """Put what lower ranks have before `result`, which has one item or none; return it."""
    tag = comm.calls.begin(name, _name_of(op))
    block = _copy(obj)  # everything of the ranks that have exchanged so far
    for peer in partners(comm.rank, comm.size):
        other = comm.swap(block, [peer], peer, tag)
        if peer < comm.rank:
            result = [op(other, result[0]) if result else other]
            block = op(_copy(other), block)
        else:
            block = op(block, other)
    return result[0] if result else None


def _name_of(op: Combine) -> str:
    """Return the name of an operation, which must be the same on all ranks."""
    return op.name if type(op) is Op else getattr(op, "__name__", "a function")


def _through_one(comm: Channel, tag: int, obj: Any, joined: Callable[[list[Any]], Any]) -> Any:
    """Return what `joined` makes of the objects of all ranks, on every rank."""
    if comm.rank != 0:
        comm.send(obj, 0, tag)
        return comm.recv(None, 0, tag)
    result = joined([obj, *(comm.recv(None, r, tag) for r in range(1, comm.size))])
    data = dumps(result)
    for rank in range(1, comm.size):
        comm.Send(data, rank, tag)
    return result


def _copy(obj: Any) -> Any:
    return obj if type(obj) in _IMMUTABLE else loads(dumps(obj))
