"""Datatypes made of others, and buffers with gaps."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from tests.comm.common import left, names, right


def _passed_on(comm: Any, sent: Any, got: Any, told: Any = None) -> None:
    comm.Sendrecv(sent, right(comm), 4, got, left(comm), 4, told)


def _numbers(comm: Any, sent: Any, count: int) -> list[float]:
    """Return the doubles that the left neighbour sends."""
    got = np.full(count + 1, -1.0)
    told = names(comm).Status()
    _passed_on(comm, sent, got, told)
    assert told.Get_count(names(comm).DOUBLE) == count
    return got[:count].tolist()  # type: ignore[no-any-return]


def _described(kind: Any) -> tuple[int, ...]:
    return kind.size, kind.lb, kind.extent, kind.true_lb, kind.true_extent


def check_sizes_and_extents_of_derived_types(comm: Any) -> None:
    mpi = names(comm)
    double = mpi.DOUBLE
    expected = [
        (double, (8, 0, 8, 0, 8)),
        (double.Dup(), (8, 0, 8, 0, 8)),
        (double.Create_contiguous(3), (24, 0, 24, 0, 24)),
        (double.Create_vector(3, 2, 4), (48, 0, 80, 0, 80)),
        (double.Create_vector(3, 2, -4), (48, -64, 80, -64, 80)),
        (double.Create_hvector(3, 1, 20), (24, 0, 48, 0, 48)),
        (double.Create_indexed([2, 1], [3, 0]), (24, 0, 40, 0, 40)),
        (double.Create_indexed([2, 1], [3, 1]), (24, 8, 32, 8, 32)),
        (double.Create_indexed_block(2, [0, 5]), (32, 0, 56, 0, 56)),
        (mpi.CHAR.Create_hindexed([2, 1], [3, 40]), (3, 3, 38, 3, 38)),
        (mpi.CHAR.Create_hindexed_block(2, [3, 40]), (4, 3, 39, 3, 39)),
        (double.Create_subarray([4, 5], [2, 3], [1, 1]), (48, 0, 160, 48, 64)),
        (mpi.Datatype.Create_struct([1, 2], [0, 8], [mpi.INT, double]), (20, 0, 24, 0, 24)),
        (mpi.Datatype.Create_struct([1, 1], [0, 8], [double, mpi.CHAR]), (9, 0, 16, 0, 9)),
        (double.Create_vector(3, 1, 4).Create_resized(0, 8), (24, 0, 8, 0, 72)),
        (double.Create_contiguous(0), (0, 0, 0, 0, 0)),
    ]
    for kind, numbers in expected:
        assert _described(kind) == numbers, numbers
        assert kind.Get_size() == numbers[0]
        assert kind.Get_extent() == numbers[1:3]
        assert kind.Get_true_extent() == numbers[3:]
        assert kind.is_predefined == kind.is_named == (kind is double)


def check_names_and_codes_of_types(comm: Any) -> None:
    mpi = names(comm)
    codes = {
        "d": mpi.DOUBLE,
        "f8": mpi.DOUBLE,
        "f": mpi.FLOAT,
        "i": mpi.INT,
        "?": mpi.C_BOOL,
        "D": mpi.C_DOUBLE_COMPLEX,
        "i4": mpi.INT32_T,
        "u1": mpi.UINT8_T,
        "l": mpi.LONG,
    }
    for code, kind in codes.items():
        assert mpi.Datatype.fromcode(code) == kind
        assert mpi._typedict[code] == kind
    assert [mpi.DOUBLE.tocode(), mpi.INT.tocode(), mpi.INT64_T.tocode()] == ["d", "i", "i8"]
    assert (mpi.DOUBLE.Get_name(), mpi.DOUBLE.typestr, mpi.DOUBLE.typechar) == (
        "MPI_DOUBLE",
        "f8",
        "d",
    )
    with pytest.raises(ValueError, match="zz"):
        mpi.Datatype.fromcode("zz")
    with pytest.raises(ValueError, match="code"):
        mpi.DOUBLE.Create_contiguous(2).tocode()
    named = mpi.DOUBLE.Create_contiguous(2)
    named.Set_name("point")
    assert named.name == named.Get_name() == "point"


def check_vectors_are_sent(comm: Any) -> None:
    mpi, data = names(comm), np.arange(24.0)
    column = mpi.DOUBLE.Create_vector(3, 1, 4).Commit()
    assert _numbers(comm, [data, 1, column], 3) == [0, 4, 8]
    assert _numbers(comm, [data, 2, column], 6) == [0, 4, 8, 9, 13, 17]
    assert _numbers(comm, [data, 1, 1, column], 3) == [9, 13, 17]
    assert _numbers(comm, [data, (1, 1), column], 3) == [9, 13, 17]
    assert _numbers(comm, [data[:18], column], 6) == [0, 4, 8, 9, 13, 17]
    blocks = mpi.DOUBLE.Create_vector(2, 3, 5).Commit()
    assert _numbers(comm, [data, 1, blocks], 6) == [0, 1, 2, 5, 6, 7]
    thin = column.Create_resized(0, 8).Commit()
    assert _numbers(comm, [data, 3, thin], 9) == [0, 4, 8, 1, 5, 9, 2, 6, 10]
    with pytest.raises(ValueError, match="count"):
        comm.Send([data, column], comm.rank)


def check_vectors_are_received(comm: Any) -> None:
    mpi, got = names(comm), np.zeros((3, 4))
    column = mpi.DOUBLE.Create_vector(3, 1, 4).Create_resized(0, 8).Commit()
    _passed_on(comm, np.arange(6.0), [got, 2, 1, column])
    assert got.tolist() == [[0, 0, 3, 0], [0, 1, 4, 0], [0, 2, 5, 0]]
    _passed_on(comm, [got, 1, 1, column], [got, 1, 0, column])
    assert got[:, 0].tolist() == [0, 1, 2]


def check_faces_of_blocks(comm: Any) -> None:
    mpi = names(comm)
    shape = (4, 5, 6)
    block = np.arange(120.0).reshape(shape)
    got = np.zeros(shape)
    for axis in range(3):
        for order in (mpi.ORDER_C, mpi.ORDER_FORTRAN):
            sub, starts = list(shape), [0, 0, 0]
            sub[axis], starts[axis] = 2, 1
            sizes = shape if order == mpi.ORDER_C else shape[::-1]
            if order != mpi.ORDER_C:
                sub, starts = sub[::-1], starts[::-1]
            face = mpi.DOUBLE.Create_subarray(sizes, sub, starts, order).Commit()
            got[:] = 0
            _passed_on(comm, [block, face], [got, face])
            expected = np.zeros(shape)
            cut = tuple(slice(1, 3) if a == axis else slice(None) for a in range(3))
            expected[cut] = block[cut]
            np.testing.assert_array_equal(got, expected)
            face.Free()


def check_subarrays_pack_in_order(comm: Any) -> None:
    mpi, data = names(comm), np.arange(24.0)
    face = mpi.DOUBLE.Create_subarray([4, 6], [2, 2], [1, 1]).Commit()
    assert _numbers(comm, [data, face], 4) == [7, 8, 13, 14]
    face = mpi.DOUBLE.Create_subarray([4, 6], [2, 2], [1, 1], mpi.ORDER_FORTRAN).Commit()
    assert _numbers(comm, [data, face], 4) == [5, 6, 9, 10]
    inner = mpi.DOUBLE.Create_contiguous(2).Create_subarray([3, 4], [2, 2], [1, 2]).Commit()
    assert _numbers(comm, [data, inner], 8) == [12, 13, 14, 15, 20, 21, 22, 23]


def check_indexed_types(comm: Any) -> None:
    mpi, data, got = names(comm), np.arange(12.0), np.zeros(12)
    some = mpi.DOUBLE.Create_indexed([2, 1, 3], [5, 0, 8]).Commit()
    assert _numbers(comm, [data, 1, some], 6) == [5, 6, 0, 8, 9, 10]
    blocks = mpi.DOUBLE.Create_indexed_block(2, [6, 2]).Commit()
    assert _numbers(comm, [data, 1, blocks], 4) == [6, 7, 2, 3]
    _passed_on(comm, np.arange(1.0, 7.0), [got, 1, some])
    assert got.tolist() == [3, 0, 0, 0, 0, 1, 2, 0, 4, 5, 6, 0]
    odd = mpi.BYTE.Create_hindexed([3, 2], [1, 9]).Commit()
    letters = bytearray(5)
    _passed_on(comm, [b"abcdefghijkl", 1, odd], letters)
    assert letters == b"bcdjk"
    twice = mpi.DOUBLE.Create_vector(2, 1, 2).Create_indexed([1, 2], [3, 0]).Commit()
    assert _numbers(comm, [data, 1, twice], 6) == [9, 11, 0, 2, 3, 5]


def check_structs(comm: Any) -> None:
    mpi = names(comm)
    dtype = np.dtype([("kind", "i4"), ("place", "f8", (2,)), ("skipped", "f8")], align=True)
    sent = np.zeros(3, dtype)
    sent["kind"], sent["place"], sent["skipped"] = [1, 2, 3], [[4, 5], [6, 7], [8, 9]], 1
    offsets = [dtype.fields[name][1] for name in ("kind", "place")]
    record = mpi.Datatype.Create_struct([1, 2], offsets, [mpi.INT32_T, mpi.DOUBLE])
    record = record.Create_resized(0, dtype.itemsize).Commit()
    got = np.zeros(3, dtype)
    _passed_on(comm, [sent.view(np.uint8), 3, record], [got.view(np.uint8), 3, record])
    np.testing.assert_array_equal(got["kind"], [1, 2, 3])
    np.testing.assert_array_equal(got["place"], sent["place"])
    assert not got["skipped"].any()


def check_types_meet_other_types(comm: Any) -> None:
    mpi, got, told = names(comm), np.zeros((4, 6)), names(comm).Status()
    face = mpi.DOUBLE.Create_subarray([4, 6], [2, 2], [1, 1]).Commit()
    _passed_on(comm, [np.arange(8.0), 1, mpi.DOUBLE.Create_vector(4, 1, 2).Commit()], [got, face])
    assert got[1:3, 1:3].tolist() == [[0, 2], [4, 6]]
    _passed_on(comm, np.full(3, 9.0), [got, face], told)
    assert got[1:3, 1:3].tolist() == [[9, 9], [9, 6]]
    assert told.Get_count(face) == mpi.UNDEFINED
    assert told.Get_elements(face) == 3
    assert told.Get_count(mpi.DOUBLE) == 3


def check_too_long_for_the_type(comm: Any) -> None:
    mpi, got = names(comm), np.zeros(24)
    face = mpi.DOUBLE.Create_subarray([4, 6], [2, 2], [1, 1]).Commit()
    send = comm.Isend(np.arange(5.0), right(comm), 4)
    with pytest.raises(mpi.Exception) as caught:
        comm.Recv([got, 1, face], left(comm), 4)
    assert caught.value.Get_error_class() == mpi.ERR_TRUNCATE
    send.Wait()


def check_large_faces(comm: Any) -> None:
    mpi, shape = names(comm), (4, 600, 700)
    sent, got = np.arange(float(np.prod(shape))).reshape(shape), np.zeros(shape)
    face = mpi.DOUBLE.Create_subarray(shape, (4, 600, 699), (0, 0, 1)).Commit()
    _passed_on(comm, [sent, face], [got, face])
    np.testing.assert_array_equal(got[..., 1:], sent[..., 1:])
    assert not got[..., 0].any()
    send = comm.Isend([sent, face], right(comm), 4)
    comm.Barrier()
    got[:] = 0
    comm.Recv([got, face], left(comm), 4)
    send.Wait()
    np.testing.assert_array_equal(got[..., 1:], sent[..., 1:])


def check_every_kind_of_send_packs(comm: Any) -> None:
    mpi, data = names(comm), np.arange(12.0)
    column = mpi.DOUBLE.Create_vector(3, 1, 4).Commit()
    spec = [data, 1, column]
    sends = [comm.Isend(spec, right(comm), 1), comm.Issend(spec, right(comm), 1)]
    for _ in sends:
        got = np.zeros(9)
        comm.Irecv([got, 1, column], left(comm), 1).Wait()
        assert got[::4].tolist() == [0, 4, 8]
    for send in sends:
        send.Wait()
    send, got = comm.Isend(spec, right(comm), 1), np.zeros(9)
    comm.Mprobe(left(comm), 1).Recv([got, 1, column])
    assert got[::4].tolist() == [0, 4, 8]
    send.Wait()
    mine = np.full(9, float(comm.rank))
    comm.Sendrecv_replace([mine, 1, column], right(comm), 1, left(comm), 1)
    assert mine[::4].tolist() == [left(comm)] * 3
    assert mine[1::4].tolist() == [comm.rank] * 2


def check_persistent_requests_pack_at_each_start(comm: Any) -> None:
    mpi, data, got = names(comm), np.zeros((4, 6)), np.zeros((4, 6))
    face = mpi.DOUBLE.Create_subarray([4, 6], [4, 2], [0, 3]).Commit()
    requests = [
        comm.Recv_init([got, 1, face], left(comm), 2),
        comm.Send_init([data, 1, face], right(comm), 2),
    ]
    for k in range(3):
        data[:] = 10 * comm.rank + k
        mpi.Prequest.Startall(requests)
        mpi.Request.Waitall(requests)
        assert (got[:, 3:5] == 10 * left(comm) + k).all()
        assert not got[:, :3].any()
        assert not got[:, 5].any()
    for request in requests:
        request.Free()


def check_broadcast_of_a_column(comm: Any) -> None:
    mpi, block = names(comm), np.full((4, 6), float(comm.rank))
    column = mpi.DOUBLE.Create_subarray([4, 6], [4, 1], [0, 2]).Commit()
    comm.Bcast([block, 1, column], comm.size - 1)
    assert (block[:, 2] == comm.size - 1).all()
    assert (block[:, :2] == comm.rank).all()


def check_types_that_are_not_ready(comm: Any) -> None:
    mpi = names(comm)
    kind = mpi.DOUBLE.Create_vector(3, 1, 4)
    kind.Commit()
    kind.Free()
    assert kind == mpi.DATATYPE_NULL
    assert not kind
    assert mpi.DATATYPE_NULL.name == "MPI_DATATYPE_NULL"
    with pytest.raises(mpi.Exception) as caught:
        kind.Get_size()
    assert caught.value.Get_error_class() == mpi.ERR_TYPE
    with pytest.raises(mpi.Exception):
        mpi.DOUBLE.Create_contiguous(-1)
    for call, arguments in (
        (mpi.DOUBLE.Create_indexed, ([1], [1, 2])),
        (mpi.DOUBLE.Create_subarray, ([4, 5], [2, 3], [1])),
    ):
        with pytest.raises(ValueError, match="expect"):
            call(*arguments)


def check_pack_and_unpack(comm: Any) -> None:
    mpi, packed = names(comm), bytearray(64)
    column = mpi.DOUBLE.Create_vector(3, 1, 4).Commit()
    assert mpi.DOUBLE.Pack_size(3, comm) == 24
    assert column.Pack_size(2, comm) == 48
    end = mpi.DOUBLE.Pack(np.array([7.0]), packed, 0, comm)
    end = column.Pack(np.arange(9.0), packed, end, comm)
    assert end == 32
    assert np.frombuffer(packed)[:4].tolist() == [7, 0, 4, 8]
    got = np.zeros(9)
    assert column.Unpack(packed, 8, got, comm) == 32
    assert got.tolist() == [0, 0, 0, 0, 4, 0, 0, 0, 8]


def check_arrays_of_every_numeric_type(comm: Any) -> None:
    for code in "?bhilqBHILQfdgFDG":
        sent = np.array([0, 1, 1, 0]).astype(code)
        got = np.ones(4, code)
        _passed_on(comm, sent, got)
        np.testing.assert_array_equal(got, sent)


def check_other_buffers(comm: Any) -> None:
    mpi = names(comm)
    fortran, got = np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.zeros(6)
    _passed_on(comm, fortran, got)
    assert got.tolist() == [0, 3, 1, 4, 2, 5]
    for sent, room in (
        (b"abc", bytearray(3)),
        (array("d", [1, 2]), array("d", [0, 0])),
        (memoryview(np.arange(3)), np.zeros(3, int)),
    ):
        _passed_on(comm, sent, room)
        assert bytes(memoryview(room)) == bytes(memoryview(sent))
    _passed_on(comm, [None, 0, mpi.DOUBLE], [None, 0, mpi.DOUBLE])
    got = np.zeros(2)
    _passed_on(comm, [np.arange(2.0), "d"], [got, "f8"])
    assert got.tolist() == [0, 1]


def check_collective_calls_with_gaps(comm: Any) -> None:
    mpi, size = names(comm), comm.size
    column = mpi.DOUBLE.Create_vector(3, 1, size).Create_resized(0, 8).Commit()
    mine, table = np.arange(3.0) + 10 * comm.rank, np.zeros((3, size))
    comm.Gather(mine, [table, 1, column], 0)
    if comm.rank == 0:
        assert table.T.tolist() == [[10 * r, 10 * r + 1, 10 * r + 2] for r in range(size)]
    back = np.zeros(3)
    comm.Scatter([table, 1, column], back, 0)
    assert back.tolist() == mine.tolist()
    comm.Allgather(mine, [table, 1, column])
    assert table[1].tolist() == [10 * r + 1 for r in range(size)]
    turned = np.zeros((3, size))
    comm.Alltoallw(
        [table, [1] * size, [8 * r for r in range(size)], [column] * size],
        [turned, [1] * size, [8 * r for r in range(size)], [column] * size],
    )
    assert turned.tolist() == [[10 * comm.rank + k] * size for k in range(3)]
