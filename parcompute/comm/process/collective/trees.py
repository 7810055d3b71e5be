"""Who exchanges with whom in collective calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def tree(rank: int, size: int, root: int) -> tuple[int | None, list[int]]:
    """Return parent and children (largest subtree first) in the binomial tree below `root`."""
    position = (rank - root) % size
    subtree = position & -position if position else size
    parent = None if position == 0 else (position - subtree + root) % size
    distances = [d for d in powers_of_two(min(subtree, size)) if position + d < size]
    return parent, [(position + d + root) % size for d in reversed(distances)]


def rounds(rank: int, size: int) -> Iterator[tuple[list[int], int, bool]]:
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
    for width in powers_of_two(size):
        start = rank & -(2 * width)
        middle, end = start + width, min(start + 2 * width, size)
        if middle >= end:
            continue
        if rank < middle:
            source = middle + (rank - start) % (end - middle)
            peer = rank + width
            yield [peer] if peer < end else [], source, True
        else:
            peers = range(rank - width, middle, end - middle)
            yield list(peers), rank - width, False


def partners(rank: int, size: int) -> list[int]:
    """Return who to exchange with in prefix sums; every block of lower ranks is complete."""
    return [peer for d in powers_of_two(size) if (peer := rank ^ d) < size]


def fold(items: list[T], combine: Callable[[T, T], T]) -> T:
    """Combine what all ranks have, by rank, in the way of the tree below rank 0."""
    for width in powers_of_two(len(items)):
        for start in range(0, len(items) - width, 2 * width):
            items[start] = combine(items[start], items[start + width])
    return items[0]


def powers_of_two(end: int) -> Iterator[int]:
    """Yield 1, 2, 4 … below `end`."""
    power = 1
    while power < end:
        yield power
        power *= 2
