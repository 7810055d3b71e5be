"""Communicators on a Cartesian grid."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from tests.comm.common import names


def check_dims_are_balanced(comm: Any) -> None:
    dims = names(comm).Compute_dims
    assert [dims(6, 2), dims(12, 3), dims(7, 2), dims(24, [0, 0, 0])] == [
        [3, 2],
        [3, 2, 2],
        [7, 1],
        [4, 3, 2],
    ]
    assert [dims(1, 3), dims(48, 3), dims(36, 3), dims(30, 3)] == [
        [1, 1, 1],
        [4, 4, 3],
        [4, 3, 3],
        [5, 3, 2],
    ]
    assert [dims(6, [0, 3]), dims(60, [0, 5, 0]), dims(6, [2, 3])] == [[2, 3], [4, 5, 3], [2, 3]]


def check_dims_that_cannot_be(comm: Any) -> None:
    mpi = names(comm)
    with pytest.raises(mpi.Exception):
        mpi.Compute_dims(6, [4, 0])


def check_coordinates_in_c_order(comm: Any) -> None:
    mpi = names(comm)
    dims = mpi.Compute_dims(comm.size, 2)
    cart = comm.Create_cart(dims, [True, False])
    assert isinstance(cart, mpi.Cartcomm)
    assert (cart.rank, cart.size) == (comm.rank, comm.size)
    assert cart.Get_topology() == cart.topology == mpi.CART
    assert cart.is_topo
    assert (cart.Get_dim(), cart.dim, cart.ndim) == (2, 2, 2)
    assert (cart.dims, cart.periods) == (dims, [1, 0])
    assert cart.coords == [cart.rank // dims[1], cart.rank % dims[1]]
    assert cart.Get_topo() == cart.topo == (dims, [1, 0], cart.coords)
    for rank in range(cart.size):
        assert cart.Get_cart_rank(cart.Get_coords(rank)) == rank
    assert cart.Get_cart_rank([dims[0], 0]) == 0
    assert cart.Get_cart_rank([-1, 0]) == (dims[0] - 1) * dims[1]
    cart.Free()


def check_periods_by_default_and_as_one_value(comm: Any) -> None:
    assert comm.Create_cart([comm.size, 1]).periods == [0, 0]
    assert comm.Create_cart([comm.size, 1], True).periods == [1, 1]
    assert comm.Create_cart([comm.size], periods=(True,), reorder=True).periods == [1]
    assert comm.Create_cart([comm.size], [False]).Get_topo()[2] == [comm.rank]


def check_shifts(comm: Any) -> None:
    mpi, size, rank = names(comm), comm.size, comm.rank
    ring, row = comm.Create_cart([size], [True]), comm.Create_cart([size], [False])
    for distance in (1, 2, -1, 0):
        assert ring.Shift(0, distance) == ((rank - distance) % size, (rank + distance) % size)
        assert row.Shift(0, distance) == tuple(
            r if 0 <= r < size else mpi.PROC_NULL for r in (rank - distance, rank + distance)
        )
    assert ring.inedges == ring.outedges == list(ring.Shift(0, 1))
    assert ring.inoutedges == (ring.inedges, ring.outedges)
    assert (ring.indegree, ring.outdegree, ring.degrees) == (2, 2, (2, 2))


def check_halo_exchange_on_a_grid(comm: Any) -> None:
    mpi = names(comm)
    cart = comm.Create_cart(mpi.Compute_dims(comm.size, 2), [False, True])
    for axis in range(2):
        source, dest = cart.Shift(axis, 1)
        got = np.full(1, -1)
        cart.Sendrecv(np.array([cart.rank]), dest, 0, got, source, 0)
        assert got[0] == (-1 if source == mpi.PROC_NULL else source)


def check_ranks_beyond_the_grid(comm: Any) -> None:
    mpi = names(comm)
    cart = comm.Create_cart([1, 1])
    assert (cart == mpi.COMM_NULL) == (comm.rank > 0)
    if cart != mpi.COMM_NULL:
        assert cart.Get_topo() == ([1, 1], [0, 0], [0, 0])
    assert comm.allreduce(1) == comm.size


def check_sub_grids(comm: Any) -> None:
    mpi = names(comm)
    dims = mpi.Compute_dims(comm.size, 2)
    cart = comm.Create_cart(dims, [True, False])
    row, column = cart.Sub([False, True]), cart.Sub([True, False])
    assert isinstance(row, mpi.Cartcomm)
    assert row.topo == ([dims[1]], [0], [cart.coords[1]])
    assert column.topo == ([dims[0]], [1], [cart.coords[0]])
    assert row.allgather(cart.coords[0]) == [cart.coords[0]] * dims[1]
    assert column.allgather(cart.coords[1]) == [cart.coords[1]] * dims[0]
    assert cart.Sub([True, True]).topo == cart.topo
    alone = cart.Sub([False, False])
    assert (alone.size, alone.dim) == (1, 0)


def check_duplicates_keep_the_grid(comm: Any) -> None:
    mpi = names(comm)
    cart = comm.Create_cart([comm.size], [True])
    for twin in (cart.Dup(), cart.Clone()):
        assert isinstance(twin, mpi.Cartcomm)
        assert twin.topo == cart.topo
        assert twin.Compare(cart) == mpi.CONGRUENT
        assert twin.allreduce(1) == comm.size
    assert not isinstance(cart.Split(0), mpi.Cartcomm)
    cart.Free()
    assert cart == mpi.COMM_NULL


def check_wrong_grids(comm: Any) -> None:
    mpi = names(comm)
    with pytest.raises(mpi.Exception):
        comm.Create_cart([comm.size + 1])
    with pytest.raises(ValueError, match="expect"):
        comm.Create_cart([comm.size], [True, True])
    cart = comm.Create_cart([comm.size, 1])
    for call, argument in ((cart.Get_cart_rank, [0]), (cart.Sub, [True])):
        with pytest.raises(ValueError, match="expect"):
            call(argument)


def check_three_axes(comm: Any) -> None:
    cart = comm.Create_cart([1, comm.size, 1], [True, True, False])
    assert prod(cart.dims) == comm.size
    assert cart.coords == [0, comm.rank, 0]
    assert cart.Shift(0, 1) == (comm.rank, comm.rank)
    assert len(cart.inedges) == 6


def check_neighbours_exchange_objects_and_buffers(comm: Any) -> None:
    """On periodic axes of 1 or 2 ranks MPI libraries differ: see test_neighbours."""
    cart = comm.Create_cart([comm.size], [comm.size > 2])
    edges = cart.inedges
    null = names(comm).PROC_NULL
    expected = [-1 if edge == null else 10 * edge for edge in edges]
    got = np.full(2, -1)
    cart.Neighbor_allgather(np.array([10 * cart.rank]), got)
    assert got.tolist() == expected
    got[:] = -1
    cart.Ineighbor_allgather(np.array([10 * cart.rank]), got).Wait()
    assert got.tolist() == expected
    sent, got = np.array([10 * cart.rank, 10 * cart.rank + 1]), np.full(2, -1)
    cart.Neighbor_alltoall(sent, got)
    above_and_below = [-1 if e == null else 10 * e + 1 - side for side, e in enumerate(edges)]
    assert got.tolist() == above_and_below
    got[:] = -1
    cart.Neighbor_alltoallv([sent, [1, 1]], [got, [1, 1]])
    assert got.tolist() == above_and_below
    if null not in edges:
        assert cart.neighbor_allgather(cart.rank) == edges
        assert cart.neighbor_alltoall(["down", "up"]) == ["up", "down"]
