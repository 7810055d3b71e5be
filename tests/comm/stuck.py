"""What ranks do in the tests of deadlocks; each returns only if nothing is wrong.

A comment ``# a``, ``# b`` marks the lines that an error has to name.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from parcompute.comm.process.messages.requests import Request

LONG = 60.0  # seconds: no test waits for it
WHILE = 0.9  # seconds: several looks at the ranks
BIG = 6_000_000  # bytes: many times what a ring takes


def ring(comm: Any) -> None:
    comm.Recv(np.zeros(3), source=(comm.rank + 1) % comm.size, tag=7)  # a


def wrong_tag(comm: Any) -> None:
    comm.isend("x", 1 - comm.rank, tag=8)
    comm.recv(source=1 - comm.rank, tag=7)  # a


def objects(comm: Any) -> None:
    if comm.rank == 0:
        comm.recv(source=1)  # a
    comm.recv()  # b


def sends(comm: Any) -> None:
    comm.ssend("x", 1 - comm.rank, 3)  # a


def big_sends(comm: Any) -> None:
    comm.Send(np.zeros(BIG, np.uint8), 1 - comm.rank, 1)
    comm.Recv(np.zeros(BIG, np.uint8), 1 - comm.rank, 2)  # a


def big_send_to_one_that_returned(comm: Any) -> None:
    if comm.rank == 0:
        comm.Send(np.zeros(BIG, np.uint8), 1, 5)  # a


def one_request(comm: Any) -> None:
    request = comm.irecv(source=1 - comm.rank, tag=4)
    request.wait()  # a


def all_requests(comm: Any) -> None:
    requests = [comm.Irecv(np.zeros(1), source=1 - comm.rank, tag=tag) for tag in (8, 9)]
    Request.Waitall(requests)  # a


def any_request(comm: Any) -> None:
    requests = [comm.irecv(source=1 - comm.rank, tag=tag) for tag in (8, 9)]
    Request.waitany(requests)  # a


def probe(comm: Any) -> None:
    comm.Probe(tag=2)  # a


def barrier_without_one(comm: Any) -> None:
    if comm.rank == 0:
        comm.recv(source=1, tag=6)  # a
    comm.Barrier()  # b


def barrier_started(comm: Any) -> None:
    if comm.rank == 0:
        comm.recv(source=1, tag=6)  # a
    request = comm.Ibarrier()  # b
    request.Wait()  # c


def duplicate(comm: Any) -> None:
    if comm.rank == 0:
        comm.recv(source=1, tag=6)  # a
    comm.Dup()  # b


def create_group(comm: Any) -> None:
    if comm.rank == 0:
        comm.Barrier()  # a
    comm.Create_group(comm.Get_group())  # b


def in_duplicate(comm: Any) -> None:
    comm.Dup().recv(source=1 - comm.rank, tag=6)  # a


def two_while_one_computes(comm: Any) -> None:
    if comm.rank == 2:
        time.sleep(LONG)
    comm.recv(source=1 - comm.rank)  # a


def one_returns(comm: Any) -> None:
    if comm.rank == 0:
        comm.recv(source=1)  # a
    if comm.rank == 2:
        time.sleep(LONG)


def barrier_of_those_left(comm: Any) -> None:
    if comm.rank > 0:
        comm.Barrier()  # a


def waits_for_itself(comm: Any) -> None:
    if comm.rank == 0:
        comm.recv(source=0, tag=1)  # a
    time.sleep(LONG)


def different_calls(comm: Any) -> None:
    if comm.rank == 0:
        for other in range(1, comm.size):
            comm.recv(source=other)
        time.sleep(0.2)  # all others have called it
        comm.bcast("x", root=0)  # a
    else:
        comm.send("next comes the barrier", 0)
        comm.Barrier()  # b


def different_calls_of_a_thousand(comm: Any) -> None:
    for step in range(1000):
        comm.allreduce(step)
    if comm.rank == 0:
        comm.allgather(0)  # a
    else:
        comm.Barrier()  # b


def different_operations(comm: Any) -> None:
    comm.allreduce(1.0, op=max if comm.rank else min)  # a


def roots_of_both(comm: Any) -> None:
    comm.bcast("x", root=comm.rank)  # a


def roots_of_the_other(comm: Any) -> None:
    comm.bcast("x", root=1 - comm.rank)  # a


def roots_then_a_barrier(comm: Any) -> None:
    comm.bcast("x", root=comm.rank)  # a
    comm.Barrier()


def different_sizes(comm: Any) -> None:
    data = np.ones(3 + comm.rank)
    comm.Allreduce(data, np.empty_like(data))  # a


def different_sizes_of_bcast(comm: Any) -> None:
    comm.Bcast(np.ones(3 + comm.rank))  # a


def left_out(comm: Any) -> None:
    comm.Barrier()
    if comm.rank == 0:
        comm.bcast("x", root=0)  # a


def in_one_of_two(comm: Any) -> None:
    duplicate = comm.Dup()
    if comm.rank == 0:
        duplicate.gather(1, root=0)  # a
    duplicate.scatter([1, 2], root=0)  # b


def flood(comm: Any) -> None:
    """Rank 0 is far ahead when it waits at last."""
    if comm.rank == 0:
        for _ in range(3000):
            comm.bcast("x", root=0)
    comm.Barrier()  # a


def alone(comm: Any) -> None:
    comm.recv(source=0, tag=7)  # a


def sleeps_between_messages(comm: Any) -> int:
    """Ranks that compute for any time, more than there are cores, and one that never rests."""
    dice = random.Random(comm.rank)
    got = 0
    for _ in range(4):
        if comm.rank == 1:
            _compute(dice.uniform(0, 1))
        else:
            time.sleep(dice.choice([0, 0.01, 0.2, 1.2]))
        got += comm.sendrecv(1, (comm.rank + 1) % comm.size, source=(comm.rank - 1) % comm.size)
        got += comm.allreduce(1)
    return got


def _compute(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def slow_reader_of_much(comm: Any) -> int:
    data = np.zeros(10 * BIG, np.uint8)
    if comm.rank == 0:
        comm.Send(data, 1)
        return BIG
    time.sleep(WHILE)
    comm.Recv(data, 0)
    return BIG


def stopped_writer(comm: Any) -> int:
    """Rank 1 stops rank 0 in the middle of a message, and reads all that is there."""
    if comm.rank == 0:
        comm.send(os.getpid(), 1)
        comm.Send(np.ones(BIG, np.uint8), 1)
        return BIG
    pid = comm.recv(source=0)
    time.sleep(0.3)  # rank 0 waits for space, and says so
    return _with_stopped(pid, lambda: _received(comm))


def stopped_reader(comm: Any) -> int:
    """Rank 1 stops rank 0, sends to it, and waits for the answer."""
    if comm.rank == 0:
        comm.send(os.getpid(), 1)
        comm.send(2 * comm.recv(source=1), 1)
        return BIG
    pid = comm.recv(source=0)
    time.sleep(0.3)  # rank 0 waits, and says so
    return _with_stopped(pid, lambda: comm.sendrecv(BIG // 2, 0, source=0))


def _received(comm: Any) -> int:
    data = np.zeros(BIG, np.uint8)
    comm.Recv(data, 0)
    return int(data.sum())


def _with_stopped(pid: int, function: Any) -> Any:
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(WHILE, os.kill, (pid, signal.SIGCONT))
    timer.start()
    result = function()
    timer.join()
    return result


def waits_in_a_thread(comm: Any) -> int:
    """Wait in one thread while the main one computes."""
    with ThreadPoolExecutor(1) as pool:
        if comm.rank == 0:
            future = pool.submit(comm.recv, source=1)
            time.sleep(WHILE)
            return int(future.result())
        time.sleep(WHILE)
        pool.submit(comm.send, BIG, 0).result()
    return BIG


def polls(comm: Any) -> int:
    if comm.rank == 0:
        while not comm.Iprobe(source=1):
            time.sleep(0.01)
        return int(comm.recv(source=1))
    time.sleep(WHILE)
    comm.send(BIG, 0)
    return BIG


def returns_early(comm: Any) -> int:
    """Rank 0 has returned long before its messages are received."""
    if comm.rank == 0:
        comm.Isend(np.ones(BIG, np.uint8), 1)
        return BIG
    time.sleep(WHILE)
    data = np.zeros(BIG, np.uint8)
    comm.Recv(data, 0)
    return int(data.sum())


def barriers_in_any_order(comm: Any) -> int:
    """Begin calls of different communicators in an order of its own."""
    pair = [comm.Dup(), comm.Dup()]
    for request in [other.Ibarrier() for other in (pair if comm.rank == 0 else pair[::-1])]:
        request.Wait()
    time.sleep(WHILE if comm.rank == 0 else 0)
    comm.Barrier()
    return BIG


def calls_on_many_lines(comm: Any) -> int:
    """Make hardly any call twice on the same line and communicator."""
    other = comm
    for _ in range(400):
        other = other.Dup()
        other.allgather(0)
        other.allreduce(0)
        other.Barrier()
        time.sleep(0.003)
    time.sleep(WHILE if comm.rank == 0 else 0)
    other.Barrier()
    return BIG


def calls_in_a_folder_that_is_gone(comm: Any) -> int:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    time.sleep(WHILE if comm.rank == 0 else 0)
    comm.Barrier()
    return int(comm.sendrecv(BIG, 1 - comm.rank, source=1 - comm.rank))
