"""Reading the memory of another process."""

from __future__ import annotations

import os
import signal
import time
from threading import Timer

import numpy as np
import pytest

from parcompute.comm.process.launching.job import launch
from parcompute.comm.process.transport.remote import Reader, address_of, directory_bytes
from parcompute.errors import RankError


@pytest.fixture
def directory():
    return memoryview(bytearray(directory_bytes(3)))


def test_reads_what_is_at_an_address(directory):
    reader = Reader(directory, 1)
    target = bytearray(5)
    reader.read(1, address_of(memoryview(b"large message")), memoryview(target))
    assert target == b"large"


def test_a_rank_that_has_not_yet_come_is_waited_for(directory):
    readers = []
    Timer(0.1, lambda: readers.append(Reader(directory, 2))).start()
    assert Reader(directory, 0).reaches(2) == Reader(directory, 0).reaches(0)
    assert readers


def test_a_process_that_cannot_be_read_is_not_reached(directory):
    reader = Reader(directory, 0)
    Reader(directory, 2)
    directory.cast("Q")[4] = 2**31 - 1  # no such process
    assert not reader.reaches(2)


def test_memory_that_is_not_there(directory):
    reader = Reader(directory, 2)
    with pytest.raises(OSError, match="memory of rank 2 cannot be read"):
        reader.read(2, 8, memoryview(bytearray(1)))


def _everyone_reaches_everyone(comm):
    comm.barrier()
    return all(comm._engine.reads_from(peer) for peer in range(comm.size) if peer != comm.rank)


def test_ranks_of_a_job_reach_each_other_where_the_system_permits_it(directory):
    permitted = Reader(directory, 0).reaches(0)
    assert launch(_everyone_reaches_everyone, ranks=3) == [permitted] * 3


def _reads_from_one_that_ends(comm):
    data = np.zeros(20 << 20, np.uint8)
    if comm.rank == 1:
        comm.Isend(data, 0)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    comm.Recv(data, 1)


def test_the_rank_that_was_killed_is_named():
    """Not the one that wanted to read its memory."""
    with pytest.raises(RankError, match=r"rank 1 failed.*\nkilled by SIGKILL"):
        launch(_reads_from_one_that_ends, ranks=2)
