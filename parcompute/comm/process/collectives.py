"""Collective calls, built on messages between pairs.

They run in a context of their own, so that they never meet messages of the user. Trees are
binomial; objects are combined in rank order, so that a result depends on the number of ranks only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from parcompute.comm.process.point_to_point import PointToPoint, check_items

_BARRIER, _BCAST, _GATHER, _SCATTER, _REDUCE, _ALLTOALL = range(6)  # tags
_NOTHING = b""


def barrier(comm: PointToPoint) -> None:
    """Return when all ranks have called it (dissemination: log2(size) rounds)."""
    distance = 1
    while distance < comm.size:
        to, source = (comm.rank + distance) % comm.size, (comm.rank - distance) % comm.size
        comm.Sendrecv(_NOTHING, to, _BARRIER, _NOTHING, source, _BARRIER)
        distance *= 2


def bcast(comm: PointToPoint, obj: Any, root: int) -> Any:
    """Return the object of `root`."""
    parent, children = _tree(comm, root)
    if parent is not None:
        obj = comm.recv(source=parent, tag=_BCAST)
    for child in children:
        comm.send(obj, child, _BCAST)
    return obj


def bcast_buffer(comm: PointToPoint, buf: Any, root: int) -> None:
    """Fill the buffer of every rank with that of `root`."""
    parent, children = _tree(comm, root)
    if parent is not None:
        comm.Recv(buf, parent, _BCAST)
    for request in [comm.Isend(buf, child, _BCAST) for child in children]:
        request.Wait()


def gather(comm: PointToPoint, obj: Any, root: int) -> list[Any] | None:
    """Return the objects of all ranks on `root`."""
    if comm.rank != root:
        comm.send(obj, root, _GATHER)
        return None
    others = {r: comm.irecv(source=r, tag=_GATHER) for r in range(comm.size) if r != root}
    return [obj if r == root else others[r].wait() for r in range(comm.size)]


def allgather(comm: PointToPoint, obj: Any) -> list[Any]:
    """Return the objects of all ranks."""
    return bcast(comm, gather(comm, obj, 0), 0)  # type: ignore[no-any-return]


def scatter(comm: PointToPoint, items: Sequence[Any] | None, root: int) -> Any:
    """Return the item of this rank from the list on `root`."""
    if comm.rank != root:
        return comm.recv(source=root, tag=_SCATTER)
    items = check_items(items, comm.size)
    sends = [comm.isend(items[r], r, _SCATTER) for r in range(comm.size) if r != root]
    for request in sends:
        request.Wait()
    return items[root]


def alltoall(comm: PointToPoint, items: Sequence[Any]) -> list[Any]:
    """Return what every rank gave to this one."""
    items = check_items(items, comm.size)
    receives = [comm.irecv(source=r, tag=_ALLTOALL) for r in range(comm.size)]
    sends = [comm.isend(items[r], r, _ALLTOALL) for r in range(comm.size)]
    for request in sends:
        request.Wait()
    return [request.wait() for request in receives]


def reduce(comm: PointToPoint, obj: Any, op: Callable[[Any, Any], Any], root: int) -> Any:
    """Return the objects combined as ``op(lower ranks, higher ranks)`` on `root`."""
    parent, children = _tree(comm, 0)  # rank 0 first, whatever the root: keeps the rank order
    for child in reversed(children):
        obj = op(obj, comm.recv(source=child, tag=_REDUCE))
    if parent is not None:
        comm.send(obj, parent, _REDUCE)
    if root != 0 and comm.rank == 0:
        comm.send(obj, root, _REDUCE)
    if comm.rank != root:
        return None
    return comm.recv(source=0, tag=_REDUCE) if root != 0 else obj


def allreduce(comm: PointToPoint, obj: Any, op: Callable[[Any, Any], Any]) -> Any:
    """Return the objects combined in rank order on every rank."""
    return bcast(comm, reduce(comm, obj, op, 0), 0)


def _tree(comm: PointToPoint, root: int) -> tuple[int | None, list[int]]:
    """Return parent and children (largest subtree first) in the binomial tree below `root`."""
    position = (comm.rank - root) % comm.size
    subtree = position & -position if position else comm.size
    parent = None if position == 0 else (position - subtree + root) % comm.size
    distances = [d for d in _powers_of_two(min(subtree, comm.size)) if position + d < comm.size]
    return parent, [(position + d + root) % comm.size for d in reversed(distances)]


def _powers_of_two(end: int) -> Iterator[int]:
    power = 1
    while power < end:
        yield power
        power *= 2
