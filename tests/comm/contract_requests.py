"""What becomes of requests and messages once they are complete; bad buffers; ``None`` in place."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from tests.comm.common import left, names, right


def check_complete_requests_are_null(comm: Any) -> None:
    mpi = names(comm)
    for send, receive in (
        (comm.Isend(np.ones(2), right(comm), 1), comm.Irecv(np.zeros(2), left(comm), 1)),
        (comm.issend("x", right(comm), 2), comm.irecv(source=left(comm), tag=2)),
        (comm.Ibarrier(), comm.Iallreduce(np.ones(1), np.ones(1))),
    ):
        assert send
        assert receive
        assert receive != mpi.REQUEST_NULL
        mpi.Request.Waitall([send, receive])
        assert not send
        assert not receive
        assert receive == send == mpi.REQUEST_NULL


def check_persistent_requests_stay(comm: Any) -> None:
    mpi = names(comm)
    buf = np.ones(1)
    requests = [comm.Recv_init(buf, left(comm), 9), comm.Send_init(np.ones(1), right(comm), 9)]
    requests.append(comm.Send_init(np.ones(1), mpi.PROC_NULL))
    for _ in range(2):
        mpi.Prequest.Startall(requests)
        mpi.Request.Waitall(requests)
        assert all(requests)
    for request in requests:
        request.Free()
        assert request == mpi.REQUEST_NULL
        assert not request


def check_received_messages_are_none(comm: Any) -> None:
    send = comm.isend("x", right(comm), 3)
    message = comm.mprobe(left(comm), 3)
    assert message
    assert message.recv() == "x"
    assert not message
    send.wait()


def check_lists_of_statuses_grow(comm: Any) -> None:
    mpi = names(comm)
    receives = [comm.irecv(source=left(comm), tag=tag) for tag in (5, 6)]
    for tag in (5, 6):
        comm.isend(tag, right(comm), tag).wait()
    statuses: list[Any] = []
    assert mpi.Request.waitall(receives, statuses) == [5, 6]
    assert [told.tag for told in statuses] == [5, 6]
    receive, statuses = comm.Irecv(np.zeros(1), left(comm), 7), []
    comm.Isend(np.ones(1), right(comm), 7).Wait()
    assert mpi.Request.Waitsome([receive], statuses) == [0]
    assert [told.source for told in statuses] == [left(comm)]


def check_statuses_are_copied(comm: Any) -> None:
    mpi = names(comm)
    told = _received(comm)
    copy = mpi.Status(told)
    assert copy == told
    assert (copy.source, copy.tag, copy.count) == (left(comm), 4, 8)
    assert copy != mpi.Status()


def _received(comm: Any) -> Any:
    told = names(comm).Status()
    send = comm.Isend(np.ones(1), right(comm), 4)
    comm.Recv(np.zeros(1), left(comm), 4, told)
    send.Wait()
    return told


def check_foreign_byte_order_needs_a_datatype(comm: Any) -> None:
    mpi, foreign = names(comm), np.arange(3.0).astype(np.dtype("f8").newbyteorder())
    for call in (
        lambda: comm.Send(foreign, comm.rank),
        lambda: comm.Irecv(foreign, comm.rank),
        lambda: comm.Allreduce(np.ones(3), foreign),
        lambda: comm.Alltoall(np.zeros(comm.size), np.zeros(comm.size, foreign.dtype)),
    ):
        with pytest.raises(BufferError):
            call()
    got = np.zeros_like(foreign)
    send = comm.Isend([foreign, mpi.DOUBLE], right(comm))
    comm.Recv([got, mpi.DOUBLE], left(comm))
    send.Wait()
    assert got.tolist() == [0, 1, 2]


def check_counts_are_integers(comm: Any) -> None:
    data = np.zeros(4 * comm.size)
    for call in (
        lambda: comm.Isend([data, 2.5], comm.rank),
        lambda: comm.Isend([data, np.float64(2)], comm.rank),
        lambda: comm.Allgather(np.zeros(1), [data, 1.0]),
        lambda: comm.Allgatherv(np.zeros(1), [data, [1.0] * comm.size]),
        lambda: comm.Alltoallv([data, 4 / 2], [data, 2]),
    ):
        with pytest.raises(TypeError):
            call()


def check_none_is_in_place(comm: Any) -> None:
    mine, rank = np.zeros((comm.size, 2)), comm.rank
    mine[rank] = rank
    comm.Allgather(None, mine)
    expected = [[r, r] for r in range(comm.size)]
    assert mine.tolist() == expected
    rows = mine.copy()
    comm.Gather(None if rank == 0 else mine[rank], rows if rank == 0 else None)
    assert rows.tolist() == expected
    got = np.zeros(2)
    comm.Scatter(rows if rank == 0 else None, None if rank == 0 else got)
    assert got.tolist() == [rank, rank]
    total = np.full(1, 1.0)
    comm.Allreduce(None, total)
    assert total.tolist() == [comm.size]


def check_pickles_of_communicators(comm: Any) -> None:
    mpi = names(comm)
    for known in (mpi.COMM_WORLD, mpi.COMM_SELF, mpi.COMM_NULL):
        assert pickle.loads(pickle.dumps(known)) == known
    made = comm.Dup()
    with pytest.raises(ValueError, match=r"pickled|serialize"):
        pickle.dumps(made)
    made.Free()
