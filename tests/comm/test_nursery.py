"""The process from which ranks are forked leaves no trace in them, and none behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread

import pytest

from parcompute.comm.process.launching.job import launch
from parcompute.comm.process.launching.processes import interrupts_held
from parcompute.errors import ParcomputeError
from tests.comm import failing
from tests.helpers import kill_group, python, run, start
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


def test_folders_of_killed_jobs_are_removed(monkeypatch):
    place = Path(mkdtemp())  # a short name
    monkeypatch.setattr("tempfile.tempdir", str(place))
    pids = 2**31 - 1, 2**31 - 2, os.getpid()
    killed, starting, own = (place / f"parcompute-{pid}-x" for pid in pids)
    for folder in (killed, starting, own):
        folder.mkdir()
        (folder / "listener").touch()
    for folder in (killed, own):
        os.utime(folder, (0, time.time() - 3600))
    launch(failing.threads_of_parent, 1)
    assert [folder.exists() for folder in (killed, starting, own)] == [False, True, True]
    shutil.rmtree(place)


def test_interrupts_are_held_though_other_threads_take_them():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = Thread(target=time.sleep, args=(1,))
    thread.start()
    steps = []

    def start():
        with interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            steps.append("held")

    try:
        with pytest.raises(KeyboardInterrupt):
            start()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        thread.join()
    assert steps == ["held"]


@pytest.mark.parametrize("files", [12, 24, 40, 64])
def test_too_few_files_are_told_in_a_sentence(files):
    command = f"ulimit -n {files}; exec {sys.executable} -m parcompute exec -n 16 -c pass"
    done = run(["bash", "-c", command])
    assert done.returncode == 1
    assert "16 ranks cannot be started here ([Errno 24] Too many open files)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_nursery_is_told_in_a_sentence(monkeypatch):
    def killed(_):
        raise EOFError("unexpected EOF")  # as it comes if that happens while it starts ranks

    monkeypatch.setattr("multiprocessing.forkserver.read_signed", killed)
    with pytest.raises(ParcomputeError, match=r"^2 ranks cannot be started here \(unexpected EOF"):
        launch(failing.threads_of_parent, 2)


def test_what_parcompute_runs_is_imported_once_for_all_ranks():
    def imported(comm):
        return name in sys.modules

    name = imported.__module__ = "parcompute.run.driver"
    assert launch(imported, 2) == [True, True]
    imported.__module__ = __name__
    assert launch(imported, 2) == [False, False]
