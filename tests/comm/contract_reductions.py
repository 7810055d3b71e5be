"""What reductions of buffers and non-blocking collective calls do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.comm.common import left, names, right
from tests.comm.contract_collectives import LENGTHS, TYPES, every_case, everyones, length_of, mine

MUCH = 50_001
NUMBERS = [dtype for dtype in TYPES if dtype != "?"]


def check_allreduce(comm: Any) -> None:
    for length, dtype in every_case(comm):
        if dtype == "?":
            continue
        expected = everyones(comm, length, dtype).sum(0, dtype=dtype)
        got = np.zeros(length, dtype)
        comm.Allreduce(mine(comm, length, dtype), got)
        np.testing.assert_array_equal(got, expected)
        got = mine(comm, length, dtype)
        comm.Allreduce(names(comm).IN_PLACE, got)
        np.testing.assert_array_equal(got, expected)


def check_reductions_of_much(comm: Any) -> None:
    place, sent = names(comm).IN_PLACE, mine(comm, MUCH)
    total = everyones(comm, MUCH).sum(0)
    for root in range(comm.size):
        got = sent.copy()
        comm.Reduce(place if comm.rank == root else sent, got, root=root)
        np.testing.assert_array_equal(got, total if comm.rank == root else sent)
    got = sent.copy()
    comm.Allreduce(place, got)
    np.testing.assert_array_equal(got, total)
    got = np.resize(sent, comm.size * MUCH)
    comm.Reduce_scatter_block(place, got)
    expected = sum(np.resize(mine(comm, MUCH, rank=r), comm.size * MUCH) for r in range(comm.size))
    start = comm.rank * MUCH
    np.testing.assert_array_equal(got[:MUCH], expected[start : start + MUCH])


def check_reduce(comm: Any) -> None:
    place = names(comm).IN_PLACE
    for length in LENGTHS:
        for root in range(comm.size):
            expected = everyones(comm, length).sum(0)
            at_root, got = comm.rank == root, np.zeros(length)
            comm.Reduce(mine(comm, length), got if at_root else None, root=root)
            np.testing.assert_array_equal(got, expected if at_root else 0)
            got = mine(comm, length)
            comm.Reduce(place if at_root else got, got if at_root else None, root=root)
            np.testing.assert_array_equal(got, expected if at_root else mine(comm, length))


def check_scan_and_exscan(comm: Any) -> None:
    mpi = names(comm)
    for length in LENGTHS:
        sums = everyones(comm, length).cumsum(0)
        for in_place in (False, True):
            got = mine(comm, length) if in_place else np.zeros(length)
            comm.Scan(mpi.IN_PLACE if in_place else mine(comm, length), got)
            np.testing.assert_array_equal(got, sums[comm.rank])
            got = mine(comm, length) if in_place else np.zeros(length)
            comm.Exscan(mpi.IN_PLACE if in_place else mine(comm, length), got, op=mpi.SUM)
            if comm.rank:
                np.testing.assert_array_equal(got, sums[comm.rank - 1])


def check_prefixes_in_rank_order(comm: Any) -> None:
    """Keep the value of the highest rank (in exscan: of the next lower rank)."""

    def keep_second(inbuf: Any, inoutbuf: Any, datatype: Any) -> None:
        assert len(inbuf) == len(inoutbuf)

    op = names(comm).Op.Create(keep_second)
    got = np.full(1, -1, "i4")
    comm.Scan(np.array([comm.rank], "i4"), got, op)
    assert got[0] == comm.rank
    comm.Exscan(np.array([comm.rank], "i4"), got, op)
    assert comm.rank == 0 or got[0] == comm.rank - 1
    comm.Allreduce(np.array([comm.rank], "i4"), got, op)
    assert got[0] == comm.size - 1
    comm.Reduce_scatter_block(np.full(comm.size, comm.rank, "i4"), got, op)
    assert got[0] == comm.size - 1
    op.Free()


def check_reduce_scatter(comm: Any) -> None:
    place = names(comm).IN_PLACE
    counts = [length_of(r) for r in range(comm.size)]
    total, start = sum(counts), sum(counts[: comm.rank])
    expected = everyones(comm, total).sum(0)[start : start + length_of(comm.rank)]
    got = np.zeros(length_of(comm.rank))
    comm.Reduce_scatter(mine(comm, total), got, counts)
    np.testing.assert_array_equal(got, expected)
    got[:] = 0
    comm.Reduce_scatter(mine(comm, total), got)
    np.testing.assert_array_equal(got, expected)
    got = mine(comm, total)
    comm.Reduce_scatter(place, got, recvcounts=counts, op=names(comm).SUM)
    np.testing.assert_array_equal(got[: len(expected)], expected)


def check_reduce_scatter_block(comm: Any) -> None:
    for length in LENGTHS:
        for dtype in NUMBERS:
            sent = mine(comm, comm.size * length, dtype)
            sums = everyones(comm, comm.size * length, dtype).sum(0, dtype=dtype)
            expected = sums.reshape(comm.size, length)[comm.rank]
            got = np.zeros(length, dtype)
            comm.Reduce_scatter_block(sent, got)
            np.testing.assert_array_equal(got, expected)
        got = mine(comm, comm.size * length)
        comm.Reduce_scatter_block(names(comm).IN_PLACE, got)
        sums = everyones(comm, comm.size * length).sum(0).reshape(comm.size, length)
        np.testing.assert_array_equal(got[:length], sums[comm.rank])


def check_sums_of_buffers_are_the_same_bits_everywhere(comm: Any) -> None:
    sent = 0.1 * (comm.rank + np.arange(1.0, 1001)) ** 3
    got = np.zeros_like(sent)
    comm.Allreduce(sent, got)
    assert len(set(comm.allgather(got.tobytes()))) == 1


def check_part_of_a_buffer_is_reduced(comm: Any) -> None:
    got = np.full(5, -1.0)
    comm.Allreduce([mine(comm, 9), 2, 4, "d"], [got, (2, 1), names(comm).DOUBLE])
    np.testing.assert_array_equal(got[1:3], everyones(comm, 9).sum(0)[4:6])
    assert got[[0, 3, 4]].tolist() == [-1, -1, -1]


def check_wrong_counts_of_reductions(comm: Any) -> None:
    with pytest.raises(ValueError, match="count"):
        comm.Reduce_scatter(np.zeros(comm.size + 1), np.zeros(1), [1] * comm.size)
    with pytest.raises(ValueError, match="count"):
        comm.Reduce_scatter_block(np.zeros(2 * comm.size), np.zeros(1))
    assert comm.allreduce(1) == comm.size


def check_non_blocking_calls_give_the_same(comm: Any) -> None:
    everything = everyones(comm, 3)
    for name, arguments in (
        ("Bcast", lambda got: [got, comm.size - 1]),
        ("Allreduce", lambda got: [mine(comm, 3), got]),
        ("Scan", lambda got: [mine(comm, 3), got]),
        ("Scatter", lambda got: [everything, got]),
        ("Scatterv", lambda got: [[everything, [3] * comm.size], got]),
        ("Reduce_scatter_block", lambda got: [np.tile(everything[0], comm.size), got]),
        ("Reduce_scatter", lambda got: [np.tile(everything[0], comm.size), got]),
    ):
        got = mine(comm, 3)
        assert getattr(comm, f"I{name.lower()}")(*arguments(got)).Wait()
        blocking = mine(comm, 3)
        getattr(comm, name)(*arguments(blocking))
        np.testing.assert_array_equal(got, blocking, err_msg=name)


def check_non_blocking_gathers(comm: Any) -> None:
    threes, everything = [3] * comm.size, everyones(comm, 3)
    got = np.zeros((4, comm.size, 3))
    requests = [
        comm.Igather(mine(comm, 3), got[0] if comm.rank == 0 else None),
        comm.Igatherv(mine(comm, 3), [got[1], threes] if comm.rank == 0 else None),
        comm.Iallgather(mine(comm, 3), got[2]),
        comm.Iallgatherv(mine(comm, 3), [got[3], threes]),
    ]
    type(requests[0]).Waitall(requests)
    for k in range(0 if comm.rank == 0 else 2, 4):
        np.testing.assert_array_equal(got[k], everything)
    turned = np.zeros((3, comm.size, 3))
    doubles = [names(comm).DOUBLE] * comm.size
    displs = [24 * r for r in range(comm.size)]
    requests = [
        comm.Ialltoall(everything, turned[0]),
        comm.Ialltoallv([everything, threes], [turned[1], threes]),
        comm.Ialltoallw(
            [everything, (threes, displs), doubles], [turned[2], (threes, displs), doubles]
        ),
    ]
    type(requests[0]).Waitall(requests)
    np.testing.assert_array_equal(turned, np.array([[mine(comm, 3)] * comm.size] * 3))


def check_non_blocking_reductions(comm: Any) -> None:
    total, before = np.zeros(3), np.zeros(3)
    requests = [
        comm.Ireduce(mine(comm, 3), total if comm.rank == 0 else None, root=0),
        comm.Iexscan(mine(comm, 3), before),
    ]
    type(requests[0]).Waitall(requests)
    if comm.rank == 0:
        np.testing.assert_array_equal(total, everyones(comm, 3).sum(0))
    else:
        np.testing.assert_array_equal(before, everyones(comm, 3)[: comm.rank].sum(0))


def check_barrier_under_way(comm: Any) -> None:
    """Be complete when all ranks have begun it, and not before."""
    if comm.rank == 0:
        for other in range(1, comm.size):
            comm.recv(source=other, tag=3)
        comm.Ibarrier().Wait()
        return
    request = comm.Ibarrier()
    assert not request.Test()
    comm.send("waits", 0, 3)
    request.Wait()


def check_calls_under_way_go_on_in_other_calls(comm: Any) -> None:
    """Neither finishing in another order nor waiting for something else is in the way."""
    totals, sent = np.zeros((20, 1000)), [mine(comm, 1000) + k for k in range(20)]
    requests = [comm.Iallreduce(sent[k], totals[k]) for k in range(20)]
    assert comm.sendrecv(comm.rank, right(comm), 1, None, left(comm), 1) == left(comm)
    assert comm.allreduce(1) == comm.size
    for k in reversed(range(20)):
        requests[k].Wait()
        np.testing.assert_array_equal(totals[k], everyones(comm, 1000).sum(0) + k * comm.size)
    request = comm.Ibarrier()
    while not request.Test():
        pass
    assert request.Test()


def check_any_of_calls_under_way(comm: Any) -> None:
    requests = [comm.Ibarrier() for _ in range(3)]
    indices = [type(requests[0]).Waitany(requests) for _ in range(3)]
    assert sorted(indices) == [0, 1, 2]
    assert type(requests[0]).Waitany(requests) == names(comm).UNDEFINED
