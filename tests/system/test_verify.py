"""``parcompute verify``: what is right passes, what is wrong is told truly."""

from __future__ import annotations

import re
import signal
import sys
import time
from typing import NamedTuple

import numpy as np
import pytest

from parcompute.cli import verify
from parcompute.verification import explain
from tests.helpers import kill_group, start
from tests.leftovers import names, seconds_until_gone, session
from tests.system.cli import command, files, parcompute
from tests.system.test_errors import assert_sentence

SHAPE = (24, 20)  # of the experiments that are wrong
BLOCKS = [(slice(i, i + 12), slice(j, j + 10)) for i in (0, 12) for j in (0, 10)]
"""The cells of four ranks on that shape."""

OWNER = np.full((26, 22), -1)
"""Rank of each cell, with ghosts (-1) around."""

for _rank, _cells in enumerate(BLOCKS):
    OWNER[1:-1, 1:-1][_cells] = _rank


def rows(text: str) -> dict[tuple[str, ...], str]:
    """Return the results in the table by kernels, engine, ranks and dims."""
    pattern = r"^(num\w+(?: poisoned)?) +(\w+) +(\d+) +(\d(?: x \d)*) +\d+\.\d\d  (.+)$"
    return {found[:4]: found[4] for found in re.findall(pattern, text, re.MULTILINE)}


def test_what_is_right_passes(tmp_path):
    done = parcompute(
        "verify", "+exp=heat2d", "--ranks", "3", "--engines=multiprocessing", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path) == {}
    lines = done.stdout.splitlines()
    assert lines[0] == "heat2d: 48 x 40 cells, 60 steps, output every 20 steps"
    assert rows(done.stdout) == {
        ("numpy", "serial", "1", "1 x 1"): "the reference",
        ("numba", "serial", "1", "1 x 1"): "same",
        ("numpy poisoned", "serial", "1", "1 x 1"): "same",
        ("numpy", "multiprocessing", "3", "3 x 1"): "same",
        ("numba", "multiprocessing", "3", "3 x 1"): "same",
        ("numpy", "multiprocessing", "4", "2 x 2"): "same",
        ("numba", "multiprocessing", "4", "2 x 2"): "same",
        ("numpy poisoned", "multiprocessing", "4", "2 x 2"): "same",
    }
    assert "8 runs, all the same bits" in lines
    grids = [line.split() for line in lines if re.match(r"\d+ x \d+ +\d+  u ", line)]
    assert [" ".join(words[:4]) for words in grids] == [
        "48 x 40 60",
        "96 x 80 240",
        "192 x 160 960",
    ]
    assert [float(words[-1]) for words in grids[1:]] == pytest.approx([2, 2], rel=0.01)


@pytest.mark.mpi
def test_ranks_of_mpi(tmp_path):
    small = ("--ranks=2", "--engines=mpi", "--kernels=numba", "experiment.shape=[9,8]")
    done = parcompute("verify", "+exp=heat2d", *small, "--no-convergence", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done.stdout)["numba", "mpi", "2", "2 x 1"] == "same"
    assert "numpy" not in done.stdout


class Told(NamedTuple):
    """What verify says of an experiment that is wrong."""

    code: int
    results: dict[tuple[str, ...], str]
    facts: dict[str, str]


@pytest.fixture
def told(user, monkeypatch, capsys):
    """Return a function that verifies one of the user's experiments in this process."""
    monkeypatch.chdir(user)
    monkeypatch.setattr(sys, "argv", ["parcompute"])

    def verified(*words: str) -> Told:
        small = ("--ranks=4", "--engines=multiprocessing", "--kernels=numpy")
        code = verify.main([*words, *small])
        text = capsys.readouterr().out
        facts = dict(re.findall(r"^  (\w+(?: \w+)?) {2,}(.+)$", text, re.MULTILINE))
        return Told(code, rows(text), facts)

    return verified


