"""Every way in which a job of processes can end badly: soon, with one message, without a trace."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests import leftovers
from tests.helpers import kill_group, python, run, start

pytestmark = pytest.mark.ahead(2)

START = 30.0  # seconds that ranks may take to begin, on a busy machine
SOON = 5.0
RANKS = 3
BEGIN = """
import os, signal, sys, time
import pathlib
from parcompute.comm.process.communicators.world import world

comm = world()
others = [rank for rank in range(comm.size) if rank != 1]

class Unloadable:
    def __reduce__(self):
        return int, ("no number",)

def main():
    comm.barrier()
    print("rank", comm.rank, "begins")
    pathlib.Path(f"{comm.rank}.pid").write_text(str(os.getpid()))
"""
WAIT = "    comm.recv(source=(comm.rank + 1) % comm.size)\n"
DEAF = """
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""
TIDY = """
    try:
        comm.recv(source=(comm.rank + 1) % comm.size)
    finally:
        print("rank", comm.rank, "tidies up")
"""


@pytest.fixture(scope="module", autouse=True)
def _interruptible():
    """Have processes that are started meanwhile hear Ctrl-C, also if this one is in background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _program(folder: Path, body: str) -> list[str]:
    (folder / "program.py").write_text(BEGIN + body + "\nmain()\n")
    return python("-m", "parcompute", "exec", "-n", str(RANKS), "program.py")


class Failed:
    """How a program ended by itself, and how long that took from the moment all ranks had begun."""

    def __init__(self, folder: Path, body: str, *signals: tuple[float, int]) -> None:
        before = leftovers.names()
        process = start(_program(folder, body), cwd=folder)
        try:
            self.pids = _await_ranks(folder)
            begin = time.monotonic()
            for pause, number in signals:
                time.sleep(pause)
                _signal(process.pid, number)
            self.out, self.err = process.communicate(timeout=2 * SOON)
            leftovers.seconds_until_gone(process.pid, before)
            self.seconds = time.monotonic() - begin
        finally:
            kill_group(process)
            process.communicate()
        self.code = process.returncode


def _signal(pid: int, number: int) -> None:
    if number == signal.SIGINT:  # a terminal sends it to the whole group
        os.killpg(pid, number)
    else:
        os.kill(pid, number)


def _await_ranks(folder: Path) -> list[int]:
    deadline = time.monotonic() + START
    while True:
        texts = [path.read_text() for path in folder.glob("*.pid")]
        if len(texts) == RANKS and all(texts):
            return [int(text) for text in texts]
        assert time.monotonic() < deadline, "the ranks did not begin"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("deed", "code", "words"),
    [
        ("raise ValueError('boom')", 1, "ValueError: boom"),
        ("sys.exit(3)", 3, "sys.exit(3) in "),
        ("sys.exit('no more')", 1, "no more"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143, "terminated by SIGTERM"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
        ("os.abort()", 134, "killed by SIGABRT"),
        ("os._exit(7)", 7, "its process ended with exit code 7"),
        ("comm.Abort(5)", 5, "Abort(5) in "),
        (
            "comm.send(Unloadable(), 1); comm.recv(source=1)",
            1,
            "ValueError: invalid literal for int()",
        ),
    ],
    ids=[
        "raise",
        "exit",
        "message",
        "SIGKILL",
        "SIGTERM",
        "interrupt",
        "abort",
        "vanish",
        "Abort",
        "unpickle",
    ],
)
def test_one_rank_fails(tmp_path, deed, code, words):
    done = Failed(tmp_path, f"    if comm.rank == 1:\n        {deed}\n    comm.recv(source=1)\n")
    assert done.code == code
    assert done.err.count("rank 1 of 3 failed, the job is ended\n") == 1
    assert len(re.findall(f"^{re.escape(words)}", done.err, re.MULTILINE)) == 1
    assert done.err.count("Traceback") == words.startswith(("ValueError", "KeyboardInterrupt"))
    assert "_outcome" not in done.err
    assert sorted(done.out.splitlines()) == [f"rank {rank} begins" for rank in range(RANKS)]
    assert done.seconds < SOON


def test_interrupted_once(tmp_path):
    done = Failed(tmp_path, TIDY, (0, signal.SIGINT))
    assert (done.code, done.err) == (130, "\ninterrupted\n")
    assert done.out.count("tidies up") == RANKS
    assert done.seconds < SOON


def test_interrupted_asleep(tmp_path):
    """Nothing wakes a rank whose signal another of its threads has taken."""
    asleep = TIDY.replace("comm.recv(source=(comm.rank + 1) % comm.size)", "time.sleep(60)")
    done = Failed(tmp_path, asleep, (0.1, signal.SIGINT))
    assert (done.code, done.err) == (130, "\ninterrupted\n")
    assert done.out.count("tidies up") == RANKS


def test_interrupted_twice(tmp_path):
    """Once would take 2.3 s; twice may take as long now and then, on a busy machine."""
    assert any(_seconds_when_interrupted_twice(tmp_path / attempt) < 2.2 for attempt in "abc")


def _seconds_when_interrupted_twice(folder: Path) -> float:
    folder.mkdir()
    done = Failed(folder, DEAF, (0, signal.SIGINT), (0.3, signal.SIGINT))
    assert (done.code, done.err) == (130, "\ninterrupted\n")
    assert done.seconds < SOON
    return done.seconds


def test_terminated(tmp_path):
    done = Failed(tmp_path, WAIT, (0, signal.SIGTERM))
    assert (done.code, done.err) == (143, "terminated\n")
    assert done.seconds < SOON


def test_terminated_with_ranks_that_do_not_listen(tmp_path):
    done = Failed(tmp_path, DEAF, (0, signal.SIGTERM))
    assert (done.code, done.err) == (143, "terminated\n")
    assert 2 < done.seconds < SOON


def test_supervisor_killed(tmp_path):
    done = Failed(tmp_path, DEAF, (0, signal.SIGKILL))
    assert done.code == -signal.SIGKILL
    assert done.seconds < SOON


def test_ranks_of_a_thread_outlive_it_but_not_the_program(tmp_path):
    """Only ranks that the main thread started may be tied to the thread by the kernel."""
    script = """
import os, signal, threading
import parcompute as pc
job = pc.Job(ranks=2)
thread = threading.Thread(target=job.start)
thread.start()
thread.join()
print(job.run(lambda comm: comm.allreduce(1)), *job.pids, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run(python("-c", script))
    assert done.stdout.startswith("[2, 2] "), done.stderr
    deadline = time.monotonic() + SOON
    while any(leftovers.is_alive(int(pid)) for pid in done.stdout.split()[2:]):
        assert time.monotonic() < deadline
        time.sleep(0.01)


TERMINAL = """
import os, pty, subprocess, sys, termios
master, terminal = pty.openpty()
before = termios.tcgetattr(terminal)
code = "import os, sys, tty; tty.setraw(0); os.kill(os.getpid(), 9)"
command = [sys.executable, "-m", "parcompute", "exec", "-n", "2", "-c", code]
done = subprocess.run(command, stdin=terminal)
print(done.returncode, termios.tcgetattr(terminal) == before)
"""


def test_terminal_is_restored():
    done = run(python("-c", TERMINAL))
    assert done.stdout == "137 True\n", done.stderr
