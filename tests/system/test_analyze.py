"""``parcompute analyze``: the same numbers on any ranks, and the right ones."""

from __future__ import annotations

import math
import shutil
from statistics import mean

import numpy as np
import pytest

from tests.system.cli import Made, Workshop, files, parcompute

pytestmark = pytest.mark.ahead(2)

HEAT = ("+exp=heat2d", "experiment.shape=[61,47]", "experiment.steps=30", "output.every=12")


@pytest.fixture(scope="module")
def heat(workshop: Workshop) -> Made:
    """Return a run with an exact solution."""
    return workshop.make(*HEAT, "backend=serial")


@pytest.fixture(scope="module")
def analysis(heat: Made, workshop: Workshop) -> tuple[str, bytes]:
    """Return what one rank prints and writes."""
    done = parcompute("analyze", heat.folder, "backend=serial", cwd=workshop.folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, (heat.folder / "analysis.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        (("backend.ranks=2",), 0),
        (("backend=multiprocessing", "backend.ranks=3"), 0),
        pytest.param((), 3, marks=pytest.mark.mpi),
        pytest.param(("backend=mpi", "backend.ranks=2"), 0, marks=pytest.mark.mpi),
    ],
)
def test_it_says_the_same_on_any_ranks(heat, workshop, analysis, tmp_path, words, ranks):
    copy = tmp_path / "copy"
    shutil.copytree(heat.folder, copy)
    (copy / "analysis.csv").unlink()
    done = parcompute("analyze", copy, *words, cwd=workshop.folder, ranks=ranks)
    assert (done.returncode, done.stderr) == (0, "")
    assert (done.stdout, (copy / "analysis.csv").read_bytes()) == analysis


def test_its_numbers_are_those_of_numpy(heat, analysis):
    rows = heat.table("analysis.csv")
    assert len(rows) == len(heat.u) == 4
    volume = 1 / (61 * 47)
    y, x = ((np.arange(n) + 0.5) / n for n in (61, 47))
    mode = np.outer(np.sin(np.pi * y), np.sin(np.pi * x))
    for row, u, step, time in zip(rows, heat.u, (0, 12, 24, 30), heat.dataset("time"), strict=True):
        exact = {"min": u.min(), "max": u.max(), "mean": mean(u.flat)}
        assert {name: float(row[name]) for name in exact} == exact
        assert (row["field"], int(row["step"]), float(row["time"])) == ("u", step, time)
        assert float(row["total"]) == pytest.approx(math.fsum(u.flat) * volume, rel=1e-13)
        l2 = math.sqrt(math.fsum((u**2).flat) * volume)
        assert float(row["l2"]) == pytest.approx(l2, rel=1e-13)
        error = u - mode * np.exp(-2 * np.pi**2 * time)
        assert float(row["error_max"]) == pytest.approx(np.abs(error).max(), rel=1e-9, abs=1e-15)
        rms = np.sqrt(np.mean(error**2))
        assert float(row["error_rms"]) == pytest.approx(rms, rel=1e-9, abs=1e-15)


def test_its_table_shows_the_same_numbers(heat, analysis):
    head, *lines = (line.split() for line in analysis[0].splitlines())
    rows = heat.table("analysis.csv")
    assert head == list(rows[0])
    for line, row in zip(lines, rows, strict=True):
        assert line[0] == row["field"]
        numbers = [float(value) for name, value in row.items() if name != "field"]
        assert [float(word) for word in line[1:]] == pytest.approx(numbers, rel=1e-6)


def test_it_reads_the_users_experiments(workshop):
    made = workshop.make("+exp=heat3d", "output.every=5", "backend=serial")
    done = parcompute("analyze", made.folder, "backend.ranks=2", cwd=workshop.folder)
    assert (done.returncode, done.stderr) == (0, "")
    last = made.table("analysis.csv")[-1]
    assert float(last["error_max"]) == pytest.approx(
        made.record["report"]["errors"]["u"]["max"], rel=1e-12
    )


@pytest.mark.parametrize(
    "words", [("analyze", "."), ("analyze", "nothing"), ("analyze",), ("analyze", ".", "x=1")]
)
def test_what_is_not_a_run_is_an_error(tmp_path, words):
    done = parcompute(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert files(tmp_path) == {}
