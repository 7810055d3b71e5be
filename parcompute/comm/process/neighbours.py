# ruff: noqa: N802 (the names are mpi4py's)
"""Collective calls among the neighbours on a Cartesian grid.

On a periodic axis of one or two ranks, both neighbours are the same rank: what goes down is sent
first, so what comes from above is received first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from parcompute.comm.process.blocks import equal_blocks, typed_blocks, uneven_blocks
from parcompute.comm.process.channel import Channel, Steps
from parcompute.comm.process.point_to_point import check_items
from parcompute.comm.process.requests import Request
from parcompute.comm.process.trees import wait_all


class NeighbourCalls:
    """Methods of a Cartesian communicator. Neighbours: below and above, axis by axis.

    Buffers have a block for every neighbour; those for neighbours that do not exist are untouched.
    """

    if TYPE_CHECKING:
        _hidden: Channel

        @property
        def inedges(self) -> list[int]:
            """The neighbours."""

    def Neighbor_allgather(self, sendbuf: Any, recvbuf: Any) -> None:
        """Send a buffer to all neighbours, and receive one from each."""
        self.Ineighbor_allgather(sendbuf, recvbuf).Wait()

    def Neighbor_allgatherv(self, sendbuf: Any, recvbuf: Any) -> None:
        """Send a buffer to all neighbours, and receive one from each, of its own length."""
        self.Ineighbor_allgatherv(sendbuf, recvbuf).Wait()

    def Neighbor_alltoall(self, sendbuf: Any, recvbuf: Any) -> None:
        """Send a block to every neighbour, and receive one from each."""
        self.Ineighbor_alltoall(sendbuf, recvbuf).Wait()

    def Neighbor_alltoallv(self, sendbuf: Any, recvbuf: Any) -> None:
        """Send a block of its own length to every neighbour, and receive one from each."""
        self.Ineighbor_alltoallv(sendbuf, recvbuf).Wait()

    def Neighbor_alltoallw(self, sendbuf: Any, recvbuf: Any) -> None:
        """Send a block of its own datatype to every neighbour, and receive one from each."""
        self.Ineighbor_alltoallw(sendbuf, recvbuf).Wait()

    def Ineighbor_allgather(self, sendbuf: Any, recvbuf: Any) -> Request:
        """Start a `Neighbor_allgather`."""
        return self._start("Neighbor_allgather", self._same(sendbuf), self._equal(recvbuf))

    def Ineighbor_allgatherv(self, sendbuf: Any, recvbuf: Any) -> Request:
        """Start a `Neighbor_allgatherv`."""
        receives = uneven_blocks(recvbuf, len(self.inedges))
        return self._start("Neighbor_allgatherv", self._same(sendbuf), receives)

    def Ineighbor_alltoall(self, sendbuf: Any, recvbuf: Any) -> Request:
        """Start a `Neighbor_alltoall`."""
        return self._start("Neighbor_alltoall", self._equal(sendbuf), self._equal(recvbuf))

    def Ineighbor_alltoallv(self, sendbuf: Any, recvbuf: Any) -> Request:
        """Start a `Neighbor_alltoallv`."""
        edges = len(self.inedges)
        sends, receives = uneven_blocks(sendbuf, edges), uneven_blocks(recvbuf, edges)
        return self._start("Neighbor_alltoallv", sends, receives)

    def Ineighbor_alltoallw(self, sendbuf: Any, recvbuf: Any) -> Request:
        """Start a `Neighbor_alltoallw`."""
        edges = len(self.inedges)
        sends, receives = typed_blocks(sendbuf, edges), typed_blocks(recvbuf, edges)
        return self._start("Neighbor_alltoallw", sends, receives)

    def neighbor_allgather(self, sendobj: Any) -> list[Any]:
        """Return the objects of all neighbours; None for those that do not exist."""
        return self._objects("neighbor_allgather", [sendobj] * len(self.inedges))

    def neighbor_alltoall(self, sendobj: Sequence[Any]) -> list[Any]:
        """Give item k to neighbour k; return what every neighbour gave to this rank."""
        return self._objects("neighbor_alltoall", check_items(sendobj, len(self.inedges)))

    def _same(self, sendbuf: Any) -> list[Any]:
        return [sendbuf] * len(self.inedges)

    def _equal(self, buffer: Any) -> list[Any]:
        edges = len(self.inedges)
        return list(equal_blocks(buffer, edges)) if edges else []

    def _start(self, name: str, sends: Sequence[Any], receives: Sequence[Any]) -> Request:
        return self._hidden.start(self._steps(name, sends, receives))

    def _steps(self, name: str, sends: Sequence[Any], receives: Sequence[Any]) -> Steps:
        channel, edges = self._hidden, self.inedges
        tag = channel.calls.begin(name)
        receiving = [channel.Irecv(receives[k], edges[k], tag) for k in _from_above_first(edges)]
        sending = [channel.Isend(sends[k], edge, tag) for k, edge in enumerate(edges)]
        yield from wait_all(receiving)
        for request in receiving:
            request.Wait()  # raises what went wrong
        yield from wait_all(sending)

    def _objects(self, name: str, sends: Sequence[Any]) -> list[Any]:
        channel, edges = self._hidden, self.inedges
        tag = channel.calls.begin(name)
        order = _from_above_first(edges)
        receiving = {k: channel.irecv(source=edges[k], tag=tag) for k in order}
        sending = [channel.isend(sends[k], edge, tag) for k, edge in enumerate(edges)]
        received = [receiving[k].wait() for k in range(len(edges))]
        for request in sending:
            request.wait()
        return received


def _from_above_first(edges: Sequence[int]) -> list[int]:
    return [k ^ 1 for k in range(len(edges))]
