"""What every communicator does, checked on all engines: the same functions run on each.

``mpiexec -n 3 python -m tests.comm.contract`` runs them on MPI.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from parcompute.comm import mpi
from tests.comm import (
    contract_cartesian,
    contract_collectives,
    contract_datatypes,
    contract_derived,
    contract_groups,
    contract_messages,
    contract_names,
    contract_ops,
    contract_reductions,
    contract_requests,
)
from tests.comm.common import left, names, own, right, status

_MODULES = (
    contract_messages,
    contract_collectives,
    contract_reductions,
    contract_requests,
    contract_ops,
    contract_groups,
    contract_cartesian,
    contract_datatypes,
    contract_names,
    contract_derived,
)
BIG = 8 << 20
MANY = 8


def check_rank_and_size(comm: Any) -> None:
    assert comm.Get_rank() == comm.rank
    assert comm.Get_size() == comm.size
    assert comm.allgather(comm.rank) == list(range(comm.size))


def check_objects_round_the_ring(comm: Any) -> None:
    sent = {"rank": comm.rank, "array": np.arange(5) * comm.rank}
    got = comm.sendrecv(sent, right(comm), 3, None, left(comm), 3)
    assert got["rank"] == left(comm)
    np.testing.assert_array_equal(got["array"], np.arange(5) * left(comm))


def check_buffers_of_any_type_and_size(comm: Any) -> None:
    for dtype in ("f8", "i4", "c16", "u1"):
        for shape in ((0,), (0, 3), (1,), (7, 3), (300, 41)):
            sent = np.full(shape, comm.rank + 1, dtype)
            got = np.full(shape, 99, dtype)
            comm.Sendrecv(sent, right(comm), 1, got, left(comm), 1)
            np.testing.assert_array_equal(got, np.full(shape, left(comm) + 1, dtype))


def check_big_both_ways_at_once(comm: Any) -> None:
    sent = np.arange(BIG // 8, dtype=np.int64) + comm.rank
    got = np.zeros_like(sent)
    receive = comm.Irecv(got, left(comm), 5)
    send = comm.Isend(sent, right(comm), 5)
    type(receive).Waitall([receive, send])
    assert (got == np.arange(BIG // 8) + left(comm)).all()


def check_order_between_a_pair(comm: Any) -> None:
    sends = [comm.Isend(np.full(k % 3, k, np.int64), right(comm), 2) for k in range(200)]
    for k in range(200):
        got = np.zeros(k % 3, np.int64)
        comm.Recv(got, left(comm), 2)
        assert (got == k).all()
    type(sends[0]).Waitall(sends)


def check_many_messages_before_the_first_receive(comm: Any) -> None:
    sends = [comm.Isend(np.full(128, k), right(comm), 2) for k in range(1000)]
    comm.Barrier()
    got = np.zeros(128, int)
    for k in range(1000):
        comm.Recv(got, left(comm), 2)
        assert (got == k).all()
    type(sends[0]).Waitall(sends)


def check_tags_out_of_order(comm: Any) -> None:
    sends = [comm.Isend(np.array([tag]), right(comm), tag) for tag in (4, 5, 6)]
    for tag in (6, 4, 5):
        got = np.zeros(1, int)
        comm.Recv(got, left(comm), tag)
        assert got[0] == tag
    type(sends[0]).Waitall(sends)


def check_posted_before_and_after(comm: Any) -> None:
    early = np.zeros(3)
    receive = comm.Irecv(early, left(comm), 1)
    comm.Barrier()
    comm.Send(np.full(3, 1.0), right(comm), 1)
    late_send = comm.Isend(np.full(3, 2.0), right(comm), 1)
    receive.Wait()
    comm.Barrier()
    late = np.zeros(3)
    comm.Recv(late, left(comm), 1)
    late_send.Wait()
    assert early.tolist() == [1, 1, 1]
    assert late.tolist() == [2, 2, 2]


def check_shorter_message_than_buffer(comm: Any) -> None:
    got = np.zeros(5)
    send = comm.Isend(np.ones(2), right(comm), 8)
    comm.Recv(got, left(comm), 8)
    send.Wait()
    assert got.tolist() == [1, 1, 0, 0, 0]


def check_truncation_raises(comm: Any) -> None:
    if comm.size == 1 and names(comm) is not own:
        return  # Open MPI cuts a message to itself without a word
    receive = comm.Irecv(np.zeros(1), left(comm), 9)
    comm.Barrier()
    send = comm.Isend(np.ones(2), right(comm), 9)
    with pytest.raises(Exception, match=r"(?i)trunc|16 bytes"):
        receive.Wait()
    send.Wait()
    assert comm.sendrecv("still alive", right(comm), 0, None, left(comm), 0) == "still alive"


def check_any_source_and_any_tag(comm: Any) -> None:
    send = comm.Isend(np.array([comm.rank]), 0, 10 + comm.rank)
    if comm.rank == 0:
        _receive_one_from_each(comm)
    send.Wait()
    comm.Barrier()


def _receive_one_from_each(comm: Any) -> None:
    seen = set()
    for _ in range(comm.size):
        got, told = np.zeros(1, int), status(comm)
        comm.Recv(got, names(comm).ANY_SOURCE, names(comm).ANY_TAG, told)
        assert told.Get_tag() == 10 + told.Get_source() == 10 + got[0]
        seen.add(int(got[0]))
    assert seen == set(range(comm.size))


def check_wildcards_keep_their_turn(comm: Any) -> None:
    first, second = np.zeros(1, int), np.zeros(1, int)
    requests = [
        comm.Irecv(first, names(comm).ANY_SOURCE, 3),
        comm.Irecv(second, left(comm), 3),
    ]
    comm.Barrier()
    for k in (1, 2):
        comm.Send(np.array([k]), right(comm), 3)
    type(requests[0]).Waitall(requests)
    assert (first[0], second[0]) == (1, 2)


def check_persistent_requests(comm: Any) -> None:
    out = [np.zeros(256), np.zeros(0)]
    into = [np.zeros(256), np.zeros(0)]
    requests = [comm.Recv_init(into[k], left(comm), k) for k in (0, 1)]
    requests += [comm.Send_init(out[k], right(comm), k) for k in (0, 1)]
    type(requests[0]).Waitall(requests)  # none is active: returns
    for turn in range(100):
        out[0][:] = 1000 * comm.rank + turn
        type(requests[0]).Startall(requests)
        type(requests[0]).Waitall(requests)
        assert (into[0] == 1000 * left(comm) + turn).all()
    for request in requests:
        request.Free()


def check_same_neighbour_on_both_sides(comm: Any) -> None:
    left_in, right_in = np.zeros(4), np.zeros(4)
    requests = [
        comm.Recv_init(left_in, left(comm), 0),
        comm.Recv_init(right_in, right(comm), 1),
        comm.Send_init(np.full(4, 10.0 + comm.rank), right(comm), 0),
        comm.Send_init(np.full(4, 20.0 + comm.rank), left(comm), 1),
    ]
    type(requests[0]).Startall(requests)
    type(requests[0]).Waitall(requests)
    assert (left_in == 10 + left(comm)).all()
    assert (right_in == 20 + right(comm)).all()


def check_messages_to_itself(comm: Any) -> None:
    got = np.zeros(3)
    comm.Sendrecv(np.ones(3), comm.rank, 1, got, comm.rank, 1)
    assert got.tolist() == [1, 1, 1]
    assert comm.sendrecv("me", comm.rank, 2, None, comm.rank, 2) == "me"
    send = comm.Isend(np.full(3, 2.0), comm.rank, 4)
    comm.Recv(got, comm.rank, 4)
    send.Wait()
    assert got.tolist() == [2, 2, 2]


def check_proc_null(comm: Any) -> None:
    null, got = names(comm).PROC_NULL, np.ones(2)
    comm.Send(got, null)
    comm.Recv(got, null)
    requests = [comm.Recv_init(got, null), comm.Send_init(got, null)]
    type(requests[0]).Startall(requests)
    type(requests[0]).Waitall(requests)
    assert got.tolist() == [1, 1]
    assert comm.recv(source=null) is None


def check_test(comm: Any) -> None:
    got = np.zeros(1)
    receive = comm.Irecv(got, left(comm), 1)
    assert not receive.Test()
    comm.Barrier()
    comm.Send(np.ones(1), right(comm), 1)
    while not receive.Test():
        pass
    assert got[0] == 1


def check_bcast(comm: Any) -> None:
    for root in range(comm.size):
        obj = {"root": root} if comm.rank == root else None
        assert comm.bcast(obj, root=root) == {"root": root}
        buffer = np.full(1000, comm.rank)
        comm.Bcast(buffer, root=root)
        assert (buffer == root).all()


def check_scatter_and_gather(comm: Any) -> None:
    for root in range(comm.size):
        items = [f"for {r}" for r in range(comm.size)] if comm.rank == root else None
        mine = comm.scatter(items, root=root)
        assert mine == f"for {comm.rank}"
        gathered = comm.gather(mine, root=root)
        expected = [f"for {r}" for r in range(comm.size)] if comm.rank == root else None
        assert gathered == expected


def check_scatter_needs_an_item_for_every_rank(comm: Any) -> None:
    if comm.size == 1:
        with pytest.raises(ValueError, match="1"):
            comm.scatter([1, 2])


def check_alltoall(comm: Any) -> None:
    got = comm.alltoall([(comm.rank, r) for r in range(comm.size)])
    assert got == [(r, comm.rank) for r in range(comm.size)]


def check_reductions_in_rank_order(comm: Any) -> None:
    text = "".join(f"{r}," for r in range(comm.size))
    mine = f"{comm.rank},"
    assert comm.allreduce(mine) == text
    assert comm.allreduce(mine, op=lambda a, b: a + b) == text
    for root in range(comm.size):
        assert comm.reduce(mine, root=root) == (text if comm.rank == root else None)
    assert comm.allreduce(comm.rank, op=max) == comm.size - 1


def check_sums_are_the_same_bits_everywhere(comm: Any) -> None:
    total = comm.allreduce(0.1 * (comm.rank + 1) ** 3)
    assert len(set(comm.allgather(total.hex()))) == 1


def check_dup_is_another_world(comm: Any) -> None:
    other = comm.Dup()
    sends = [comm.isend("first", right(comm), 1), other.isend("second", right(comm), 1)]
    assert other.recv(source=left(comm), tag=1) == "second"
    assert comm.recv(source=left(comm), tag=1) == "first"
    for send in sends:
        send.wait()
    third = other.Dup()
    assert third.allgather(comm.rank) == list(range(comm.size))
    third.Free()
    other.Free()


def check_collectives_ignore_messages_of_the_user(comm: Any) -> None:
    receive = comm.irecv(source=names(comm).ANY_SOURCE, tag=names(comm).ANY_TAG)
    assert comm.allreduce(1) == comm.size
    comm.barrier()
    comm.send("user", right(comm), 0)
    assert receive.wait() == "user"


def check_barrier_holds_all(comm: Any) -> None:
    arrived = comm.isend(comm.rank, 0, 7)
    receives = [comm.irecv(source=r, tag=7) for r in range(comm.size)] if comm.rank == 0 else []
    comm.Barrier()
    if comm.rank == 0:
        assert [request.wait() for request in receives] == list(range(comm.size))
    arrived.wait()


def check_bad_buffers(comm: Any) -> None:
    with pytest.raises((TypeError, ValueError, BufferError)):
        comm.Send(np.zeros((4, 4))[:, 1], comm.rank)
    with pytest.raises((TypeError, ValueError, KeyError, NotImplementedError)):
        comm.Send(np.array([None]), comm.rank)


def checks(ranks: int = 1) -> list[Any]:
    """Return the checks; for many ranks without those of large messages, which would take long."""
    found = dict(globals())
    for module in _MODULES:
        found |= vars(module)
    kinds = ("check_big", "check_large") if ranks >= MANY else ()
    return [
        value
        for name, value in found.items()
        if name.startswith("check_") and not name.startswith(kinds)
    ]


def run_all(comm: Any) -> int:
    """Run all checks for so many ranks one after the other; return their number."""
    found = checks(comm.size)
    for check in found:
        check(comm)
        comm.Barrier()
    return len(found)


def _main(comm: Any) -> None:
    count = run_all(comm)
    if comm.rank == 0:
        print(f"{count} checks on {comm.size} ranks")


if __name__ == "__main__":
    sys.exit(mpi.guarded(_main))
