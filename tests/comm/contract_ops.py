"""What the operations of reductions do, on objects and on buffers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from tests.comm.common import is_mpi, names

OPS = [
    "SUM",
    "PROD",
    "MAX",
    "MIN",
    "LAND",
    "LOR",
    "LXOR",
    "BAND",
    "BOR",
    "BXOR",
    "MAXLOC",
    "MINLOC",
    "REPLACE",
    "NO_OP",
]
OF_NUMBERS = {
    "SUM": np.add,
    "PROD": np.multiply,
    "MAX": np.maximum,
    "MIN": np.minimum,
    "LAND": np.logical_and,
    "LOR": np.logical_or,
    "LXOR": np.logical_xor,
    "BAND": np.bitwise_and,
    "BOR": np.bitwise_or,
    "BXOR": np.bitwise_xor,
}
INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
FLOATS = ("f4", "f8", "g")
COMPLEX = ("c8", "c16")


def _types_of(name: str) -> tuple[str, ...]:
    if name in ("SUM", "PROD"):
        return INTEGERS + FLOATS + COMPLEX
    if name in ("MAX", "MIN"):
        return INTEGERS + FLOATS
    return (*INTEGERS, "?") if name.startswith("L") else INTEGERS


def _data(rank: int, dtype: str) -> Any:
    """Small numbers with zeros among them: sums and products are exact in every type."""
    return np.array([rank % 3, 1, 2, (rank + 1) % 2, 0], dtype)


def check_operations_on_objects(comm: Any) -> None:
    mpi = names(comm)
    assert mpi.SUM("a", "b") == "ab"
    assert mpi.PROD(3, 4) == 12
    assert (mpi.MAX(3, 4), mpi.MIN(3, 4)) == (4, 3)
    assert (mpi.LAND(3, 4), mpi.LOR(0, ""), mpi.LXOR(3, 4)) == (True, False, False)
    assert (mpi.BAND(6, 3), mpi.BOR(6, 3), mpi.BXOR(6, 3)) == (2, 7, 5)
    assert (mpi.REPLACE(1, 2), mpi.NO_OP(1, 2)) == (2, 1)


def check_locations_of_objects(comm: Any) -> None:
    mpi = names(comm)
    assert mpi.MAXLOC((3, 1), (4, 0)) == (4, 0)
    assert mpi.MINLOC((3, 1), (4, 0)) == (3, 1)
    for op in (mpi.MAXLOC, mpi.MINLOC):
        assert op((3, 1), (3, 0)) == (3, 0)
        assert op((3, 0), (3, 1)) == (3, 0)
        assert op([3, 0], [3, 0]) == (3, 0)


def check_what_is_known_of_operations(comm: Any) -> None:
    mpi = names(comm)
    for name in OPS:
        op = getattr(mpi, name)
        assert isinstance(op, mpi.Op)
        assert op.is_predefined
        assert op
        assert op.Is_commutative() == op.is_commutative
        assert op.is_commutative or name in ("REPLACE", "NO_OP")  # MPIs disagree on these two
        assert pickle.loads(pickle.dumps(op)) == op
    assert mpi.SUM == mpi.SUM
    assert mpi.SUM != mpi.PROD


def check_operations_on_buffers_of_every_type(comm: Any) -> None:
    for name, function in OF_NUMBERS.items():
        for dtype in _types_of(name):
            got = np.full(5, 77).astype(dtype)
            comm.Allreduce(_data(comm.rank, dtype), got, op=getattr(names(comm), name))
            expected = _data(0, dtype)
            for rank in range(1, comm.size):
                expected = function(expected, _data(rank, dtype)).astype(dtype)
            np.testing.assert_array_equal(got, expected, err_msg=f"{name} {dtype}")


def check_locations_of_buffers(comm: Any) -> None:
    mpi = names(comm)
    for kind in ("FLOAT_INT", "DOUBLE_INT", "LONG_INT", "SHORT_INT", "2INT"):
        datatype = getattr(mpi, "TWOINT" if kind == "2INT" else kind)
        value = {"F": "f4", "D": "f8", "L": "i8", "S": "i2", "2": "i4"}[kind[0]]
        sent = np.zeros(3, np.dtype([("v", value), ("i", "i4")], align=True))
        sent["v"], sent["i"] = [comm.rank, -comm.rank, 5], comm.rank
        for op, indices in (
            (mpi.MAXLOC, (comm.size - 1, 0, 0)),
            (mpi.MINLOC, (0, comm.size - 1, 0)),
        ):
            got = np.zeros_like(sent)
            comm.Allreduce([sent, datatype], [got, datatype], op=op)
            assert got["i"].tolist() == list(indices), kind
            assert got["v"].tolist() == [indices[0], -indices[1], 5]


def check_operations_refuse_types(comm: Any) -> None:
    if is_mpi(comm) and "Open MPI" in names(comm).Get_library_version():
        return  # prints to the error stream
    mpi = names(comm)
    wrong = [(mpi.BAND, "f8"), (mpi.BXOR, "c16"), (mpi.MAX, "c16"), (mpi.MAXLOC, "f8")]
    for op, dtype in wrong:
        with pytest.raises(mpi.Exception) as caught:
            comm.Allreduce(np.ones(2, dtype), np.ones(2, dtype), op=op)
        assert caught.value.Get_error_class() == mpi.ERR_OP


def check_reduce_local(comm: Any) -> None:
    mpi = names(comm)
    inbuf, inoutbuf = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    mpi.SUM.Reduce_local(inbuf, inoutbuf)
    assert (inbuf.tolist(), inoutbuf.tolist()) == ([1, 2], [11, 22])
    with pytest.raises(ValueError, match=r"(?i)mismatch|same"):
        mpi.SUM.Reduce_local(inbuf, np.zeros(3))
    with pytest.raises(ValueError, match=r"(?i)mismatch|same"):
        mpi.SUM.Reduce_local(inbuf, np.zeros(2, int))


def _by_two(inbuf: Any, inoutbuf: Any, datatype: Any) -> Any:
    """Multiply 2 x 2 matrices: associative, but the order matters."""
    if datatype is None:
        return inbuf @ inoutbuf
    assert datatype.Get_size() == 8
    lower = np.frombuffer(inbuf, "f8").reshape(-1, 2, 2)
    higher = np.frombuffer(inoutbuf, "f8").reshape(-1, 2, 2)
    higher[:] = lower @ higher
    return None


def _matrix(rank: int) -> Any:
    return np.array([[1.0, rank + 1], [1.0, 0.0]])


def check_operations_of_the_user(comm: Any) -> None:
    """In rank order, on objects and (all four items at once, as one type) on buffers."""
    op = names(comm).Op.Create(_by_two, commute=False)
    assert (op.Is_commutative(), op.is_predefined) == (False, False)
    expected = _matrix(0)
    for rank in range(1, comm.size):
        expected = expected @ _matrix(rank)
    got = np.zeros((2, 2))
    comm.Allreduce(_matrix(comm.rank), got, op=op)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(comm.allreduce(_matrix(comm.rank), op=op), expected)
    np.testing.assert_array_equal(comm.allreduce(_matrix(comm.rank), op=np.matmul), expected)
    local = _matrix(1)
    op.Reduce_local(_matrix(0), local)
    np.testing.assert_array_equal(local, _matrix(0) @ _matrix(1))
    op.Free()
    assert not op
    assert op == names(comm).OP_NULL


def check_no_operation(comm: Any) -> None:
    null = names(comm).OP_NULL
    assert not null
    assert null != names(comm).SUM
    assert pickle.loads(pickle.dumps(null)) == null


def check_commuting_operations_of_the_user(comm: Any) -> None:
    def larger(inbuf: Any, inoutbuf: Any, datatype: Any) -> None:
        inout = np.frombuffer(inoutbuf, "i4")
        inout[:] = np.maximum(np.frombuffer(inbuf, "i4"), inout)

    op = names(comm).Op.Create(larger, commute=True)
    assert op.is_commutative
    got = np.zeros(4, "i4")
    comm.Allreduce(np.arange(4, dtype="i4") * comm.rank, got, op)
    assert got.tolist() == [0, comm.size - 1, 2 * (comm.size - 1), 3 * (comm.size - 1)]
    op.Free()


def check_operations_of_the_user_on_types_made_of_others(comm: Any) -> None:
    """Multiply 2 x 2 matrices that are one item each, so that no MPI may take them apart."""
    mpi = names(comm)
    sizes = []

    def multiply(inbuf: Any, inoutbuf: Any, datatype: Any) -> None:
        sizes.append((datatype.Get_size(), len(inbuf) % 32))
        _by_two(inbuf, inoutbuf, mpi.DOUBLE)

    op, matrix = mpi.Op.Create(multiply), mpi.DOUBLE.Create_contiguous(4).Commit()
    sent = np.array([_matrix(comm.rank), _matrix(comm.rank + 7), _matrix(1)])
    expected = sent * 0
    for k, first in enumerate((0, 7, None)):
        expected[k] = np.linalg.multi_dot(
            [np.eye(2), *(_matrix(1 if first is None else r + first) for r in range(comm.size))]
        )
    got = np.zeros_like(sent)
    comm.Allreduce([sent, matrix], [got, 3, matrix], op)
    np.testing.assert_array_equal(got, expected)
    comm.Reduce_scatter_block(
        [np.tile(_matrix(comm.rank), (comm.size, 1)), matrix], [got[:1], matrix], op
    )
    np.testing.assert_array_equal(got[0], expected[0])
    assert set(sizes) <= {(32, 0)}
    matrix.Free()
    op.Free()


def check_uppercase_reductions_need_an_operation(comm: Any) -> None:
    with pytest.raises(TypeError):
        comm.Allreduce(np.zeros(1), np.zeros(1), op=max)
