"""Who exchanges with whom in collective calls, and waiting for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parcompute.comm.process.channel import Channel, Steps
from parcompute.comm.process.failures import ERR_ROOT, ArgumentError
from parcompute.comm.process.requests import Request


def check_root(comm: Channel, root: int) -> None:
    """Raise `ArgumentError` if `root` is no rank."""
    if not 0 <= root < comm.size:
        raise ArgumentError(ERR_ROOT, f"root must be in 0 … {comm.size - 1}, got {root}")


def receive(request: Request) -> Steps:
    """Return the object, when it is there."""
    if not request.done:
        yield request
    return request.wait()


def receive_all(requests: Sequence[Request]) -> Steps:
    """Return the objects, when they are there."""
    yield from wait_all(requests)
    return [request.wait() for request in requests]


def wait_all(requests: Sequence[Request]) -> Steps:
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


def partners(comm: Channel) -> list[int]:
    """Return who to exchange with in prefix sums; every block of lower ranks is complete."""
    return [peer for d in powers_of_two(comm.size) if (peer := comm.rank ^ d) < comm.size]


def powers_of_two(end: int) -> Iterator[int]:
    """Yield 1, 2, 4 … below `end`."""
    power = 1
    while power < end:
        yield power
        power *= 2
