"""Names of semaphores: short-lived, and removed by the next job where one was killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

import parcompute as pc
from tests import leftovers
from tests.comm import jobs
from tests.helpers import python, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev/shm")

KILLED = """
import os, signal
from parcompute.comm.process.transport.doorbells import doorbells
bells = doorbells(2)
os.killpg(0, signal.SIGKILL)  # the tracker of multiprocessing as well
"""


def test_the_next_job_removes_what_a_killed_one_left():
    before = leftovers.names()
    done = run(python("-c", KILLED))
    assert done.returncode == -signal.SIGKILL
    names = [name for name in leftovers.names() - before if "parcompute" in name]
    left = [Path("/dev/shm", n) for n in names if not leftovers.is_alive(int(n.split("-")[1]))]
    assert len(left) == 2
    os.utime(left[0], (0, time.time() - 3600))
    pc.launch(jobs.pid, 1)
    assert [path.exists() for path in left] == [False, True]  # the other may just be starting
    os.utime(left[1], (0, time.time() - 3600))
    pc.launch(jobs.pid, 1)
    assert not left[1].exists()


def test_no_names_once_the_ranks_have_begun():
    before = leftovers.names()
    with pc.Job(ranks=2) as job:
        job.run(jobs.pid)
        time.sleep(0.1)
        own = f"parcompute-{os.getpid()}-"
        assert not [name for name in leftovers.names() - before if own in name]