def initial() -> np.ndarray:
    y, x = (np.arange(n) + 0.5 for n in SHAPE)
    return np.sin(y[:, np.newaxis]) * np.cos(0.3 * x) + 2.0


def five_points(u: np.ndarray) -> np.ndarray:
    around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
    return 0.2 * around + 0.2 * u[1:-1, 1:-1]


def nine_points(u: np.ndarray) -> np.ndarray:
    in_rows = u[:-2] + u[1:-1] + u[2:]
    return (in_rows[:, :-2] + in_rows[:, 1:-1] + in_rows[:, 2:]) / 9.0


def padded(u: np.ndarray) -> np.ndarray:
    return np.pad(u, 1, mode="edge")


def on_blocks(before: np.ndarray, step, change) -> np.ndarray:
    """Apply `step` to the padded blocks of `before`, each after ``change(block, halo, place)``.

    The halo is a mask of the block, the place its slices in the padded array.
    """
    done = np.empty(SHAPE)
    for rank, cells in enumerate(BLOCKS):
        place = tuple(slice(c.start, c.stop + 2) for c in cells)
        block, owner = padded(before)[place].copy(), OWNER[place]
        change(block, (owner >= 0) & (owner != rank), place)
        done[cells] = step(block)
    return done


def assert_true(facts: dict[str, str], reference: np.ndarray, here: np.ndarray, step: int) -> None:
    """Assert that all facts hold for these two arrays at the first step that differs."""
    cells = np.argwhere(reference != here)
    first = tuple(cells[0])
    rank = OWNER[1:-1, 1:-1][first]
    rows, columns = BLOCKS[rank]
    borders = np.abs(cells - np.array([11.5, 9.5])) - 0.5  # between blocks, along each axis
    nearest = borders.min(axis=1)
    assert facts["first step"].split(";")[0] == str(step)
    assert facts["field"] == "u"
    assert facts["global index"] == str([int(i) for i in first])
    assert facts["values"] == f"{float(reference[first])!r} there, {float(here[first])!r} here"
    assert facts["cells"] == f"{len(cells)} of 480 differ at this step"
    assert facts["owner"] == (
        f"rank {rank}, which owns [{rows.start}:{rows.stop}, {columns.start}:{columns.stop}]"
    )
    axis = int(np.argmin(borders[0]))
    assert facts["border"].split(" cell")[0] == f"{nearest[0]:.0f}"
    assert facts["border"].endswith(f"to rank {rank ^ (2, 1)[axis]} along axis {axis}")
    assert facts["furthest"].split(" cell")[0] == f"{nearest.max():.0f}"


EACH = ("output.every=1",)  # the runs need not be made again to find the first step
PLAIN = ("numpy", "multiprocessing", "4", "2 x 2")
POISONED = ("numpy poisoned", *PLAIN[1:])
POISONED_ALONE = ("numpy poisoned", "serial", "1", "1 x 1")


def keeping(old: np.ndarray):
    """Return a change that leaves the values of `old` in the halo."""

    def change(block, halo, place):
        block[halo] = padded(old)[place][halo]

    return change


def without_corners(block, *_):
    block[[0, 0, -1, -1], [0, -1, 0, -1]] = 0.0


def test_missing_exchange(told):
    code, results, facts = told("+exp=wrong_exchange", *EACH)
    here = on_blocks(initial(), five_points, keeping(np.zeros(SHAPE)))
    assert code == 1
    assert_true(facts, five_points(padded(initial())), here, 1)
    assert facts["likely cause"] == explain.UNSET_HALO
    assert results[PLAIN] == "differs: u at step 1"
    assert (results[POISONED_ALONE], results[POISONED]) == ("same", "differs: u at step 1")


def test_exchange_made_only_once(told):
    code, results, facts = told("+exp=wrong_exchange", "experiment.once=true", *EACH)
    before = five_points(padded(initial()))
    here = on_blocks(before, five_points, keeping(initial()))
    assert code == 1
    assert_true(facts, five_points(padded(before)), here, 2)
    assert facts["likely cause"] == explain.STALE.format(step=2)
    assert (results[POISONED_ALONE], results[POISONED]) == ("same", "same")


