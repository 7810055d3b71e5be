"""Requests to stop: SIGTERM and SIGUSR1 to the command, to its group, before and in the loop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from parcompute.comm.mpiexec import mpi_library
from tests.helpers import kill_group, python, start
from tests.system.cli import launcher

pytestmark = pytest.mark.ahead(2)

START = 40.0  # seconds, on a busy machine
SOON = 5.0
APART = 0.7  # seconds between two SIGTERM that are not the same one
RANKS = {"serial": 1, "multiprocessing": 2, "mpi": 2, "mpiexec": 2}


def marked(*engines: str) -> list[object]:
    """Return the engines, marked where they need MPI."""
    return [
        pytest.param(engine, marks=[pytest.mark.mpi] if engine.startswith("mpi") else [])
        for engine in engines
    ]


@contextmanager
def at_work(folder: Path, engine: str, *words: str, until: str = "ready") -> Iterator[Popen[str]]:
    """Start ranks; go on when all of them have come as far as `until`."""
    program = python("-m", "tests.system.stopping", engine, str(folder), *words)
    process = start([*(launcher(2) if engine == "mpiexec" else []), *program])
    try:
        deadline = time.monotonic() + START
        while len(list(folder.glob(f"{until}-*"))) < RANKS[engine]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process
    finally:
        kill_group(process)


def end_of(process: Popen[str]) -> tuple[int, str, str]:
    """Return how a process has ended that is to end soon, and what it has printed."""
    out, err = process.communicate(timeout=SOON)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("engine", marked("serial", "multiprocessing", "mpi"))
def test_a_request_to_the_command_comes_to_the_ranks(tmp_path, engine, number):
    with at_work(tmp_path, engine) as process:
        process.send_signal(number)
        code, out, err = end_of(process)
    assert (code, err) == (85, "")
    name, count = out.split()
    assert name == number.name
    assert 1 <= int(count) <= RANKS[engine]


@pytest.mark.mpi
def test_a_request_to_mpiexec_comes_to_the_ranks(tmp_path):
    with at_work(tmp_path, "mpiexec") as process:
        process.send_signal(signal.SIGUSR1)
        code, out, err = end_of(process)
    assert code == 85, err
    assert out.split()[0] == "SIGUSR1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_request_to_the_whole_group(tmp_path, number):
    with at_work(tmp_path, "multiprocessing") as process:
        os.killpg(process.pid, number)
        code, out, err = end_of(process)
    assert (code, out.split()[0], err) == (85, number.name, "")


@pytest.mark.parametrize("engine", marked("serial", "multiprocessing", "mpi"))
def test_a_second_sigterm_ends_at_once(tmp_path, engine):
    with at_work(tmp_path, engine, "deaf") as process:
        process.terminate()
        time.sleep(APART)
        assert process.poll() is None
        process.terminate()
        code, out, _ = end_of(process)
    assert (code, out) == (143, "")
    assert_gone(tmp_path)


@pytest.mark.parametrize("engine", marked("multiprocessing", "mpi"))
def test_ctrl_c_ends_ranks_that_take_requests(tmp_path, engine):
    with at_work(tmp_path, engine, "stuck") as process:
        begin = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        code, _, _ = end_of(process)
        assert_gone(tmp_path)
    assert code == 130
    assert time.monotonic() - begin < (1.5 if engine == "multiprocessing" else SOON)


@pytest.mark.parametrize("engine", marked("serial", "multiprocessing", "mpi"))
def test_sigterm_before_the_loop_ends_at_once(tmp_path, engine):
    with at_work(tmp_path, engine, "late", until="pid") as process:
        process.terminate()
        code, out, _ = end_of(process)
    assert (code, out) == (143, "")
    assert_gone(tmp_path)


@pytest.mark.parametrize("engine", marked("serial", "multiprocessing", "mpi", "mpiexec"))
def test_sigusr1_before_the_loop_is_remembered(tmp_path, engine):
    with at_work(tmp_path, engine, "late", until="pid") as process:
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
        (tmp_path / "go").touch()
        code, out, err = end_of(process)
    assert code == 85, err
    assert out.split()[0] == "SIGUSR1"


def test_sigusr1_to_the_whole_group_while_ranks_are_started(tmp_path):
    """At any time: the fork server and the ranks have to live through it."""
    program = python("-m", "tests.system.stopping", "multiprocessing", str(tmp_path))
    process = start(program)
    try:
        while not Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            assert process.poll() is None, process.communicate()
            time.sleep(0.001)
        for _ in range(20):
            os.killpg(process.pid, signal.SIGUSR1)
            time.sleep(0.01)
        code, out, err = end_of(process)
    finally:
        kill_group(process)
    assert (code, out, err) == (85, "SIGUSR1 2\n", "")


@pytest.mark.mpi
def test_a_rank_inside_mpi_is_ended_by_the_second_sigterm_only(tmp_path):
    """But by the first under Open MPI, whose mpiexec sends it before it kills."""
    with at_work(tmp_path, "mpiexec", "stuck") as process:
        rank = int((tmp_path / "pid-0").read_text())
        os.kill(rank, signal.SIGTERM)
        if "Open MPI" not in mpi_library().version:
            time.sleep(2.5)
            assert process.poll() is None
            os.kill(rank, signal.SIGTERM)
        code, _, _ = end_of(process)
    assert code != 0
    assert_gone(tmp_path)


@pytest.mark.parametrize("engine", marked("multiprocessing", "mpi"))
def test_a_rank_that_fails_while_it_takes_requests_ends_the_job(tmp_path, engine):
    with at_work(tmp_path, engine, "broken") as process:
        (tmp_path / "go").touch()
        code, _, err = end_of(process)
    assert code == 1
    assert "ValueError: boom" in err
    assert_gone(tmp_path)


@pytest.mark.parametrize("engine", marked("multiprocessing", "mpi"))
def test_ranks_end_when_the_command_is_killed(tmp_path, engine):
    with at_work(tmp_path, engine) as process:
        process.kill()
        process.wait()
        assert_gone(tmp_path)


def assert_gone(folder: Path) -> None:
    """Assert that all ranks end soon."""
    deadline = time.monotonic() + SOON
    for file in folder.glob("pid-*"):
        while _is_alive(int(file.read_text())):
            assert time.monotonic() < deadline, file.name
            time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
