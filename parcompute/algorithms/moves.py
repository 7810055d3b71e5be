"""Boxes of values from the ranks that hold them to the ranks that want them: plan, then move.

The blocks of both sides may be any: those of a grid, and what other blocks need of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator

_TAG = 200  # of halo messages, scatter and gather: below 101


@dataclass(frozen=True, slots=True)
class Piece:
    """Values that go from one rank to another.

    Attributes
    ----------
    peer : int
        The other rank.
    box : Box
        Which values, in global indices of this rank's side.
    """

    peer: int
    box: Box


@dataclass(frozen=True, slots=True)
class MovePlan:
    """What one rank sends and receives; pure arithmetic.

    Attributes
    ----------
    rank : int
        The rank whose plan this is.
    sends, receives : tuple of Piece
        In the same order on either side; those to and from the rank itself are copies.
    """

    rank: int
    sends: tuple[Piece, ...]
    receives: tuple[Piece, ...]

    @classmethod
    def build(
        cls,
        rank: int,
        sources: Sequence[Box],
        targets: Sequence[Box],
        periods: Sequence[int] = (),
    ) -> MovePlan:
        """Plan the moves of `rank`.

        Parameters
        ----------
        rank : int
            Whose plan is wanted.
        sources : sequence of Box
            What each rank holds; no value is held twice.
        targets : sequence of Box
            What each rank wants.
        periods : sequence of int
            Values along each axis that wraps around, 0 along others: index i + n is then i.
        """
        sends, receives = [], []
        for image in product(*((-n, 0, n) if n else (0,) for n in periods or sources[0].start)):
            back = tuple(-step for step in image)
            for peer, (source, target) in enumerate(zip(sources, targets, strict=True)):
                sent = sources[rank].intersect(target.shift(back))
                received = source.shift(image).intersect(targets[rank])
                sends += [Piece(peer, sent)] * bool(sent.size)
                receives += [Piece(peer, received)] * bool(received.size)
        return cls(rank, tuple(sends), tuple(receives))


class Mover:
    """Moves values by persistent messages, one for each piece.

    Parameters
    ----------
    plan : MovePlan
        What to move.
    comm : Communicator
        The ranks of the plan.
    dtype : dtype
        Type of the values.
    """

    def __init__(self, plan: MovePlan, comm: Communicator, dtype: DTypeLike) -> None:
        def buffers(pieces: Sequence[Piece]) -> list[tuple[Box, NDArray[Any]]]:
            away = [p for p in pieces if p.peer != plan.rank]
            return [(p.box, np.empty(p.box.shape, dtype)) for p in away]

        def own(pieces: Sequence[Piece]) -> list[Box]:
            return [p.box for p in pieces if p.peer == plan.rank]

        self._copies = list(zip(own(plan.sends), own(plan.receives), strict=True))
        self._out, self._in = buffers(plan.sends), buffers(plan.receives)
        peers = [
            [p.peer for p in side if p.peer != plan.rank] for side in (plan.receives, plan.sends)
        ]
        self._requests: list[Any] = [
            comm.Recv_init(buffer, peer, _TAG)
            for peer, (_, buffer) in zip(peers[0], self._in, strict=True)
        ] + [
            comm.Send_init(buffer, peer, _TAG)
            for peer, (_, buffer) in zip(peers[1], self._out, strict=True)
        ]

    def move(
        self, source: NDArray[Any], held_from: Index, target: NDArray[Any], wanted_from: Index
    ) -> None:
        """Fill `target`; all ranks of the plan call it.

        Parameters
        ----------
        source, target : ndarray
            This rank's values; arrays that the plan does not touch may be empty.
        held_from, wanted_from : tuple of int
            Global index of their first elements.
        """
        for box, buffer in self._out:
            buffer[...] = source[_within(box, held_from)]
        if self._requests:
            type(self._requests[0]).Startall(self._requests)
        for held, wanted in self._copies:
            target[_within(wanted, wanted_from)] = source[_within(held, held_from)]
        if self._requests:
            type(self._requests[0]).Waitall(self._requests)
        for box, buffer in self._in:
            target[_within(box, wanted_from)] = buffer


def _within(box: Box, first: Index) -> tuple[slice, ...]:
    return box.shift(tuple(-i for i in first)).slices
