# ruff: noqa: N802 (the names are mpi4py's)
"""Communicators whose ranks sit on a Cartesian grid."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from parcompute.comm.constants import CART, PROC_NULL
from parcompute.comm.process.collective.collective_calls import NeighbourCalls
from parcompute.comm.process.communicators.communicator import ProcessCommunicator
from parcompute.comm.process.messages.failures import ERR_ARG, ERR_DIMS, ERR_RANK, ArgumentError
from parcompute.comm.process.transport.engine import Engine
from parcompute.topology import CartTopology, balanced_dims


class CartCommunicator(NeighbourCalls, ProcessCommunicator):
    """A communicator with coordinates.

    Parameters
    ----------
    engine, context, members
        See `ProcessCommunicator`.
    topology : CartTopology
        Of as many ranks as there are members.
    """

    def __init__(
        self, engine: Engine, context: int, members: Sequence[int], topology: CartTopology
    ) -> None:
        super().__init__(engine, context, members)
        self._topology = topology
        self._hidden.neighbours = self.inedges

    @property
    def topology(self) -> int:
        """CART."""
        return CART

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self._topology.dims)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.dim

    @property
    def dims(self) -> list[int]:
        """Ranks along each axis."""
        return list(self._topology.dims)

    @property
    def periods(self) -> list[int]:
        """1 for each axis that wraps around, else 0."""
        return [int(period) for period in self._topology.periods]

    @property
    def coords(self) -> list[int]:
        """Coordinates of this rank."""
        return self.Get_coords(self._rank)

    @property
    def topo(self) -> tuple[list[int], list[int], list[int]]:
        """Dims, periods and coords."""
        return self.dims, self.periods, self.coords

    def Get_dim(self) -> int:
        """Return `dim`."""
        return self.dim

    def Get_topo(self) -> tuple[list[int], list[int], list[int]]:
        """Return `topo`."""
        return self.topo

    def Get_coords(self, rank: int) -> list[int]:
        """Return the coordinates of a rank."""
        if not 0 <= rank < self._size:
            raise ArgumentError(ERR_RANK, f"rank must be in 0 … {self._size - 1}, got {rank}")
        return list(self._topology.coords(rank))

    def Get_cart_rank(self, coords: Sequence[int]) -> int:
        """Return the rank at these coordinates, which wrap around on periodic axes."""
        _check_length("coordinates", coords, self.dim)
        rank = self._rank_at(coords)
        if rank is None:
            raise ArgumentError(
                ERR_ARG,
                f"coordinates {list(coords)} are outside dims {self.dims} with periods "
                f"{self.periods}",
            )
        return rank

    def Shift(self, direction: int, disp: int) -> tuple[int, int]:
        """Return (source, dest): the ranks `disp` below and above along an axis, or PROC_NULL."""
        if not 0 <= direction < self.dim:
            raise ArgumentError(
                ERR_ARG, f"direction must be in 0 … {self.dim - 1}, got {direction}"
            )
        source, dest = self._moved(direction, -disp), self._moved(direction, disp)
        return PROC_NULL if source is None else source, PROC_NULL if dest is None else dest

    def Sub(self, remain_dims: Sequence[bool]) -> CartCommunicator:
        """Return the communicator of the ranks that differ along the remaining axes only."""
        _check_length("remain_dims", remain_dims, self.dim)
        kept = [axis for axis in range(self.dim) if remain_dims[axis]]
        lost = [axis for axis in range(self.dim) if not remain_dims[axis]]
        color = 0
        for axis in lost:
            color = color * self.dims[axis] + self.coords[axis]
        flat = self.Split(color, self._rank)
        dims, periods = self._topology.dims, self._topology.periods
        topology = CartTopology(tuple(dims[a] for a in kept), tuple(periods[a] for a in kept))
        return CartCommunicator(flat._engine, flat._context, flat._members, topology)

    @property
    def inedges(self) -> list[int]:
        """The neighbours: below and above, axis by axis."""
        return [rank for axis in range(self.dim) for rank in self.Shift(axis, 1)]

    @property
    def outedges(self) -> list[int]:
        """The neighbours: below and above, axis by axis."""
        return self.inedges

    @property
    def inoutedges(self) -> tuple[list[int], list[int]]:
        """The neighbours, twice."""
        return self.inedges, self.outedges

    @property
    def indegree(self) -> int:
        """Number of neighbours, those that do not exist included."""
        return 2 * self.dim

    @property
    def outdegree(self) -> int:
        """Number of neighbours, those that do not exist included."""
        return 2 * self.dim

    @property
    def degrees(self) -> tuple[int, int]:
        """Numbers of neighbours."""
        return self.indegree, self.outdegree

    def _moved(self, axis: int, distance: int) -> int | None:
        coords = self.coords
        coords[axis] += distance
        return self._rank_at(coords)

    def _rank_at(self, coords: Sequence[int]) -> int | None:
        start = (0,) * self.dim
        return self._topology.neighbour(self._topology.rank(start), tuple(coords))

    def _like(self, context: int) -> CartCommunicator:
        return CartCommunicator(self._engine, context, self._members, self._topology)


def topology_of(
    dims: Sequence[int] | int, periods: Sequence[bool] | bool | None, size: int
) -> CartTopology:
    """Return what arguments of ``Create_cart`` mean in a communicator of `size` ranks."""
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if periods is None or isinstance(periods, bool):
        periods = (bool(periods),) * len(dims)
    _check_length("periods", periods, len(dims))
    if any(dim < 1 for dim in dims):
        raise ArgumentError(ERR_DIMS, f"expected 1 rank or more along each axis, got {list(dims)}")
    if prod(dims) > size:
        raise ArgumentError(
            ERR_ARG, f"dims {list(dims)} need {prod(dims)} ranks, but there are {size}"
        )
    return CartTopology(dims, tuple(bool(period) for period in periods))


def compute_dims(nnodes: int, dims: Sequence[int] | int) -> list[int]:
    """Return ranks along each axis, as equal as can be, largest first.

    Parameters
    ----------
    nnodes : int
        Number of ranks.
    dims : int or sequence of int
        Number of axes; or a number for each, where 0 is to be found and others are fixed.
    """
    given = [0] * dims if isinstance(dims, int) else list(dims)
    fixed = prod(dim for dim in given if dim)
    free = given.count(0)
    fits = free > 0 or nnodes == fixed or not given
    if nnodes < 1 or min(given, default=0) < 0 or nnodes % fixed or not fits:
        raise ArgumentError(ERR_DIMS, f"{nnodes} ranks cannot be laid out as {given}")
    found = iter(balanced_dims(nnodes // fixed, free) if free else ())
    return [dim or next(found) for dim in given]


def _check_length(name: str, values: Sequence[object], length: int) -> None:
    if len(values) != length:
        raise ArgumentError(
            sentence=f"expected {length} {name}, one for each axis, got {len(values)}"
        )
