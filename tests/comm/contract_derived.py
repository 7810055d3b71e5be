"""Collective calls on buffers whose datatype is made of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.comm.common import names


def _column(comm: Any, rows: int, columns: int) -> Any:
    """Return the datatype of a column, of which one follows the other at a distance of one item."""
    double = names(comm).DOUBLE
    column = double.Create_vector(rows, 1, columns)
    resized = column.Create_resized(0, 8).Commit()
    column.Free()
    return resized


def check_bcast_of_a_column(comm: Any) -> None:
    column = _column(comm, 3, 4)
    got = np.arange(12.0).reshape(3, 4) + 100 * comm.rank
    comm.Bcast([got, 1, 2, column], root=comm.size - 1)
    expected = np.arange(12.0).reshape(3, 4) + 100 * comm.rank
    expected[:, 2] = (np.arange(12.0).reshape(3, 4) + 100 * (comm.size - 1))[:, 2]
    np.testing.assert_array_equal(got, expected)
    column.Free()


def check_columns_are_gathered_and_scattered(comm: Any) -> None:
    """Give every rank a column of the matrix of rank 0."""
    column = _column(comm, 3, comm.size)
    matrix = np.zeros((3, comm.size))
    for call in (comm.Gather, comm.Gatherv):
        matrix[:] = 0
        spec = [matrix, 1, column] if comm.rank == 0 else None
        call(np.arange(3.0) + 10 * comm.rank, spec)
        if comm.rank == 0:
            np.testing.assert_array_equal(
                matrix, np.arange(3.0)[:, None] + 10 * np.arange(comm.size)
            )
    mine = np.zeros(3)
    comm.Scatter([matrix, 1, column] if comm.rank == 0 else None, mine)
    np.testing.assert_array_equal(mine, np.arange(3.0) + 10 * comm.rank)
    everything = np.zeros((3, comm.size))
    comm.Allgather(mine, [everything, 1, column])
    np.testing.assert_array_equal(everything, np.arange(3.0)[:, None] + 10 * np.arange(comm.size))
    column.Free()


def check_transposition(comm: Any) -> None:
    """Turn a matrix that is distributed by rows: send its rows as columns."""
    rows = np.arange(comm.size * 2.0).reshape(2, comm.size) + 100 * comm.rank
    column = _column(comm, 2, comm.size)
    got = np.zeros((comm.size, 2))
    comm.Alltoall([rows, 1, column], got)
    expected = [[100 * r + comm.rank, 100 * r + comm.rank + comm.size] for r in range(comm.size)]
    np.testing.assert_array_equal(got, expected)
    request = comm.Ialltoallv([rows, ([1] * comm.size, None), column], got)
    request.Wait()
    np.testing.assert_array_equal(got, expected)
    column.Free()


def check_subarrays_of_every_rank(comm: Any) -> None:
    """Move the blocks of a matrix that is distributed by rows, then by columns."""
    mpi, size = names(comm), comm.size
    whole = np.arange(4.0 * size * size).reshape(2 * size, 2 * size)
    rows = whole[2 * comm.rank : 2 * comm.rank + 2].copy()
    columns = np.zeros((2 * size, 2))
    sends = [
        mpi.DOUBLE.Create_subarray(rows.shape, (2, 2), (0, 2 * r)).Commit() for r in range(size)
    ]
    receives = [
        mpi.DOUBLE.Create_subarray(columns.shape, (2, 2), (2 * r, 0)).Commit() for r in range(size)
    ]
    comm.Alltoallw([rows, sends], [columns, receives])
    np.testing.assert_array_equal(columns, whole[:, 2 * comm.rank : 2 * comm.rank + 2])
    columns[:] = 0
    comm.Ialltoallw([rows, sends], [columns, receives]).Wait()
    np.testing.assert_array_equal(columns, whole[:, 2 * comm.rank : 2 * comm.rank + 2])
    for datatype in sends + receives:
        datatype.Free()
