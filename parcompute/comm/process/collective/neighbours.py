"""Collective calls among the neighbours on a Cartesian grid: below and above, axis by axis.

On a periodic axis of one or two ranks, both neighbours are the same rank: what goes down is sent
first, so what comes from above is received first. Blocks for neighbours that do not exist are left
as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parcompute.comm.process.collective.blocks import equal_blocks, typed_blocks, uneven_blocks
from parcompute.comm.process.collective.channel import Channel, Steps, receive_all, wait_all
from parcompute.comm.process.collective.collectives import check_items


def allgather(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Send a buffer to all neighbours, and receive one from each."""
    sends = [sendbuf] * len(comm.neighbours)
    return _exchange(comm, "Neighbor_allgather", sends, _equal(comm, recvbuf))


def allgatherv(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Send a buffer to all neighbours, and receive one from each, of its own length."""
    edges = len(comm.neighbours)
    receives = uneven_blocks(recvbuf, edges)
    return _exchange(comm, "Neighbor_allgatherv", [sendbuf] * edges, receives)


def alltoall(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Send a block to every neighbour, and receive one from each."""
    return _exchange(comm, "Neighbor_alltoall", _equal(comm, sendbuf), _equal(comm, recvbuf))


def alltoallv(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Send a block of its own length to every neighbour, and receive one from each."""
    edges = len(comm.neighbours)
    sends, receives = uneven_blocks(sendbuf, edges), uneven_blocks(recvbuf, edges)
    return _exchange(comm, "Neighbor_alltoallv", sends, receives)


def alltoallw(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Send a block of its own datatype to every neighbour, and receive one from each."""
    edges = len(comm.neighbours)
    sends, receives = typed_blocks(sendbuf, edges), typed_blocks(recvbuf, edges)
    return _exchange(comm, "Neighbor_alltoallw", sends, receives)


def allgather_objects(comm: Channel, sendobj: Any) -> Steps:
    """Return the objects of all neighbours; None for those that do not exist."""
    return _objects(comm, "neighbor_allgather", [sendobj] * len(comm.neighbours))


def alltoall_objects(comm: Channel, sendobj: Sequence[Any]) -> Steps:
    """Give item k to neighbour k; return what every neighbour gave to this rank."""
    return _objects(comm, "neighbor_alltoall", check_items(sendobj, len(comm.neighbours)))


def _equal(comm: Channel, buffer: Any) -> list[Any]:
    edges = len(comm.neighbours)
    return list(equal_blocks(buffer, edges)) if edges else []


def _exchange(comm: Channel, name: str, sends: Sequence[Any], receives: Sequence[Any]) -> Steps:
    tag, edges = comm.calls.begin(name), comm.neighbours
    receiving = [comm.Irecv(receives[k], edges[k], tag) for k in _from_above_first(edges)]
    sending = [comm.Isend(sends[k], edge, tag) for k, edge in enumerate(edges)]
    yield from receive_all(receiving)  # raises what went wrong
    yield from wait_all(sending)


def _objects(comm: Channel, name: str, sends: Sequence[Any]) -> Steps:
    tag, edges = comm.calls.begin(name), comm.neighbours
    receiving = {k: comm.irecv(source=edges[k], tag=tag) for k in _from_above_first(edges)}
    sending = [comm.isend(sends[k], edge, tag) for k, edge in enumerate(edges)]
    yield from wait_all([*receiving.values(), *sending])
    return [receiving[k].wait() for k in range(len(edges))]


def _from_above_first(edges: Sequence[int]) -> list[int]:
    return [k ^ 1 for k in range(len(edges))]
