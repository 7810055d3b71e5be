"""What newcomers stumble over: mistakes in programs, odd shapes, readers that end early."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest

from tests.helpers import run
from tests.system.cli import Made, Workshop, command, parcompute, run_directories

pytestmark = pytest.mark.ahead(2)

SMALL = ("+exp=heat2d", "experiment.shape=[1,50]", "experiment.high=[5,1]", "experiment.steps=6")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("two grids", ("'u' [8, 6]", "'v' [16, 12]", "output.fields")),
        ("one name", ("'u'", "name")),
        ("measures step", ("measure()", "step")),
        ("measures change", ("measure()", "m1", "m2")),
    ],
)
def test_a_mistake_in_a_program_is_one_sentence(user, kind, words):
    done = parcompute("run", "+exp=odd", f"experiment.kind={kind}", "backend.ranks=2", cwd=user)
    [error] = [line for line in done.stderr.splitlines() if line]
    assert (done.returncode, error[:7]) == (2, "error: ")
    assert all(word in error for word in words), error


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("checkpoint.every=-1", "checkpoint.every must be at least 0, got -1"),
        ("checkpoint.minutes=-1", "checkpoint.minutes must be a number of minutes, or 0, got -1.0"),
        ("output.precision=x", "output.precision must be one of full, single, got 'x'"),
        ("output.writer=x", "output.writer must be one of auto, mpio, pwrite, gathered, got 'x'"),
    ],
)
def test_a_wrong_value_is_one_sentence_and_leaves_nothing(tmp_path, word, text):
    done = parcompute("run", "+exp=heat2d", word, "backend.ranks=2", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {text}.\n")
    assert list(tmp_path.iterdir()) == []


def test_fields_in_lists_are_written(user):
    done = parcompute("run", "+exp=odd", "backend=serial", cwd=user)
    assert done.returncode == 0, done.stderr
    [made] = run_directories(user)
    assert Made(made).dataset("v").shape == (2, 8, 6)


@pytest.mark.parametrize(
    ("words", "ranks"),
    [(("backend.ranks=2",), 0), pytest.param((), 2, marks=pytest.mark.mpi)],
)
def test_a_rank_that_exits_without_error_ends_the_job(user, words, ranks):
    done = parcompute("run", "+exp=odd", "experiment.kind=exit", *words, cwd=user, ranks=ranks)
    assert done.returncode not in (0, None)
    assert "rank 1" in done.stderr
    assert time.time() - float((user / "raised").read_text()) < 6


@pytest.mark.parametrize(
    ("words", "ranks"),
    [(("backend.ranks=2",), 0), pytest.param((), 2, marks=pytest.mark.mpi)],
)
def test_a_sentence_of_one_rank_ends_the_job(user, words, ranks):
    done = parcompute("run", "+exp=odd", "experiment.kind=refuses", *words, cwd=user, ranks=ranks)
    assert done.returncode not in (0, None)
    assert done.stderr.count("error: odd") == 1
    assert time.time() - float((user / "raised").read_text()) < 6


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        (("backend=serial",), 0),
        (("backend.ranks=2",), 0),
        pytest.param(("backend=mpi", "backend.ranks=2"), 0, marks=pytest.mark.mpi),
        pytest.param((), 2, marks=pytest.mark.mpi),
    ],
)
def test_threads_are_bounded_on_every_engine(user, words, ranks):
    none = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "7")
    words = ("run", "+exp=odd", "backend.threads=3", *words)
    done = parcompute(*words, cwd=user, ranks=ranks, env=none)
    assert done.returncode == 0, done.stderr
    assert {path.read_text() for path in user.glob("threads-*")} == {"3 3 3"}


@pytest.fixture(scope="module")
def thin(workshop: Workshop) -> Made:
    """Return a run with one row of long cells, in a folder with '=' in its name."""
    name = "made/experiment.r=0.2"
    done = parcompute(
        "run", *SMALL, "backend=serial", f"hydra.run.dir='{name}'", cwd=workshop.folder
    )
    assert done.returncode == 0, done.stderr
    return Made(workshop.folder / name, done)


def test_analyze_takes_any_shape_on_any_ranks(thin, workshop):
    tables = []
    for ranks in (1, 3):
        done = parcompute("analyze", thin.folder, f"backend.ranks={ranks}", cwd=workshop.folder)
        assert done.returncode == 0, done.stderr
        tables.append(done.stdout)
    assert tables[0] == tables[1]
    analysed, measured = thin.table("analysis.csv")[-1], thin.table("diagnostics.csv")[-1]
    assert float(analysed["total"]) == pytest.approx(float(measured["total"]), rel=1e-14)


def test_a_reader_that_ends_early_does_no_harm(thin, tmp_path):
    copy = shutil.copytree(thin.folder, tmp_path / "copy")
    (copy / "analysis.csv").unlink(missing_ok=True)
    line = " ".join(f"'{word}'" for word in command("analyze", copy, "backend=serial"))
    done = run(["bash", "-c", f"set -o pipefail; {line} | head -n 1"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(Made(copy).table("analysis.csv")) == 2


def test_a_run_goes_on_from_the_last_snapshot_of_another(thin, workshop, tmp_path):
    source = f"experiment.initial='{thin.folder}/fields.h5:u'"
    done = parcompute("run", *SMALL, source, "backend=serial", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [made] = run_directories(tmp_path)
    np.testing.assert_array_equal(Made(made).u[0], thin.u[-1])


def test_one_unreadable_file_does_not_hide_the_others(user):
    (user / "experiments/broken.py").write_text("def (:\n")
    (user / "configs/exp/worse.yaml").write_text("a: [1\n")
    done = parcompute("list", cwd=user)
    assert done.returncode == 0, done.stderr
    assert "cannot be read" in done.stdout
    assert "Heat equation" in done.stdout
