"""What every communicator does with single messages: status, probes, requests, buffer specs."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from tests.comm.common import left, names, right, status


def check_status_of_receives(comm: Any) -> None:
    mpi, told = names(comm), status(comm)
    send = comm.Isend(np.arange(3.0), right(comm), 6)
    comm.Recv(np.zeros(5), left(comm), 6, told)
    send.Wait()
    assert (told.Get_source(), told.Get_tag(), told.Get_error()) == (left(comm), 6, 0)
    assert (told.source, told.tag, told.error, told.count) == (left(comm), 6, 0, 24)
    assert (told.Get_count(), told.Get_count(mpi.BYTE), told.Get_count(mpi.DOUBLE)) == (24, 24, 3)
    assert told.Get_elements(mpi.INT) == 6
    assert not told.Is_cancelled()


def check_count_of_what_is_not_whole(comm: Any) -> None:
    mpi, told = names(comm), status(comm)
    send = comm.Isend(np.zeros(7, np.uint8), right(comm), 1)
    comm.Irecv(np.zeros(9, np.uint8), left(comm), 1).Wait(told)
    send.Wait()
    assert told.Get_count(mpi.DOUBLE) == mpi.UNDEFINED


def check_proc_null_everywhere(comm: Any) -> None:
    mpi, told, got = names(comm), status(comm), np.ones(2)
    null = mpi.PROC_NULL
    comm.Ssend(got, null)
    comm.ssend("nobody", null)
    comm.Sendrecv_replace(got, null, 0, null, 0, told)
    for receive in (comm.recv, comm.Probe, comm.probe, comm.Iprobe, comm.iprobe):
        told = status(comm)
        receive(source=null, status=told)
        assert (told.source, told.tag, told.count) == (null, mpi.ANY_TAG, 0)
    comm.Irecv(got, null).Wait(told)
    assert (told.source, told.tag, told.count) == (null, mpi.ANY_TAG, 0)
    assert comm.sendrecv("x", null, 0, None, null, 0) is None
    assert comm.irecv(source=null).wait() is None
    assert comm.mprobe(null).recv() is None
    comm.Mprobe(null).Recv(got)
    assert got.tolist() == [1, 1]


def check_probes(comm: Any) -> None:
    mpi = names(comm)
    for probe in (comm.Probe, comm.probe):
        send, told = comm.Isend(np.ones(4), right(comm), 5), status(comm)
        probe(mpi.ANY_SOURCE, mpi.ANY_TAG, told)
        assert (told.source, told.tag, told.Get_count(mpi.DOUBLE)) == (left(comm), 5, 4)
        got = np.zeros(told.Get_count(mpi.DOUBLE))
        comm.Recv(got, told.source, told.tag)
        send.Wait()
        assert got.tolist() == [1, 1, 1, 1]


def check_iprobe(comm: Any) -> None:
    for iprobe in (comm.Iprobe, comm.iprobe):
        told = status(comm)
        assert not iprobe(left(comm), 77, told)
        send = comm.isend("here", right(comm), 5)
        while not iprobe(left(comm), 5, told):
            pass
        assert (told.source, told.tag) == (left(comm), 5)
        assert comm.recv(source=left(comm), tag=5) == "here"
        send.wait()


def check_messages_taken_out(comm: Any) -> None:
    assert comm.improbe(left(comm), 77) is None
    sends = [comm.isend(k, right(comm), 5) for k in range(2)]
    first, told = comm.mprobe(left(comm), 5), status(comm)
    assert comm.recv(source=left(comm), tag=5) == 1
    assert first.recv(told) == 0
    assert (told.source, told.tag) == (left(comm), 5)
    sends.append(comm.Isend(np.arange(3), right(comm), 6))
    got = np.zeros(3, int)
    comm.Mprobe(left(comm), 6).Recv(got)
    assert got.tolist() == [0, 1, 2]
    sends.append(comm.isend("late", right(comm), 7))
    while (message := comm.improbe(left(comm), 7)) is None:
        pass
    assert message.irecv().wait() == "late"
    for send in sends:
        send.wait()


def check_synchronous_sends_wait_for_the_receive(comm: Any) -> None:
    if comm.size == 1:
        return
    if comm.rank == 0:
        start = time.monotonic()
        comm.ssend("a", 1, 3)
        comm.Ssend(np.ones(1), 1, 4)
        assert time.monotonic() - start > 0.1
    if comm.rank == 1:
        time.sleep(0.15)
        assert comm.recv(source=0, tag=3) == "a"
        comm.Recv(np.zeros(1), 0, 4)


def check_synchronous_sends_matched_in_another_order(comm: Any) -> None:
    sends = [comm.issend(tag, right(comm), tag) for tag in (1, 2)]
    sends.append(comm.Issend(np.zeros(1), right(comm), 3))
    comm.Barrier()
    assert not any(send.Test() for send in sends)
    comm.Barrier()
    assert comm.recv(source=left(comm), tag=2) == 2
    sends[1].Wait()
    assert not sends[0].Test()
    comm.Barrier()
    assert comm.mprobe(left(comm), 1).recv() == 1
    sends[0].Wait()
    comm.Recv(np.zeros(1), left(comm), 3)
    sends[2].Wait()


def check_synchronous_sends_into_posted_receives(comm: Any) -> None:
    got = np.zeros(1 << 17)
    receive = comm.Irecv(got, left(comm), 3)
    request = comm.Ssend_init(np.ones(1 << 17), right(comm), 3)
    for _ in range(2):
        request.Start()
        receive.Wait()
        request.Wait()
        assert got.all()
        got[:] = 0
        receive = comm.Irecv(got, left(comm), 3)
    comm.Barrier()
    receive.Cancel()
    receive.Wait()
    request.Free()


def check_sendrecv_replace(comm: Any) -> None:
    for count in (0, 3, 1 << 17):
        buffer, told = np.full(count, comm.rank), status(comm)
        comm.Sendrecv_replace(buffer, right(comm), 1, left(comm), 1, told)
        assert (buffer == left(comm)).all()
        assert (told.source, told.count) == (left(comm), 8 * count)


def check_cancelled_receives(comm: Any) -> None:
    got, told = np.zeros(1), status(comm)
    receive = comm.Irecv(got, left(comm), 3)
    receive.Cancel()
    receive.Wait(told)
    assert told.Is_cancelled()
    wild = comm.Irecv(got, names(comm).ANY_SOURCE, 3)
    wild.Cancel()
    wild.Wait()
    comm.Barrier()
    send = comm.Isend(np.ones(1), right(comm), 3)
    comm.Recv(got, left(comm), 3, told)
    send.Wait()
    assert got[0] == 1
    assert not told.Is_cancelled()


def _receives(comm: Any, count: int) -> tuple[list[Any], list[Any]]:
    """Return `count` receives of numbered objects, and the sends of which the last comes first."""
    receives = [comm.irecv(source=left(comm), tag=k) for k in range(count)]
    comm.Barrier()
    return receives, [comm.isend(f"n{k}", right(comm), k) for k in reversed(range(count))]


def check_wait_for_any(comm: Any) -> None:
    mpi = names(comm)
    receives, sends = _receives(comm, 3)
    seen = {}
    for _ in receives:
        told = status(comm)
        index, obj = mpi.Request.waitany(receives, told)
        seen[index] = obj
        assert told.tag == index
    assert seen == {0: "n0", 1: "n1", 2: "n2"}
    assert mpi.Request.Waitany(receives) == mpi.UNDEFINED
    assert mpi.Request.waitany(receives) == (mpi.UNDEFINED, None)
    assert mpi.Request.Testany(receives) == (mpi.UNDEFINED, True)
    mpi.Request.waitall(sends)


def check_wait_for_some(comm: Any) -> None:
    mpi = names(comm)
    receives, sends = _receives(comm, 4)
    seen = {}
    while (done := mpi.Request.waitsome(receives))[0] is not None:
        seen |= dict(zip(*done, strict=True))
    assert seen == {k: f"n{k}" for k in range(4)}
    assert mpi.Request.Waitsome(receives) is None
    assert mpi.Request.Testsome(receives) is None
    mpi.Request.Waitall(sends)


def check_wait_for_all(comm: Any) -> None:
    mpi = names(comm)
    receives, sends = _receives(comm, 3)
    told = [status(comm) for _ in receives]
    assert mpi.Request.waitall(receives, told) == ["n0", "n1", "n2"]
    assert [one.tag for one in told] == [0, 1, 2]
    assert mpi.Request.waitall(sends) == [None, None, None]


def check_test_all_and_any(comm: Any) -> None:
    mpi = names(comm)
    receives = [comm.irecv(source=left(comm), tag=k) for k in range(2)]
    comm.Barrier()
    assert mpi.Request.testall(receives) == (False, None)
    assert mpi.Request.testany(receives) == (mpi.UNDEFINED, False, None)
    assert mpi.Request.Testsome(receives) == []
    comm.Barrier()
    sends = [comm.isend(f"n{k}", right(comm), k) for k in range(2)]
    while not (done := mpi.Request.testall(receives))[0]:
        pass
    assert done == (True, ["n0", "n1"])
    assert mpi.Request.Testall(receives)
    mpi.Request.waitall(sends)


def check_requests_that_are_over(comm: Any) -> None:
    mpi, told = names(comm), status(comm)
    send = comm.isend("once", right(comm), 1)
    receive = comm.irecv(source=left(comm), tag=1)
    assert receive.wait() == "once"
    assert receive.wait(told) is None
    assert receive.test() == (True, None)
    assert (told.source, told.tag, told.count) == (mpi.ANY_SOURCE, mpi.ANY_TAG, 0)
    send.wait()


def check_status_without_completion(comm: Any) -> None:
    send, told = comm.isend("once", right(comm), 1), status(comm)
    receive = comm.irecv(source=left(comm), tag=1)
    while not receive.Get_status(told):
        pass
    assert (told.source, told.tag) == (left(comm), 1)
    assert receive.wait() == "once"
    send.wait()


def check_persistent_requests_one_by_one(comm: Any) -> None:
    mpi, got = names(comm), np.zeros(1)
    requests = [comm.Recv_init(got, left(comm), 3), comm.Send_init(np.ones(1), right(comm), 3)]
    assert mpi.Request.Waitany(requests) == mpi.UNDEFINED
    for _ in range(3):
        mpi.Prequest.Startall(requests)
        assert {mpi.Request.Waitany(requests), mpi.Request.Waitany(requests)} == {0, 1}
        assert mpi.Request.Waitany(requests) == mpi.UNDEFINED


def check_parts_of_buffers(comm: Any) -> None:
    mpi, data = names(comm), np.arange(8.0)
    specs = [
        ([data, mpi.DOUBLE], range(8)),
        ([data, "d"], range(8)),
        ([data, 3], range(3)),
        ([data, (3, 2)], range(2, 5)),
        ([data, 3, mpi.DOUBLE], range(3)),
        ([data, (3, 2), mpi.DOUBLE], range(2, 5)),
        ([data, 3, 2, mpi.DOUBLE], range(2, 5)),
        ((data, 3, 2, "d"), range(2, 5)),
        ([data, 0, 8, mpi.DOUBLE], range(0)),
        ([data.tobytes(), 2, 3, mpi.DOUBLE], range(3, 5)),
    ]
    for spec, expected in specs:
        got, told = np.full(8, -1.0), status(comm)
        comm.Sendrecv(spec, right(comm), 0, [got, mpi.DOUBLE], left(comm), 0, told)
        assert got[: told.Get_count(mpi.DOUBLE)].tolist() == list(expected)


def check_parts_to_receive_into(comm: Any) -> None:
    mpi, got = names(comm), np.zeros(5)
    comm.Sendrecv(np.ones(2), right(comm), 0, [got, 2, 1, mpi.DOUBLE], left(comm), 0)
    assert got.tolist() == [0, 1, 1, 0, 0]


def check_errors_have_a_class(comm: Any) -> None:
    mpi = names(comm)
    with pytest.raises(mpi.Exception) as caught:
        comm.Send(np.zeros(1), comm.size)
    assert caught.value.Get_error_class() == mpi.ERR_RANK
    with pytest.raises(mpi.Exception) as caught:
        comm.Send(np.zeros(1), comm.rank, -5)
    assert caught.value.Get_error_class() == mpi.ERR_TAG


def check_types_know_their_size(comm: Any) -> None:
    mpi = names(comm)
    sizes = {"BYTE": 1, "INT": 4, "DOUBLE": 8, "C_DOUBLE_COMPLEX": 16, "INT64_T": 8, "C_BOOL": 1}
    assert {name: getattr(mpi, name).Get_size() for name in sizes} == sizes
    assert mpi.DOUBLE_INT.Get_size() == 12
    assert mpi.DOUBLE_INT.Get_extent() == (0, 16)


def check_large_message_before_its_receive(comm: Any) -> None:
    sent = np.arange((9 << 20) // 8, dtype=np.int64) + comm.rank
    sends = [comm.Isend(sent, right(comm), 4), comm.isend(sent[::2], right(comm), 5)]
    comm.Barrier()
    found = status(comm)
    comm.Probe(left(comm), 4, found)
    assert found.Get_count() == sent.nbytes
    got = np.zeros_like(sent)
    message = comm.mprobe(left(comm), 5)
    comm.Recv(got, left(comm), 4)
    assert (got == sent - comm.rank + left(comm)).all()
    assert (message.recv() == got[::2]).all()
    type(sends[0]).waitall(sends)


def check_sends_of_other_modes(comm: Any) -> None:
    mpi = names(comm)
    room = mpi.Alloc_mem(9 << 20)
    mpi.Attach_buffer(room)
    receives = [comm.irecv(source=left(comm), tag=k) for k in range(2)]
    comm.bsend("buffered", right(comm), 0)
    comm.ibsend("at once", right(comm), 1).wait()
    assert [receive.wait() for receive in receives] == ["buffered", "at once"]
    got = np.zeros((4, 2))
    receives = [comm.Irecv(got[k], left(comm), k) for k in range(4)]
    comm.Barrier()
    data = np.ones(2)
    comm.Bsend(data, right(comm), 0)
    comm.Ibsend(data, right(comm), 1).Wait()
    data[:] = 2
    comm.Rsend(data, right(comm), 2)
    comm.Irsend(data, right(comm), 3).Wait()
    for receive in receives:
        receive.Wait()
    assert got[:, 0].tolist() == [1, 1, 2, 2]
    comm.Bsend(np.full(1 << 20, comm.rank), right(comm), 4)
    large = np.zeros(1 << 20, int)
    comm.Recv(large, left(comm), 4)
    assert (large == left(comm)).all()
    mpi.Detach_buffer()


def check_empty_messages_are_no_object(comm: Any) -> None:
    sends = [comm.Isend(np.zeros(0), right(comm), tag) for tag in (1, 2)]
    assert comm.recv(source=left(comm), tag=1) is None
    assert comm.irecv(source=left(comm), tag=2).wait() is None
    for send in sends:
        send.Wait()
