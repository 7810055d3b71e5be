"""Halo exchange in two parts: a pure plan (what goes to whom) and an exchanger (that moves it).

Layout of one axis of a padded block, halo width w, n owned cells (an exchange may move fewer than
w cells, those next to the owned ones)::

      |<- w ->|<- w ->|             |<- w ->|<- w ->|
      +-------+-------+-------------+-------+-------+
      | recv  | send  |             | send  | recv  |
      | from  | to    |             | to    | from  |
      | below | below |             | above | above |
      +-------+-------+-------------+-------+-------+
      0       w      2w             n      n+w     n+2w

Along the other axes a message spans the owned cells, so that faces and corners are
separate messages, and a plan without corners sends faces only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.decomposition import Decomposition
from parcompute.errors import ConfigError

_MOST_ARRAYS = 16  # that an exchanger keeps the messages of


@dataclass(frozen=True, slots=True)
class Transfer:
    """One message of a halo exchange, as seen by one rank.

    Attributes
    ----------
    direction : tuple of int
        Where the peer is: -1, 0 or 1 along each axis.
    peer : int
        The rank to send to and to receive from.
    send, recv : Box
        Cells to send and to fill, in indices of the padded block.
    send_tag, recv_tag : int
        The number of the direction in which the message travels.
    """

    direction: Index
    peer: int
    send: Box
    recv: Box
    send_tag: int
    recv_tag: int


@dataclass(frozen=True, slots=True)
class HaloPlan:
    """What one rank sends and receives in an exchange; pure arithmetic.

    Parameters
    ----------
    rank : int
        The rank whose plan this is.
    width : tuple of int
        Halo width along each axis.
    transfers : tuple of Transfer
        At most one for each direction.
    """

    rank: int
    width: Index
    transfers: tuple[Transfer, ...]

    def remote_sides(self) -> tuple[tuple[bool, bool], ...]:
        """Whether the (low, high) side of each axis is filled by a message from another rank."""
        remote = {t.direction for t in self.transfers if t.peer != self.rank}
        return tuple(
            (any(d[axis] < 0 for d in remote), any(d[axis] > 0 for d in remote))
            for axis in range(len(self.width))
        )

    @classmethod
    def build(
        cls,
        decomposition: Decomposition,
        rank: int,
        width: Index,
        *,
        corners: bool = False,
        reach: Index | None = None,
    ) -> HaloPlan:
        """Plan the exchange of `rank`; with `corners` also across edges and corners.

        Parameters
        ----------
        decomposition : Decomposition
            The blocks.
        rank : int
            Whose plan is wanted.
        width : tuple of int
            Halo width of the padded block along each axis.
        corners : bool
            Whether cells off the axes are moved.
        reach : tuple of int, optional
            Cells that are moved along each axis, at most `width`; default `width`.

        Raises
        ------
        ConfigError
            If the halo is wider than the smallest block of any rank.
        """
        check_width(decomposition, width)
        moved = width if reach is None else reach
        shape = decomposition.box(rank).shape
        transfers = []
        for direction in directions(decomposition.ndim, corners=corners):
            peer = decomposition.topology.neighbour(rank, direction)
            if peer is None or any(d and not r for d, r in zip(direction, moved, strict=True)):
                continue
            transfers.append(
                Transfer(
                    direction,
                    peer,
                    _edge(shape, width, moved, direction, outside=False),
                    _edge(shape, width, moved, direction, outside=True),
                    _tag(direction),
                    _tag(tuple(-d for d in direction)),
                )
            )
        return cls(rank, tuple(width), tuple(transfers))


def check_width(decomposition: Decomposition, width: Index) -> None:
    """Raise ConfigError on every rank alike if a halo does not fit into the smallest block."""
    if len(width) != decomposition.ndim or min(width) < 0:
        raise ConfigError(
            f"A halo needs a width of 0 or more for each of the {decomposition.ndim} axes of the "
            f"grid, got {list(width)}."
        )
    for axis, (w, n, d) in enumerate(
        zip(width, decomposition.shape_global, decomposition.topology.dims, strict=True)
    ):
        if w > n // d:
            fewer = ", or fewer ranks along this axis (backend.dims, backend.ranks)"
            raise ConfigError(
                f"The halo along axis {axis} is {w} cells wide, but {d} rank{'s' * (d > 1)} on {n} "
                f"cells leave a block of only {n // d}: use a larger grid{fewer * (d > 1)}."
            )


def directions(ndim: int, *, corners: bool) -> list[Index]:
    """Return the unit steps to all neighbours, or only to those across a face."""
    steps = (step for step in product((-1, 0, 1), repeat=ndim) if any(step))
    return [step for step in steps if corners or sum(map(abs, step)) == 1]


def _tag(direction: Index) -> int:
    tag = 0
    for step in direction:
        tag = 3 * tag + step + 1
    return tag


def _edge(shape: Index, width: Index, moved: Index, direction: Index, *, outside: bool) -> Box:
    start, stop = [], []
    for n, w, r, step in zip(shape, width, moved, direction, strict=True):
        low = {-1: w - r if outside else w, 0: w, 1: n + w if outside else n + w - r}[step]
        start.append(low)
        stop.append(low + (r if step else n))
    return Box(tuple(start), tuple(stop))


class HaloExchanger:
    """Moves halos by persistent point-to-point messages, one for each neighbour.

    Parameters
    ----------
    plan : HaloPlan
        What to move.
    comm : Communicator
        The ranks; every rank makes its exchangers in the same order.
    """

    def __init__(self, plan: HaloPlan, comm: Communicator) -> None:
        self.plan = plan
        self._comm = comm
        self._bound: dict[int, _Moves] = {}
        self._busy: _Moves | None = None

    def start(self, padded: NDArray[Any]) -> None:
        """Send the edges of `padded`; its halo is undefined until `finish`, its edges stay."""
        moves = self._moves_of(padded)
        moves.start()
        self._busy = moves

    def finish(self) -> None:
        """Wait for the messages, which fill the halo."""
        if self._busy is None:
            raise RuntimeError("finish() was called without start().")
        moves, self._busy = self._busy, None
        moves.finish()

    def exchange(self, padded: NDArray[Any]) -> None:
        """Start and finish."""
        moves = self._moves_of(padded)
        moves.start()
        moves.finish()

    def release(self, padded: NDArray[Any]) -> None:
        """Forget the messages of an array, which are kept, and the array with them."""
        if id(padded) in self._bound:
            self._bound.pop(id(padded)).free()

    def _moves_of(self, padded: NDArray[Any]) -> _Moves:
        if self._busy is not None:
            raise RuntimeError("start() was called twice; call finish() on the exchange first.")
        return self._bound.get(id(padded)) or self._bind(padded)

    def _bind(self, padded: NDArray[Any]) -> _Moves:
        """Make the messages of an array, in place of those made first if there are many."""
        if len(self._bound) == _MOST_ARRAYS:
            self._bound.pop(next(iter(self._bound))).free()
        moves = self._bound[id(padded)] = _Moves(self.plan, self._comm, padded)
        return moves


class _Moves:
    """The messages that fill the halo of one array, which it keeps.

    An edge that lies in one piece is sent from where it is, and received where it belongs.
    """

    def __init__(self, plan: HaloPlan, comm: Communicator, padded: NDArray[Any]) -> None:
        self._copies = [
            (padded[t.recv.slices], padded[_opposite(plan, t).send.slices])
            for t in plan.transfers
            if t.peer == plan.rank
        ]
        remote = [t for t in plan.transfers if t.peer != plan.rank]
        self._array = padded  # so that its id is not that of another one
        self._packs: list[tuple[NDArray[Any], NDArray[Any]]] = []  # (edge, buffer)
        self._unpacks: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._requests: list[Any] = [
            comm.Recv_init(_piece(padded[t.recv.slices], self._unpacks), t.peer, t.recv_tag)
            for t in remote
        ] + [
            comm.Send_init(_piece(padded[t.send.slices], self._packs), t.peer, t.send_tag)
            for t in remote
        ]

    def start(self) -> None:
        for to, source in self._copies:
            to[...] = source
        for edge, piece in self._packs:
            piece[...] = edge
        if self._requests:
            type(self._requests[0]).Startall(self._requests)

    def finish(self) -> None:
        if self._requests:
            type(self._requests[0]).Waitall(self._requests)
        for edge, piece in self._unpacks:
            edge[...] = piece

    def free(self) -> None:
        for request in self._requests:
            request.Free()


def _piece(edge: NDArray[Any], buffered: list[tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[Any]:
    """Return the edge itself if it lies in one piece, else a buffer for it, noted in the list."""
    if edge.flags.c_contiguous:
        return edge
    buffered.append((edge, np.empty(edge.shape, edge.dtype)))
    return buffered[-1][1]


def _opposite(plan: HaloPlan, transfer: Transfer) -> Transfer:
    back = tuple(-d for d in transfer.direction)
    return next(t for t in plan.transfers if t.direction == back)
