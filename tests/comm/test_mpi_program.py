"""MPI: a program that no guard of parcompute calls ends the job when one of its ranks fails."""

from __future__ import annotations

import time

import pytest

from parcompute.comm.mpiexec import mpiexec_command
from tests.helpers import ROOT, python, run
from tests.system.test_failures import alive

pytestmark = [pytest.mark.mpi, pytest.mark.ahead(2)]

SOON = 5.0  # seconds


def run_program(how, folder):
    """Run it on three ranks; assert that they all are gone within seconds from the failure."""
    program = ROOT / "tests" / "comm" / "program.py"
    done = run([*mpiexec_command(3), *python(program, how, folder)])
    deadline = float((folder / "ended").read_text()) + SOON
    assert time.time() < deadline
    while left := alive(folder):
        assert time.time() < deadline, left
        time.sleep(0.05)
    return done


@pytest.mark.parametrize(
    ("how", "words"), [("raise", "ValueError: boom"), ("exit", "SystemExit: 3")]
)
def test_one_rank_fails_while_the_others_wait_for_it(tmp_path, how, words):
    done = run_program(how, tmp_path)
    assert done.returncode not in (0, None)
    assert done.stderr.count("rank 1 of 3 failed, the job is ended") == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count(words) == 1
    assert "in end\n" in done.stderr


def test_one_rank_is_killed(tmp_path):
    done = run_program("kill", tmp_path)
    assert done.returncode not in (0, None)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("how", "code"), [("all raise", 1), ("all exit", 3)])
def test_all_ranks_fail(tmp_path, how, code):
    done = run_program(how, tmp_path)
    assert done.returncode == code
    assert done.stderr.count("rank 0 of 3 failed, and so did all others") == 1
    assert done.stderr.count("Traceback") == 1


def test_one_rank_fails_when_the_others_have_ended(tmp_path):
    done = run_program("last raise", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("rank 1 of 3 failed\n") == 1
    assert done.stderr.count("Traceback") == 1


def test_a_program_that_ends_well(tmp_path):
    done = run_program("well", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
