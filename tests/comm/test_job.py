"""The handle of a job: lasting ranks, functions of scripts, order of calls."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import parcompute as pc
from tests.comm import jobs
from tests.helpers import python, run


@pytest.fixture(scope="module")
def lasting():
    with pc.Job(ranks=3) as job:
        yield job


def test_functions_run_in_turn_on_the_same_processes(lasting):
    pids = lasting.run(jobs.pid)
    assert pids == lasting.pids == lasting.run(jobs.pid)
    assert len(set(pids)) == 3
    assert lasting.is_alive()
    assert lasting.exitcodes == [None] * 3


def test_modules_keep_their_state(lasting):
    lasting.run(jobs.remember, "a")
    assert lasting.run(jobs.remember, "b") == [["a", "b"]] * 3


def test_messages_do_not_reach_the_next_function(lasting):
    lasting.run(jobs.leave_messages)
    assert lasting.run(jobs.sum_of_ranks) == [(3, False)] * 3


def test_large_message_whose_sender_finishes_first(lasting):
    assert lasting.run(jobs.send_large_and_return) == [None, 1 << 20, None]


def test_lambdas_and_closures(lasting):
    factor = 10
    assert lasting.run(lambda comm, x: factor * comm.rank + x, 5) == [5, 15, 25]


def multiplication(comm):
    rank = comm.rank
    return lambda x: rank * x


def test_functions_as_results(lasting):
    assert [multiply(2) for multiply in lasting.run(multiplication)] == [0, 2, 4]


def test_lambdas_as_messages(lasting):
    assert lasting.run(jobs.pass_lambdas) == [[0, 10, 20]] * 3


def test_results_of_a_function_wait_for_it():
    job = pc.Job(jobs.pid, ranks=2)
    assert (job.pids, job.is_alive(), job.exitcodes) == ([], False, [None, None])
    job.start()
    assert job.results() == job.pids == job.results()
    assert job.join()
    assert not job.is_alive()
    assert job.exitcodes == [0, 0]


def test_jobs_of_several_threads():
    with ThreadPoolExecutor(4) as pool:
        sums = pool.map(lambda ranks: pc.launch(jobs.sum_of_ranks, ranks), [2, 3] * 4)
    assert list(sums) == [[(1, False)] * 2, [(3, False)] * 3] * 4


def test_join_waits_no_longer_than_asked():
    job = pc.Job(jobs.wait_forever, ranks=2)
    job.start()
    assert not job.join(0.01)
    job.terminate()
    assert job.join(0)
    assert None not in job.exitcodes
    job.terminate()
    with pytest.raises(pc.ParcomputeError, match="before all ranks had a result"):
        job.results()


def test_terminated_ranks_run_their_finally_clauses(tmp_path):
    with pc.Job(jobs.tidy_up, ranks=2, args=(str(tmp_path),)) as job:
        while len(list(tmp_path.glob("began-*"))) < 2:
            time.sleep(0.01)
        job.terminate()
    assert len(list(tmp_path.glob("tidied-*"))) == 2


def test_failure_ends_a_lasting_job():
    job = pc.Job(ranks=2)
    with pytest.raises(pc.RankError, match="ValueError: no 1") as caught, job:
        job.run(jobs.fail_on_rank_1)
    assert caught.value.rank == 1
    assert "comm/process" not in str(caught.value)
    with pytest.raises(pc.ParcomputeError, match="has ended"):
        job.run(jobs.pid)


def test_death_of_an_idle_rank():
    job = pc.Job(ranks=2)
    job.start()
    job.run(jobs.pid)
    os.kill(job.pids[1], signal.SIGKILL)
    _await_end(job)
    with pytest.raises(pc.RankError, match="SIGKILL"):
        job.run(jobs.pid)


def test_failure_is_noticed_while_nobody_waits():
    job = pc.Job(jobs.fail_on_rank_1, ranks=2)
    job.start()
    _await_end(job)
    assert job.exitcodes == [-signal.SIGKILL, 1]
    with pytest.raises(pc.RankError, match="ValueError: no 1"):
        job.results()


def test_result_that_cannot_be_sent():
    with pytest.raises(pc.RankError, match=r"its result cannot be sent .*lock") as caught:
        pc.launch(lambda comm: threading.Lock(), ranks=2)
    assert "Traceback" not in str(caught.value)


def test_wrong_call_is_raised_with_its_line():
    with pytest.raises(RuntimeError, match="root must be in 0") as caught:
        pc.launch(lambda comm: comm.bcast(1, root=7), ranks=2)
    (note,) = caught.value.__notes__
    assert note.startswith("on rank 0:\n")
    assert "test_job.py" in note


def _await_end(job):
    deadline = time.monotonic() + 10  # 5 s, and the start on a busy machine
    while job.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda job: job.run(jobs.pid), "not been started"),
        (lambda job: job.results(), "not been started"),
        (lambda job: job.join(), "not been started"),
        (lambda job: pc.Job(ranks=0), "at least 1 rank"),
        (lambda job: pc.Job(ranks="4"), "whole number of ranks, got '4'"),
        (lambda job: pc.Job(ranks=2.0), "whole number of ranks, got 2.0"),
        (lambda job: pc.Job(ranks=True), "whole number of ranks, got True"),
        (lambda job: pc.Job(threads=0), "at least 1 thread, got 0"),
        (lambda job: pc.Job(env={"A": 1}), "variables as strings, got 'A': 1"),
        (lambda job: pc.launch(None, ranks=2), "expected a function"),
        (lambda job: pc.Job(jobs.pid, 2, args=3), "write args="),
        (lambda job: pc.Job(jobs.pid, 2, args="ab"), "write args="),
        (lambda job: pc.Job(ranks=2, args=(1,)), "args without a function"),
        (lambda job: pc.Job("no function", ranks=2), "expected a function"),
    ],
)
def test_misuse_before_the_start(misuse, words):
    with pytest.raises(pc.ParcomputeError, match=words) as caught:
        misuse(pc.Job(ranks=1))
    assert "\n" not in str(caught.value)


def test_misuse_after_the_start(lasting):
    with pytest.raises(pc.ParcomputeError, match="started already"):
        lasting.start()
    with pytest.raises(pc.ParcomputeError, match="no function of its own"):
        lasting.results()
    with pc.Job(jobs.pid, ranks=1) as job, pytest.raises(pc.ParcomputeError, match="of its own"):
        job.run(jobs.pid)


def test_ranks_cannot_start_ranks(lasting):
    words = "a rank cannot start ranks, and this process is rank 1 of 3"
    assert words in lasting.run(jobs.start_ranks)[1]


SCRIPT = """
import sys
import parcompute as pc

