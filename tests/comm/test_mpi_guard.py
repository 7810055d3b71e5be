"""MPI: an exception on a rank ends the job with one report."""

from __future__ import annotations

import os
import time

import pytest

from parcompute.comm.mpiexec import mpiexec_command
from tests.helpers import kill_group, python, run, start

pytestmark = [pytest.mark.mpi, pytest.mark.ahead(2)]

ENDED = 20.0  # 5 s, and the start of Python and MPI on a busy machine
KILLED = 9  # Hydra's exit code if it sees the end of the ranks that it killed first


def _run(*arguments):
    begin = time.monotonic()
    done = run([*mpiexec_command(3), *python("-m", "tests.comm.failing", *arguments)])
    assert time.monotonic() - begin < ENDED
    return done


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("raise", 1, "ValueError: boom"),
        ("exit", 3, "SystemExit: 3"),
        ("config", 2, "error: r must be <= 0.25, got 0.3"),
    ],
)
def test_one_rank_fails(kind, code, words):
    done = _run("fail", kind)
    assert done.returncode in (code, KILLED)
    assert done.stderr.count("rank 1 of 3 failed") == 1
    assert done.stderr.count(words) == 1
    assert done.stderr.count("Traceback") == (kind != "config")


@pytest.mark.parametrize(
    ("kind", "code", "words"), [("config", 2, "got 0.3"), ("raise", 1, "ValueError: boom")]
)
def test_all_ranks_fail_together(kind, code, words):
    done = _run("fail_together", kind)
    assert done.returncode == code
    assert done.stderr.count(words) == 1
    assert "failed, the job" not in done.stderr
    assert "abort" not in done.stderr.lower().replace("job has been aborted", "")


def test_some_ranks_fail():
    done = _run("fail_everywhere_else")
    assert done.returncode in (1, KILLED)
    assert done.stderr.count("ValueError: from rank") == 1
    assert "from rank 1" in done.stderr


def test_sigterm_ends_ranks_that_wait_inside_mpi(tmp_path):
    command = python("-m", "tests.comm.failing", "wait_forever", str(tmp_path))
    process = start([*mpiexec_command(3), *command])
    try:
        deadline = time.monotonic() + 30
        while len(list(tmp_path.iterdir())) < 3:
            assert time.monotonic() < deadline, process.poll()
            time.sleep(0.02)
        time.sleep(0.2)
        process.terminate()
        process.communicate(timeout=ENDED)
        ranks = [int(path.name) for path in tmp_path.iterdir()]
        deadline = time.monotonic() + 5
        while any(map(_is_alive, ranks)):
            assert time.monotonic() < deadline, ranks
            time.sleep(0.02)
    finally:
        kill_group(process)
    assert process.returncode != 0


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
