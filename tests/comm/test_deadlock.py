"""The process engine never hangs: deadlocks and mismatched calls are found, nothing else is."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import re
import time

import pytest

from parcompute.comm import launch
from parcompute.comm.serial import serial
from parcompute.errors import CollectiveMismatchError, DeadlockError
from tests.comm import stuck
from tests.helpers import python, run

pytestmark = pytest.mark.ahead(3)

START = 5.0  # seconds that a few ranks may take to start on a busy machine
FOUND = 5.0  # seconds that a deadlock may last

DEADLOCKS = [
    (
        stuck.ring,
        2,
        "rank 0 waits in Recv(source=1, tag=7) at @a",
        "rank 1 waits in Recv(source=0, tag=7) at @a",
    ),
    (
        stuck.objects,
        2,
        "rank 0 waits in recv(source=1, tag=ANY_TAG) at @a",
        "rank 1 waits in recv(source=ANY_SOURCE, tag=ANY_TAG) at @b",
    ),
    (
        stuck.wrong_tag,
        2,
        "rank 1 waits in recv(source=0, tag=7) at @a; not received: (source=0, tag=8)",
    ),
    (
        stuck.flood,
        2,
        "rank 0 waits in Barrier() at @a (collective call number 3001 of the communicator)",
        "rank 1 waits in Barrier() at @a (collective call number 1 of the communicator)",
    ),
    (stuck.sends, 2, "rank 0 waits in ssend(dest=1, tag=3) at @a"),
    (
        stuck.big_sends,
        2,
        "rank 1 waits in Recv(source=0, tag=2) at @a; not received: (source=0, tag=1)",
    ),
    (
        stuck.big_send_to_one_that_returned,
        3,
        "rank 0 waits in Send(dest=1, tag=5) at @a",
        "ranks 1-2 have returned",
    ),
    (stuck.one_request, 2, "rank 0 waits in wait() of Irecv(source=1, tag=4) at @a"),
    (stuck.all_requests, 2, "rank 1 waits in Waitall() of Irecv(source=0, tag=8) at @a"),
    (
        stuck.any_request,
        2,
        "rank 1 waits in waitany() of Irecv(source=0, tag=8) or Irecv(source=0, tag=9) at @a",
    ),
    (stuck.probe, 3, "ranks 0-2 wait in Probe(source=ANY_SOURCE, tag=2) at @a"),
    (
        stuck.barrier_without_one,
        3,
        "rank 0 waits in recv(source=1, tag=6) at @a",
        "ranks 1-2 wait in Barrier() at @b",
    ),
    (
        stuck.barrier_started,
        2,
        "rank 0 waits in recv(source=1, tag=6) at @a",
        "rank 1 waits in Wait() at @c for Barrier() at @b",
    ),
    (stuck.duplicate, 2, "rank 1 waits in Dup() at @b"),
    (stuck.create_group, 2, "rank 1 waits in Create_group() at @b"),
    (stuck.in_duplicate, 2, "rank 1 waits in recv(source=0, tag=6) at @a"),
    (
        stuck.two_while_one_computes,
        3,
        "rank 0 waits in recv(source=1, tag=ANY_TAG) at @a",
        "rank 1 waits in recv(source=0, tag=ANY_TAG) at @a",
    ),
    (
        stuck.one_returns,
        3,
        "rank 0 waits in recv(source=1, tag=ANY_TAG) at @a",
        "rank 1 has returned",
    ),
    (stuck.barrier_of_those_left, 3, "rank 0 has returned", "ranks 1-2 wait in Barrier() at @a"),
    (stuck.waits_for_itself, 2, "rank 0 waits in recv(source=0, tag=1) at @a"),
]

MISMATCHES = [
    (
        stuck.different_calls,
        3,
        "rank 0 called bcast(root=0) at @a",
        "ranks 1-2 called Barrier() at @b",
    ),
    (
        stuck.different_calls_of_a_thousand,
        2,
        "rank 0 called allgather() at @a",
        "rank 1 called Barrier() at @b",
    ),
    (
        stuck.different_operations,
        2,
        "rank 0 called allreduce(min) at @a",
        "rank 1 called allreduce(max) at @a",
    ),
    (stuck.roots_of_the_other, 2, "rank 0 called bcast(root=1) at @a"),
    (stuck.roots_of_both, 2, "rank 1 called bcast(root=1) at @a"),
    (stuck.roots_then_a_barrier, 2, "rank 1 called bcast(root=1) at @a"),
    (
        stuck.different_sizes,
        2,
        "rank 0 called Allreduce(24 bytes, SUM) at @a",
        "rank 1 called Allreduce(32 bytes, SUM) at @a",
    ),
    (
        stuck.different_sizes_of_bcast,
        2,
        "rank 0 called Bcast(root=0, 24 bytes) at @a",
        "rank 1 called Bcast(root=0, 32 bytes) at @a",
    ),
    (stuck.left_out, 2, "rank 0 called bcast(root=0) at @a", "rank 1 returned without that call"),
    (
        stuck.in_one_of_two,
        2,
        "rank 0 called gather(root=0) at @a",
        "rank 1 called scatter(root=0) at @b",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def _nothing_left():
    yield
    assert multiprocessing.active_children() == []


def _error(kind, function, ranks):
    begin = time.monotonic()
    with pytest.raises(kind) as caught:
        launch(function, ranks)
    assert time.monotonic() - begin < START + FOUND
    assert type(caught.value) is kind
    return str(caught.value)


def _placed(function, sentence):
    """Return the sentence with file and line in the place of a mark."""
    return re.sub("@(.)", lambda match: _place(function, match[1]), sentence)


def _place(function, mark):
    lines, start = inspect.getsourcelines(function)
    line = start + next(i for i, text in enumerate(lines) if text.endswith(f"# {mark}\n"))
    return f"{os.path.relpath(stuck.__file__)}:{line}"


@pytest.mark.parametrize("case", DEADLOCKS, ids=lambda case: case[0].__name__)
def test_deadlock(case):
    function, ranks, *sentences = case
    lines = _error(DeadlockError, function, ranks).splitlines()
    assert {_placed(function, sentence) for sentence in sentences} <= set(lines)


@pytest.mark.parametrize("case", MISMATCHES, ids=lambda case: case[0].__name__)
def test_mismatched_collectives(case):
    function, ranks, *sentences = case
    message = _error(CollectiveMismatchError, function, ranks)
    for sentence in sentences:
        assert _placed(function, sentence) in message


def test_only_rank():
    with pytest.raises(DeadlockError) as caught:
        stuck.alone(serial())
    assert _placed(stuck.alone, "waits in recv(source=0, tag=7) at @a") in str(caught.value)


def test_ranks_that_do_the_same_are_one_line():
    message = _error(DeadlockError, stuck.barrier_without_one, 12)
    line = _placed(stuck.barrier_without_one, "ranks 1-11 wait in Barrier() at @b")
    assert line in message.splitlines()


@pytest.mark.parametrize(
    "function",
    [
        stuck.slow_reader_of_much,
        stuck.stopped_writer,
        stuck.stopped_reader,
        stuck.waits_in_a_thread,
        stuck.polls,
        stuck.returns_early,
        stuck.barriers_in_any_order,
        stuck.calls_on_many_lines,
        stuck.calls_in_a_folder_that_is_gone,
    ],
)
def test_no_false_alarm(function):
    assert launch(function, 2) == [stuck.BIG] * 2


def test_no_false_alarm_among_many_slow_ranks():
    ranks = 8
    assert launch(stuck.sleeps_between_messages, ranks) == [4 + 4 * ranks] * ranks


SCRIPT = """
from parcompute.comm import launch
from tests.comm import stuck

if __name__ == "__main__":
    launch(stuck.ring, 2)
"""


def test_exit_code_of_a_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = run(python(script))
    assert done.returncode == 1
    assert done.stderr.count("DeadlockError") == 1


def test_name_of_a_file_that_is_no_text(tmp_path):
    script = os.fsencode(tmp_path) + b"/caf\xe9.py"
    with open(script, "w") as file:
        file.write("from parcompute import MPI\nMPI.COMM_WORLD.bcast(1, MPI.COMM_WORLD.rank)\n")
    done = run(python("-m", "parcompute", "exec", "-n", "2", os.fsdecode(script)))
    assert done.returncode == 1
    assert "caf?.py:2" in done.stderr
