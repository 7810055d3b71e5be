"""The process from which ranks are forked leaves no trace in them, and none behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from tempfile import mkdtemp

from parcompute.comm.process.launching.job import launch
from tests.comm import failing
from tests.helpers import kill_group, python, start
from tests.system.test_failures import alive


def test_ranks_draw_different_numbers():
    drawn = launch(failing.draw, 3)
    assert len({number for numbers in drawn for number in numbers}) == 6


def test_every_job_has_the_environment_of_its_start(monkeypatch):
    for colour in ("red", "green"):
        monkeypatch.setenv("COLOUR", colour)
        assert launch(failing.environment, 2, threads=2) == [("2", colour)] * 2
        assert launch(failing.environment, 2) == [("1", colour)] * 2


def test_the_process_has_one_thread():
    assert launch(failing.threads_of_parent, 2) == [1, 1]


def test_a_temporary_folder_with_a_long_name(tmp_path, monkeypatch):
    """Names of sockets have at most a hundred characters."""
    folder = tmp_path / ("a" * 100)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert launch(failing.threads_of_parent, 1) == [1]


def test_nothing_is_left_of_a_killed_program(tmp_path):
    """Not even of ranks that let no Python run."""
    temporary = mkdtemp()
    command = python("-m", "tests.comm.failing", "be stuck", tmp_path)
    process = start(command, env={"TMPDIR": temporary})
    try:
        deadline = time.monotonic() + 30
        while len(list(tmp_path.glob("pid-*"))) < 3:
            assert time.monotonic() < deadline, process.poll()
            time.sleep(0.02)
        Path(temporary).rmdir()  # it is empty
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while left := alive(tmp_path):
            assert time.monotonic() < deadline, left
            time.sleep(0.02)
    finally:
        kill_group(process)
        process.communicate()
