"""The process engine: launching ranks, and what happens when one of them fails."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import nullcontext

import pytest

from parcompute.comm.process.launching.job import launch
from parcompute.comm.process.transport.remote import Reader, directory_bytes
from parcompute.errors import (
    ConfigError,
    DeadlockError,
    DivergenceError,
    ParcomputeError,
    RankError,
)
from tests.comm import failing
from tests.helpers import kill_group, python, run, start

START = 10.0  # seconds that ranks may take to begin, on a busy machine
SOON = 5.0
SCRIPT = """
from parcompute.comm import launch

def ten_times(comm):
    return 10 * comm.rank

if __name__ == "__main__":
    print(launch(ten_times, 2))
"""


@pytest.fixture(autouse=True)
def _in_time_and_clean():
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < START + SOON
    assert multiprocessing.active_children() == []


def test_results_come_by_rank_with_arguments():
    assert launch(failing.take, 2, ("a", [1, 2])) == [("a", [1, 2])] * 2


def test_large_arguments_and_results():
    payload = b"x" * (3 << 20)
    assert launch(failing.take, 2, (payload,)) == [(payload,)] * 2


def test_environment_is_set_before_the_rank_starts_and_restored():
    before = dict(os.environ)
    assert launch(failing.environment, 1, threads=3, env={"COLOUR": "red"}) == [("3", "red")]
    assert dict(os.environ) == before


def test_ranks_import_little():
    loaded = launch(failing.modules, 1)[0]
    assert not {"numba", "hydra", "matplotlib", "h5py", "mpi4py", "pytest"} & set(loaded)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_named_memory_while_ranks_run():
    for files in launch(failing.shared_files, 2):
        assert len(files) >= 2
        assert all(line.endswith("(deleted)") for line in files)


@pytest.mark.parametrize("nbytes", [1000, 1 << 18, 7_000_001])
def test_both_may_send_first(nbytes):
    assert launch(failing.both_send_first, 2, (nbytes,)) == [(2, 2), (1, 1)]


def test_both_may_not_send_first_what_is_read_from_the_sender():
    permitted = Reader(memoryview(bytearray(directory_bytes(1))), 0).reaches(0)
    stuck = pytest.raises(DeadlockError, match=r"rank 1 waits in Send\(dest=0, tag=0\)")
    with stuck if permitted else nullcontext():
        launch(failing.both_send_first, 2, (9_000_001,))


def test_message_that_nobody_receives_does_not_keep_the_job():
    assert launch(failing.send_to_nobody, 2) == [0, 1]


def test_ranks_leave_interrupts_to_the_supervisor():
    assert launch(failing.interrupt_itself, 1) == ["still here"]


def test_exit_handlers_run_in_ranks(tmp_path):
    launch(failing.leave_a_file_at_exit, 1, (str(tmp_path / "left"),))
    assert (tmp_path / "left").exists()


def test_functions_of_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = run(python(script))
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 10]\n", "")


def test_messages_outlive_their_sender():
    assert launch(failing.send_and_leave, 2) == [0, 1 << 17]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("raise", "ValueError: boom"),
        ("exit", r"sys\.exit\(3\)"),
        ("vanish", "exit code 7"),
        ("kill", "SIGKILL"),
    ],
)
def test_one_rank_fails(kind, words):
    with pytest.raises(RankError, match=words) as caught:
        launch(failing.fail, 3, (kind,))
    assert caught.value.rank == failing.CULPRIT


@pytest.mark.parametrize("function", [failing.fail, failing.fail_together])
@pytest.mark.parametrize(("kind", "error"), [("config", ConfigError), ("diverge", DivergenceError)])
def test_errors_on_purpose_travel_as_themselves(function, kind, error):
    with pytest.raises(error) as caught:
        launch(function, 3, (kind,))
    assert type(caught.value) is error


def test_the_lowest_failing_rank_is_named():
    with pytest.raises(RankError, match="from rank 1") as caught:
        launch(failing.fail_everywhere_else, 3)
    assert caught.value.rank == 1


def test_abort():
    with pytest.raises(RankError, match=r"Abort\(5\)"):
        launch(failing.abort, 2)


def test_failure_while_unpickling_in_the_rank():
    with pytest.raises(RankError, match="no such luck"):
        launch(failing.take, 2, (failing.Unloadable(),))


def test_result_that_cannot_be_pickled():
    with pytest.raises(RankError, match="pickle"):
        launch(failing.unpicklable, 2)


def test_arguments_that_cannot_be_pickled():
    with pytest.raises(ConfigError, match="other processes"):
        launch(failing.take, 2, (threading.Lock(),))


def test_no_ranks():
    with pytest.raises(ConfigError, match=r"backend\.ranks"):
        launch(failing.take, 0)


def test_errors_are_errors_of_parcompute():
    with pytest.raises(ParcomputeError):
        launch(failing.fail, 2, ("raise",))


def _supervised(folder):
    """Start a supervisor whose two ranks wait forever; return it and their process ids."""
    process = start(python("-m", "tests.comm.failing", "supervise", folder))
    deadline = time.monotonic() + START
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)
    return process, [int(file.name) for file in folder.iterdir()]


def _gone(pids):
    deadline = time.monotonic() + SOON
    while any(_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_interrupt_from_the_terminal(tmp_path):
    process, ranks = _supervised(tmp_path)
    try:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C: to the ranks too
        _, err = process.communicate(timeout=SOON)
        assert err.count("Traceback") == 1
        assert err.rstrip().endswith("KeyboardInterrupt")
        assert _gone(ranks)
    finally:
        kill_group(process)


def test_no_orphans_when_the_supervisor_is_killed(tmp_path):
    process, ranks = _supervised(tmp_path)
    try:
        process.kill()
        process.wait()
        assert _gone(ranks)
    finally:
        kill_group(process)
        process.communicate()