def test_halo_too_narrow(told):
    code, results, facts = told("+exp=wrong_halo")
    between = five_points(padded(initial()))
    here = on_blocks(between, five_points, keeping(initial()))
    assert code == 1
    assert_true(facts, five_points(padded(between)), here, 1)
    assert facts["likely cause"] == explain.NARROW
    assert results[PLAIN] == "differs: u at step 4"  # the first output that shows it
    assert (results[POISONED_ALONE], results[POISONED]) == ("same", "same")


def test_seed_for_each_rank(told):
    code, results, facts = told("+exp=wrong_seed", *EACH)
    here = np.empty(SHAPE)
    for rank, cells in enumerate(BLOCKS):
        here[cells] = np.random.default_rng(7 + rank).random((12, 10))
    assert code == 1
    assert_true(facts, np.random.default_rng(7).random(SHAPE), here, 0)
    assert facts["likely cause"] == explain.INITIAL
    assert (results[PLAIN], results[POISONED]) == ("differs: u at step 0", "same")


def test_sum_of_floats(told):
    code, results, facts = told("+exp=wrong_sum", *EACH)
    there, here = (float(word.split()[0]) for word in facts["values"].split(", "))
    assert code == 1
    assert here != there
    assert here == pytest.approx(there, rel=1e-14)
    assert initial().sum() == pytest.approx(there, rel=1e-14)  # insulated walls keep the sum
    assert facts["what"].endswith("; all fields have the same bits")
    assert results[PLAIN] == f"differs: {facts['what'].split(';')[0]}"
    assert facts["likely cause"] == explain.SUM


def test_corner_of_ghosts(told):
    code, results, facts = told("+exp=wrong_corner", *EACH)
    whole = padded(initial())
    without_corners(whole)
    here = on_blocks(initial(), nine_points, without_corners)
    assert code == 1
    assert_true(facts, nine_points(whole), here, 1)
    assert facts["likely cause"] == explain.CORNERS
    assert results[POISONED_ALONE] == "differs: u at step 1"


def test_corner_of_the_halo(told):
    code, results, facts = told("+exp=wrong_corner", "experiment.exchanged=true", *EACH)

    def change(block, halo, _):
        corners = np.zeros(block.shape, bool)
        corners[[0, 0, -1, -1], [0, -1, 0, -1]] = True
        block[corners & halo] = 0.0

    here = on_blocks(initial(), nine_points, change)
    assert code == 1
    assert_true(facts, nine_points(padded(initial())), here, 1)
    assert facts["likely cause"] == explain.CORNERS
    assert (results[POISONED_ALONE], results[POISONED]) == ("same", "differs: u at step 1")


def test_bad_input(tmp_path):
    words = ("+exp=heat2d", "backend.ranks=2")
    done = parcompute("verify", *words, cwd=tmp_path)
    assert_sentence(done, "'backend.ranks'", "--ranks", "--engines", "--kernels")
    assert files(tmp_path) == {}


@pytest.mark.mpi
def test_launcher_is_refused(tmp_path):
    done = parcompute("verify", "+exp=heat2d", cwd=tmp_path, ranks=1)
    assert done.returncode == 2
    assert "starts its own ranks, but mpiexec" in done.stderr


def test_ctrl_c_leaves_nothing(user, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    small = ("--engines=multiprocessing", "--kernels=numpy", "--ranks=2")
    words = command("verify", "+exp=resumable", *small)
    before = names()
    process = start(words, cwd=user, env={"TMPDIR": str(temporary), "TAKE": "0.06"})
    try:
        assert process.stdout is not None
        assert any("poisoned" in line for line in process.stdout)
        while len(session(process.pid)) < 4:  # the ranks and their nursery
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        seconds_until_gone(process.pid, before)
    finally:
        kill_group(process)
    assert list(temporary.iterdir()) == []
    assert not (user / "runs").exists()
