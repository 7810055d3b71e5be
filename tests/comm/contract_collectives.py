"""What collective calls on objects and buffers do, compared with NumPy on one rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.comm.common import is_mpi, left, names, right

TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "g", "c8", "c16", "?")
LENGTHS = (0, 1, 7, 1000)
BIG = 3 << 17


def mine(comm: Any, length: int, dtype: str = "f8", rank: int | None = None) -> Any:
    """Return data of this (or another) rank."""
    rank = comm.rank if rank is None else rank
    return (np.arange(length) % 5 + 3 * rank).astype(dtype)


def everyones(comm: Any, length: int, dtype: str = "f8") -> Any:
    """Return the data of all ranks, by rank."""
    return np.array([mine(comm, length, dtype, r) for r in range(comm.size)])


def every_case(comm: Any) -> list[tuple[int, str]]:
    return [(length, dtype) for length in LENGTHS for dtype in TYPES]


def length_of(rank: int) -> int:
    """Return the length of a block that has another length on every rank, none on rank 0."""
    return 3 * rank


def check_results_are_copies(comm: Any) -> None:
    sent = [1]
    items = [sent] * comm.size
    for got in (
        comm.bcast(sent),
        comm.allgather(sent)[comm.rank],
        comm.alltoall(items)[comm.rank],
        comm.scatter(items),
        comm.scan(sent),
        comm.allreduce(sent, op=lambda a, b: a),
    ):
        got.append(2)
        assert sent == [1]
    gathered, reduced = comm.gather(sent), comm.reduce(sent)
    if comm.rank == 0:
        gathered[0].append(2)
        reduced.append(2)
        assert sent == [1]


def check_operators_may_change_their_operands(comm: Any) -> None:
    def extend(a: Any, b: Any) -> Any:
        a.extend(b)
        return a

    sent = [comm.rank]
    for got in (comm.allreduce(sent, op=extend), comm.bcast(comm.reduce(sent, op=extend))):
        assert got == list(range(comm.size))
        assert sent == [comm.rank]


def check_prefixes_of_objects(comm: Any) -> None:
    text = "".join(f"{r}," for r in range(comm.rank))
    mine = f"{comm.rank},"
    assert comm.scan(mine) == text + mine
    assert comm.scan(mine, op=lambda a, b: a + b) == text + mine
    assert comm.exscan(mine) == (text if comm.rank else None)
    assert comm.exscan(comm.rank, op=names(comm).MAX) == (comm.rank - 1 if comm.rank else None)


def check_objects_with_operations_of_mpi(comm: Any) -> None:
    mpi, last = names(comm), comm.size - 1
    assert comm.allreduce(comm.rank + 1, op=mpi.SUM) == comm.size * (comm.size + 1) // 2
    assert comm.allreduce(comm.rank, mpi.MAX) == last
    assert comm.allreduce((comm.rank, comm.rank), mpi.MINLOC) == (0, 0)
    assert comm.allreduce((1.5, comm.rank), op=mpi.MAXLOC) == (1.5, 0)
    assert comm.allreduce(comm.rank == 0, op=mpi.LAND) == (comm.size == 1)
    assert comm.allreduce(comm.rank == 0, op=mpi.LOR) is True
    assert comm.allreduce(1 << comm.rank, op=mpi.BOR) == (1 << comm.size) - 1
    for root in range(comm.size):
        got = comm.reduce(np.arange(3) * comm.rank, op=mpi.SUM, root=root)
        if comm.rank == root:
            np.testing.assert_array_equal(got, np.arange(3) * (comm.size * last // 2))
        else:
            assert got is None


def check_sums_of_objects_as_in_mpi4py(comm: Any) -> None:
    """Add pairs of neighbours, then pairs of pairs, and so on: this is part of the result."""
    values = [0.1 * (r + 1) ** 3 for r in range(comm.size)]
    while len(values) > 1:
        pairs = [values[k : k + 2] for k in range(0, len(values), 2)]
        values = [sum(pair[1:], pair[0]) for pair in pairs]
    total = comm.allreduce(0.1 * (comm.rank + 1) ** 3)
    assert total.hex() == values[0].hex()
    reduced = comm.reduce(0.1 * (comm.rank + 1) ** 3, root=comm.size - 1)
    assert reduced is None or reduced.hex() == values[0].hex()


def check_big_objects(comm: Any) -> None:
    array = np.arange(BIG) + comm.rank
    for rank, got in enumerate(comm.allgather(array)):
        np.testing.assert_array_equal(got, np.arange(BIG) + rank)
    got = comm.allreduce(array)
    np.testing.assert_array_equal(got, comm.size * np.arange(BIG) + sum(range(comm.size)))
    for rank, got in enumerate(comm.alltoall([array + r for r in range(comm.size)])):
        assert got[0] == comm.rank + rank
        assert len(got) == BIG
    np.testing.assert_array_equal(comm.bcast(array, comm.size - 1), np.arange(BIG) + comm.size - 1)


def check_bcast_of_every_type(comm: Any) -> None:
    for length, dtype in every_case(comm):
        for root in range(comm.size):
            got = mine(comm, length, dtype)
            comm.Bcast(got, root)
            np.testing.assert_array_equal(got, mine(comm, length, dtype, root))


def check_bcast_of_part_of_a_buffer(comm: Any) -> None:
    double = names(comm).DOUBLE
    for spec in (lambda b: [b, 2, 3, double], lambda b: [b, (2, 3), double], lambda b: [b[3:], 2]):
        got = mine(comm, 7)
        comm.Bcast(spec(got), root=comm.size - 1)
        expected = mine(comm, 7)
        expected[3:5] = mine(comm, 7, rank=comm.size - 1)[3:5]
        np.testing.assert_array_equal(got, expected)
    got = bytearray(b"root!" if comm.rank == 0 else b"-----")
    comm.Bcast(got)
    assert got == b"root!"


def check_gather(comm: Any) -> None:
    for length, dtype in every_case(comm):
        root = length % comm.size
        got = np.zeros((comm.size, length), dtype) if comm.rank == root else None
        comm.Gather(mine(comm, length, dtype), got, root=root)
        if comm.rank == root:
            np.testing.assert_array_equal(got, everyones(comm, length, dtype))


def check_scatter(comm: Any) -> None:
    for length, dtype in every_case(comm):
        root = length % comm.size
        sent = everyones(comm, length, dtype) if comm.rank == root else None
        got = np.zeros(length, dtype)
        comm.Scatter(sent, got, root=root)
        np.testing.assert_array_equal(got, mine(comm, length, dtype))


def check_allgather(comm: Any) -> None:
    for length, dtype in every_case(comm):
        got = np.zeros((comm.size, length), dtype)
        comm.Allgather(mine(comm, length, dtype), got)
        np.testing.assert_array_equal(got, everyones(comm, length, dtype))


def check_alltoall(comm: Any) -> None:
    for length, dtype in every_case(comm):
        sent = everyones(comm, length, dtype) + mine(comm, length, dtype)
        got = np.zeros_like(sent)
        comm.Alltoall(sent, got)
        np.testing.assert_array_equal(got, sent)  # symmetric in the two ranks


def check_counts_are_those_of_a_block(comm: Any) -> None:
    mpi = names(comm)
    got = np.zeros((comm.size, 2))
    comm.Allgather([mine(comm, 5), 2], [got, 2, mpi.DOUBLE])
    np.testing.assert_array_equal(got, everyones(comm, 2))
    got = np.zeros(2 * comm.size + 3)
    comm.Allgather([mine(comm, 2), mpi.DOUBLE], [got, (2, 3)])
    np.testing.assert_array_equal(got[3:], everyones(comm, 2).ravel())
    got = np.zeros(16 * comm.size, "u1")
    comm.Allgather(mine(comm, 2), got)
    np.testing.assert_array_equal(got.view("f8"), everyones(comm, 2).ravel())


def check_gatherv(comm: Any) -> None:
    counts = [length_of(r) for r in range(comm.size)]
    expected = np.concatenate([mine(comm, n, rank=r) for r, n in enumerate(counts)])
    for root in range(comm.size):
        total = sum(counts) if comm.rank == root else 0
        for describe in (
            lambda b: [b, counts],
            lambda b: (b, (counts, None)),
            lambda b: [b, np.array(counts), names(comm).DOUBLE],
            lambda b: [b, tuple(counts), [sum(counts[:r]) for r in range(comm.size)], "d"],
        ):
            got = np.zeros(total)
            spec = describe(got) if comm.rank == root else None
            comm.Gatherv(mine(comm, length_of(comm.rank)), spec, root=root)
            np.testing.assert_array_equal(got, expected[:total])


def check_displacements(comm: Any) -> None:
    """Blocks in falling order, with gaps."""
    displs = [5 * (comm.size - 1 - r) for r in range(comm.size)]
    got = np.full(5 * comm.size, -1.0)
    comm.Allgatherv(mine(comm, 3), [got, ([3] * comm.size, displs)])
    rows = got.reshape(comm.size, 5)[::-1]
    np.testing.assert_array_equal(rows[:, :3], everyones(comm, 3))
    assert (rows[:, 3:] == -1).all()


def check_number_for_all_counts(comm: Any) -> None:
    got = np.full(4 * comm.size, -1.0)
    comm.Allgatherv(mine(comm, 3), [got, 3, 4, names(comm).DOUBLE])
    np.testing.assert_array_equal(got.reshape(-1, 4)[:, :3], everyones(comm, 3))
    assert (got.reshape(-1, 4)[:, 3] == -1).all()
    total = 2 * comm.size + 1  # divided: rank 0 gets one more
    got = np.zeros(2 + (comm.rank == 0))
    comm.Scatterv(np.arange(float(total)), got)
    first = 0 if comm.rank == 0 else 2 * comm.rank + 1
    np.testing.assert_array_equal(got, np.arange(float(total))[first : first + len(got)])


def check_scatterv(comm: Any) -> None:
    counts = [length_of(r) for r in range(comm.size)]
    for root in range(comm.size):
        sent = np.concatenate([mine(comm, n, rank=r) for r, n in enumerate(counts)])
        got = np.zeros(length_of(comm.rank))
        comm.Scatterv([sent, counts] if comm.rank == root else None, got, root)
        np.testing.assert_array_equal(got, mine(comm, length_of(comm.rank)))


def check_allgatherv(comm: Any) -> None:
    for dtype in TYPES:
        counts = [length_of(r) for r in range(comm.size)]
        got = np.zeros(sum(counts), dtype)
        comm.Allgatherv(mine(comm, length_of(comm.rank), dtype), [got, counts])
        blocks = [mine(comm, n, dtype, r) for r, n in enumerate(counts)]
        np.testing.assert_array_equal(got, np.concatenate(blocks))


def check_alltoallv(comm: Any) -> None:
    """Rank r gives rank s r + s items."""
    counts = [comm.rank + r for r in range(comm.size)]
    sent = np.concatenate([np.full(n, 10.0 * comm.rank + r) for r, n in enumerate(counts)])
    got = np.zeros(sum(counts))
    comm.Alltoallv([sent, counts], [got, counts])
    expected = [np.full(n, 10.0 * r + comm.rank) for r, n in enumerate(counts)]
    np.testing.assert_array_equal(got, np.concatenate(expected))


def check_alltoallw(comm: Any) -> None:
    """Displacements are in bytes."""
    mpi = names(comm)
    sent, got = mine(comm, comm.size), np.zeros(comm.size)
    ones, displs = [1] * comm.size, [8 * r for r in range(comm.size)]
    comm.Alltoallw(
        [sent, ones, displs, [mpi.DOUBLE] * comm.size],
        [got, (ones, displs), [mpi.DOUBLE] * comm.size],
    )
    np.testing.assert_array_equal(got, everyones(comm, comm.size)[:, comm.rank])


def check_in_place(comm: Any) -> None:
    place = names(comm).IN_PLACE
    for length in LENGTHS:
        for root in range(comm.size):
            got = np.zeros((comm.size, length))
            got[comm.rank] = mine(comm, length)
            if comm.rank == root:
                comm.Gather(place, got, root)
                np.testing.assert_array_equal(got, everyones(comm, length))
                comm.Scatter(got, place, root)
                np.testing.assert_array_equal(got, everyones(comm, length))
            else:
                comm.Gather(got[comm.rank], None, root)
                got = np.zeros(length)
                comm.Scatter(None, got, root)
                np.testing.assert_array_equal(got, mine(comm, length))
        got = np.zeros((comm.size, length))
        got[comm.rank] = mine(comm, length)
        comm.Allgather(place, got)
        np.testing.assert_array_equal(got, everyones(comm, length))


def check_in_place_of_blocks_of_any_length(comm: Any) -> None:
    place = names(comm).IN_PLACE
    counts = [length_of(r) for r in range(comm.size)]
    expected = np.concatenate([mine(comm, n, rank=r) for r, n in enumerate(counts)])
    start = sum(counts[: comm.rank])
    got = np.zeros(sum(counts))
    got[start : start + counts[comm.rank]] = mine(comm, counts[comm.rank])
    comm.Allgatherv(place, [got, counts])
    np.testing.assert_array_equal(got, expected)
    if comm.rank == 0:
        comm.Gatherv(place, [got, counts])
        comm.Scatterv([got, counts], place)
        np.testing.assert_array_equal(got, expected)
    else:
        comm.Gatherv(mine(comm, counts[comm.rank]), None)
        got = np.zeros(counts[comm.rank])
        comm.Scatterv(None, got)
        np.testing.assert_array_equal(got, mine(comm, counts[comm.rank]))


def check_alltoall_in_place(comm: Any) -> None:
    mpi = names(comm)
    expected = np.repeat([10.0 * r + comm.rank for r in range(comm.size)], 3)
    sent = np.repeat([10.0 * comm.rank + r for r in range(comm.size)], 3)
    threes, displs = [3] * comm.size, [24 * r for r in range(comm.size)]
    got = sent.copy()
    comm.Alltoall(mpi.IN_PLACE, got)
    np.testing.assert_array_equal(got, expected)
    got = sent.copy()
    comm.Alltoallv(mpi.IN_PLACE, [got, threes])
    np.testing.assert_array_equal(got, expected)
    got = sent.copy()
    comm.Alltoallw(mpi.IN_PLACE, [got, (threes, displs), [mpi.DOUBLE] * comm.size])
    np.testing.assert_array_equal(got, expected)


def check_big_blocks(comm: Any) -> None:
    got = np.zeros((comm.size, BIG))
    comm.Allgather(mine(comm, BIG), got)
    np.testing.assert_array_equal(got, everyones(comm, BIG))
    turned = np.zeros_like(got)
    comm.Alltoall(got, turned)
    np.testing.assert_array_equal(turned, np.array([mine(comm, BIG)] * comm.size))
    total = np.zeros(BIG)
    comm.Allreduce(mine(comm, BIG), total)
    np.testing.assert_array_equal(total, got.sum(0))
    comm.Bcast(got, comm.size - 1)
    got = got if comm.rank == 0 else None
    comm.Reduce(mine(comm, BIG), total)
    comm.Scatter(got, total)
    np.testing.assert_array_equal(total, mine(comm, BIG))


def check_wrong_lengths(comm: Any) -> None:
    if comm.size > 1:
        with pytest.raises(ValueError, match="multiple"):
            comm.Allgather(np.zeros(1), np.zeros(comm.size + 1))
    with pytest.raises(ValueError, match="count"):
        comm.Allreduce(np.zeros(1), np.zeros(2))
    with pytest.raises(ValueError, match="type"):
        comm.Allreduce(np.zeros(1), np.zeros(1, int))
    with pytest.raises(ValueError, match=r"expecting|expected"):
        comm.Allgatherv(np.zeros(1), [np.zeros(comm.size), [1] * (comm.size + 1)])
    assert comm.allreduce(1) == comm.size


def check_roots_that_are_no_ranks(comm: Any) -> None:
    mpi = names(comm)
    if is_mpi(comm) and "Open MPI" in mpi.Get_library_version():
        return  # prints to the error stream
    for call in (comm.bcast, comm.gather, comm.Bcast):
        with pytest.raises(mpi.Exception) as caught:
            call(np.zeros(1), root=comm.size)
        assert caught.value.Get_error_class() == mpi.ERR_ROOT
    assert comm.allreduce(1) == comm.size


def check_calls_in_a_row_do_not_mix(comm: Any) -> None:
    for k in range(50):
        root = k % comm.size
        assert comm.bcast(k * (comm.rank == root), root) == k
        assert comm.gather(k, root) == ([k] * comm.size if comm.rank == root else None)
        assert comm.allreduce(k) == k * comm.size
        got = np.zeros(1, int)
        comm.Reduce(np.array([k]), got, root=root)
        assert got[0] == (k * comm.size if comm.rank == root else 0)
    assert comm.sendrecv("x", right(comm), 0, None, left(comm), 0) == "x"
