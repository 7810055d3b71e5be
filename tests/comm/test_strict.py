"""Wrong calls that not every MPI library refuses; the process engine does."""

from __future__ import annotations

import numpy as np
import pytest

from parcompute.comm import names as mpi
from parcompute.comm.serial import serial

COMM = serial()
GROUP = COMM.group
CART = COMM.Create_cart([1, 1])
ROOM = np.zeros(9)
COLUMN = mpi.DOUBLE.Create_vector(3, 1, 4).Commit()
UNFINISHED = mpi.DOUBLE.Create_vector(3, 1, 4)


@pytest.mark.parametrize(
    ("error_class", "call", "arguments"),
    [
        ("ERR_RANK", GROUP.Translate_ranks, ([1], GROUP)),
        ("ERR_ARG", GROUP.Range_incl, ([(0, 0, 0)],)),
        ("ERR_DIMS", mpi.Compute_dims, (6, [4, 0])),
        ("ERR_DIMS", mpi.Compute_dims, (6, [2, 2])),
        ("ERR_DIMS", mpi.Compute_dims, (6, [-1, 0])),
        ("ERR_DIMS", mpi.Compute_dims, (0, 2)),
        ("ERR_DIMS", COMM.Create_cart, ([0],)),
        ("ERR_RANK", CART.Get_coords, (1,)),
        ("ERR_ARG", CART.Shift, (-1, 1)),
        ("ERR_ARG", CART.Shift, (2, 1)),
        ("ERR_ARG", CART.Get_cart_rank, ([0, 5],)),
        ("ERR_ARG", COMM.Split, (-1,)),
        ("ERR_ARG", COMM.Split_type, (77,)),
        ("ERR_ARG", COMM.Isend, ([ROOM, 2, COLUMN], 0)),
        ("ERR_ARG", COMM.Isend, ([ROOM, 1, 1, COLUMN], 0)),
        ("ERR_ARG", COMM.Isend, ([ROOM, -1, COLUMN], 0)),
        ("ERR_ARG", COMM.Irecv, ([ROOM.tobytes(), 1, COLUMN], 0)),
        ("ERR_ARG", COMM.Irecv, (ROOM.tobytes(), 0)),
        ("ERR_TYPE", COMM.Isend, ([ROOM, 1, UNFINISHED], 0)),
        ("ERR_TYPE", mpi.DOUBLE.Free, ()),
        ("ERR_ARG", mpi.DOUBLE.Create_subarray, ([4], [3], [2])),
        ("ERR_GROUP", COMM.Create, (mpi.Group([0, 3], 0),)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_refused(error_class, call, arguments):
    with pytest.raises(mpi.Exception) as caught:
        call(*arguments)
    assert caught.value.Get_error_class() == getattr(mpi, error_class)


def test_half_precision():
    got = np.zeros(3, "e")
    COMM.Sendrecv(np.arange(3, dtype="e"), 0, 0, [got, mpi.FLOAT16_T], 0, 0)
    assert got.tolist() == [0, 1, 2]
