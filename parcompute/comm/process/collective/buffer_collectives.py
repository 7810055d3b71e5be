"""Collective calls on buffers, built on messages between pairs.

Arguments are those of mpi4py. ``IN_PLACE`` says that the data of this rank are in the receive
buffer already; so does None.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parcompute.comm.process.collective.blocks import (
    Block,
    copies,
    equal_blocks,
    is_in_place,
    typed_blocks,
    uneven_blocks,
)
from parcompute.comm.process.collective.channel import Channel, Steps, wait_all
from parcompute.comm.process.messages.buffers import as_bytes, nbytes_of, writable_bytes
from parcompute.comm.process.messages.failures import ERR_COUNT, ArgumentError


def bcast(comm: Channel, buf: Any, root: int = 0) -> Steps:
    """Fill the buffer of every rank with that of `root`."""
    comm.check_root(root)
    tag = comm.calls.begin("Bcast", root, nbytes_of(buf))
    parent, children = comm.tree(root)
    if parent is not None:
        yield from exchange(comm, tag, {}, {parent: buf})
    yield from exchange(comm, tag, dict.fromkeys(children, buf), {})


def gather(comm: Channel, sendbuf: Any, recvbuf: Any, root: int = 0) -> Steps:
    """Put the buffers of all ranks into that of `root`, by rank."""
    comm.check_root(root)
    blocks = equal_blocks(recvbuf, comm.size) if comm.rank == root else []
    tag = comm.calls.begin("Gather", root, nbytes_of(_own(comm, sendbuf, blocks)))
    return _gather(comm, tag, sendbuf, blocks, root)


def gatherv(comm: Channel, sendbuf: Any, recvbuf: Any, root: int = 0) -> Steps:
    """Put the buffers of all ranks, which may differ in length, into that of `root`."""
    comm.check_root(root)
    blocks = uneven_blocks(recvbuf, comm.size) if comm.rank == root else []
    return _gather(comm, comm.calls.begin("Gatherv", root), sendbuf, blocks, root)


def _gather(comm: Channel, tag: int, sendbuf: Any, blocks: list[Block], root: int) -> Steps:
    receives = dict(enumerate(blocks))
    sends = {root: sendbuf}
    if comm.rank == root and is_in_place(sendbuf):
        del receives[root], sends[root]
    yield from exchange(comm, tag, sends, receives)


def scatter(comm: Channel, sendbuf: Any, recvbuf: Any, root: int = 0) -> Steps:
    """Fill the buffer of every rank with its block of that of `root`."""
    comm.check_root(root)
    blocks = equal_blocks(sendbuf, comm.size) if comm.rank == root else []
    tag = comm.calls.begin("Scatter", root, nbytes_of(_own(comm, recvbuf, blocks)))
    return _scatter(comm, tag, blocks, recvbuf, root)


def scatterv(comm: Channel, sendbuf: Any, recvbuf: Any, root: int = 0) -> Steps:
    """Fill the buffer of every rank with its block, which may differ in length from others."""
    comm.check_root(root)
    blocks = uneven_blocks(sendbuf, comm.size) if comm.rank == root else []
    return _scatter(comm, comm.calls.begin("Scatterv", root), blocks, recvbuf, root)


def _scatter(comm: Channel, tag: int, blocks: list[Block], recvbuf: Any, root: int) -> Steps:
    sends = dict(enumerate(blocks))
    receives = {root: recvbuf}
    if comm.rank == root and is_in_place(recvbuf):
        del sends[root], receives[root]
    yield from exchange(comm, tag, sends, receives)


def allgather(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Put the buffers of all ranks, by rank, into the buffer of every rank."""
    blocks = equal_blocks(recvbuf, comm.size)
    tag = comm.calls.begin("Allgather", nbytes_of(_own(comm, sendbuf, blocks)))
    return _allgather(comm, tag, sendbuf, blocks)


def allgatherv(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Put the buffers of all ranks, which may differ in length, into the buffer of every rank."""
    blocks = uneven_blocks(recvbuf, comm.size)
    return _allgather(comm, comm.calls.begin("Allgatherv"), sendbuf, blocks)


def _allgather(comm: Channel, tag: int, sendbuf: Any, blocks: list[Block]) -> Steps:
    sends: dict[int, Any] = dict.fromkeys(range(comm.size), sendbuf)
    receives = dict(enumerate(blocks))
    if is_in_place(sendbuf):
        own = receives.pop(comm.rank)
        sends = dict.fromkeys(receives, own)
    yield from exchange(comm, tag, sends, receives)


def alltoall(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Give block r to rank r; take a block from every rank."""
    receives = equal_blocks(recvbuf, comm.size)
    sends = copies(receives) if is_in_place(sendbuf) else equal_blocks(sendbuf, comm.size)
    tag = comm.calls.begin("Alltoall", nbytes_of(receives[0]))
    return _alltoall(comm, tag, sends, receives)


def alltoallv(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Give block r to rank r; take a block from every rank; blocks may differ in length."""
    receives = uneven_blocks(recvbuf, comm.size)
    sends = copies(receives) if is_in_place(sendbuf) else uneven_blocks(sendbuf, comm.size)
    return _alltoall(comm, comm.calls.begin("Alltoallv"), sends, receives)


def alltoallw(comm: Channel, sendbuf: Any, recvbuf: Any) -> Steps:
    """Give block r to rank r; take a block from every rank; every block has a datatype."""
    receives = typed_blocks(recvbuf, comm.size)
    sends = copies(receives) if is_in_place(sendbuf) else typed_blocks(sendbuf, comm.size)
    return _alltoall(comm, comm.calls.begin("Alltoallw"), sends, receives)


def _alltoall(comm: Channel, tag: int, sends: list[Any], receives: list[Block]) -> Steps:
    yield from exchange(comm, tag, dict(enumerate(sends)), dict(enumerate(receives)))


def _own(comm: Channel, buffer: Any, blocks: list[Block]) -> Any:
    """Return the buffer of this rank, or what stands for it: its block, where all are as long."""
    return blocks[comm.rank] if is_in_place(buffer) else buffer


def exchange(comm: Channel, tag: int, sends: dict[int, Any], receives: dict[int, Any]) -> Steps:
    """Send to and receive from the given ranks, the next higher first.

    Raises
    ------
    Exception
        If a message is longer or shorter than the buffer for it.
    """
    skip = comm.rank if _copied(sends.get(comm.rank), receives.get(comm.rank)) else None
    receiving = [comm.Irecv(receives[r], r, tag) for r in _from(comm, receives) if r != skip]
    sending = [comm.Isend(sends[r], r, tag) for r in _from(comm, sends) if r != skip]
    yield from wait_all(receiving)
    for request in receiving:
        _check_filled(request)
    yield from wait_all(sending)


def _copied(source: Any, target: Any) -> bool:
    """Copy what a rank would send to itself, if it is as simple as that."""
    if not (isinstance(source, np.ndarray) and isinstance(target, np.ndarray)):
        return False
    data, memory = as_bytes(source), writable_bytes(target)
    if len(data) != len(memory):
        return False  # the message fails, and says why
    memory[:] = data
    return True


def _check_filled(request: Any) -> None:
    request.Wait()  # raises if the message is too long
    if request.missing:
        raise ArgumentError(
            ERR_COUNT,
            f"a message came that is {request.missing} bytes shorter than the buffer for it: pass "
            "counts that agree on all ranks",
        )


def _from(comm: Channel, ranks: dict[int, Any]) -> list[int]:
    return sorted(ranks, key=lambda r: (r - comm.rank) % comm.size)
