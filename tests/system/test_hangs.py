"""Runs that hang: every rank shows where it is, and the job ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.system.cli import Made, parcompute, run_directories
from tests.system.test_failures import alive, of

pytestmark = pytest.mark.ahead(4)

LIMIT = 1.0  # seconds without progress
SOON = 7.0  # seconds from there to the end: 2 s in which all ranks print, and 5 s
HANGS = ("+exp=stuck", f"backend.hang_timeout={LIMIT}")


def assert_ended(done, folder: Path) -> None:
    """Assert that the launcher and the ranks are gone within seconds from the time limit on."""
    deadline = float((folder / "stuck").read_text()) + LIMIT + SOON
    assert time.time() < deadline, done.stderr
    while left := alive(folder):
        assert time.time() < deadline, left
        time.sleep(0.05)
    assert done.returncode not in (0, None)


@pytest.mark.parametrize(
    ("words", "ranks", "where", "who"),
    [
        of("serial", "step", 0),
        of("multiprocessing", "setup", 1),
        of("multiprocessing", "step", 1),
        of("mpiexec", "setup", 0),
        of("mpiexec", "step", 1),
        of("mpi", "step", 1),
    ],
)
def test_a_run_that_hangs_is_ended(user, words, ranks, where, who):
    options = (
        f"experiment.where={where}",
        f"experiment.who={who}",
        f"backend.hang_timeout={LIMIT}",
    )
    done = parcompute("run", "+exp=stuck", *options, *words, cwd=user, ranks=ranks)
    assert_ended(done, user)
    stacks = done.stderr.split("no progress for 1 s: ")[1:]
    if words == ("backend=serial",):
        assert [stack.partition(" is at\n")[0] for stack in stacks] == ["the run"]
    else:
        assert sorted(stack[:11] for stack in stacks) == ["rank 0 of 2", "rank 1 of 2"]
    [hung] = [stack for stack in stacks if "time.sleep(3600)" in stack]
    assert "stuck.py" in hung
    assert done.stderr.count("error: no progress for 1 s (backend.hang_timeout)") == 1
    records = [Made(path).record for path in run_directories(user)]
    assert len(records) == (where == "step")
    assert all("hang_timeout" in r["error"] and r["status"] == "failed" for r in records)


@pytest.mark.parametrize(("words", "ranks"), [of("multiprocessing"), of("mpiexec")])
def test_a_rank_that_hangs_outside_of_python_is_shown_and_ended(user, words, ranks):
    """It holds the interpreter's lock, so that no thread of Python can do it."""
    done = parcompute("run", *HANGS, "experiment.how=c", *words, cwd=user, ranks=ranks)
    assert_ended(done, user)
    assert "rank 0 of 2 is at" in done.stderr
    assert "in forever" in done.stderr


def test_a_slow_run_goes_on(user):
    """Its steps take 4 s together, longer than may pass without progress."""
    options = ("experiment.where=nowhere", "experiment.steps=400", "backend.hang_timeout=2")
    done = parcompute("run", "+exp=stuck", *options, "backend.ranks=2", cwd=user)
    assert done.returncode == 0, done.stderr
    [made] = run_directories(user)
    assert Made(made).record["status"] == "complete"
    assert "no progress" not in done.stderr


@pytest.mark.parametrize("off", ["0", "null"])
def test_without_a_limit(user, off):
    options = ("experiment.where=nowhere", "experiment.steps=2", f"backend.hang_timeout={off}")
    done = parcompute("run", "+exp=stuck", *options, "backend=serial", cwd=user)
    assert done.returncode == 0, done.stderr