class Point:
    def __init__(self, x):
        self.x = x

def shift(comm, point):
    comm.send(Point(point.x + comm.rank), (comm.rank + 1) % comm.size)
    got = comm.recv()
    assert isinstance(got, Point)
    return got

def keep(comm):
    global kept
    kept = comm.rank

def kept_plus(comm, n):
    return kept + n

points = pc.launch(shift, 2, (Point(5),))
assert all(isinstance(point, Point) for point in points)
with pc.Job(ranks=2) as job:
    job.run(keep)
    print([point.x for point in points], job.run(kept_plus, 10), job.run(lambda comm: comm.size))
"""


@pytest.mark.ahead(2)
def test_script_without_a_main_guard(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run(python("script.py"), cwd=tmp_path, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[6, 5] [10, 11] [2, 2]\n", "")


@pytest.mark.ahead(2)
def test_program_from_standard_input(tmp_path):
    (tmp_path / "text").write_text(SCRIPT)
    done = run(["sh", "-c", f"{python()[0]} - < text"], cwd=tmp_path, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[6, 5] [10, 11] [2, 2]\n", "")


RECURSIVE = """
import parcompute as pc

def rank(comm):
    return comm.rank

print(pc.launch(rank, 2))
"""


@pytest.mark.ahead(2)
def test_module_that_starts_ranks_when_imported(tmp_path):
    (tmp_path / "recursive.py").write_text(RECURSIVE)
    done = run(python("-c", "import recursive"), cwd=tmp_path, timeout=20)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("parcompute.errors.ConfigError: ")
    assert "recursive.py, line 7, starts ranks whenever it is imported" in last
    assert '`if __name__ == "__main__":`' in last


@pytest.mark.ahead(2)
@pytest.mark.parametrize("end", ["", "job.run(print)\n", "raise SystemExit(3)\n"])
def test_ranks_end_with_the_program_that_started_them(tmp_path, end):
    start = "import parcompute as pc\njob = pc.Job(ranks=2)\njob.start()\nprint(*job.pids)\n"
    (tmp_path / "script.py").write_text(start + end)
    done = run(python("script.py"), cwd=tmp_path, timeout=20)
    assert done.returncode == (3 if "3" in end else 0), done.stderr
    for pid in done.stdout.splitlines()[0].split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
