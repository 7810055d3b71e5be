"""Bad input: one sentence, exit code 2, and nothing left on disk."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

import parcompute as pc
from parcompute.run.launch import check_launched
from parcompute.run.spec import Backend
from tests.system.cli import files, parcompute

pytestmark = pytest.mark.ahead(2)

HEAT = ("+exp=heat2d", "experiment.steps=2")
SMALL = (*HEAT, "experiment.shape=[6,5]")


def assert_sentence(done: CompletedProcess[str], *words: str) -> None:
    """Assert that a command ended with one sentence that has all these words in it."""
    assert done.returncode == 2, done.stderr + done.stdout
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""
    assert [word for word in words if word not in done.stderr] == [], done.stderr


ERRORS = {
    "no command": (("fly",), ("'fly'", "run, exec, analyze, checkpoint, list")),
    "no experiment": (("run",), ("+exp=", "heat2d", "hillslope")),
    "unknown experiment": (("run", "+exp=heat4d"), ("'heat4d'", "heat2d", "hillslope", "advect1d")),
    "two experiments": (("run", "+exp=heat2d,hillslope"), ("exp",)),
    "mistyped key": (
        ("run", *HEAT, "experiment.alhpa=2"),
        ("alhpa", "alpha", "shape", "steps", "walls", "Did you mean 'alpha'"),
    ),
    "added key": (("run", *HEAT, "+experiment.beta=2"), ("beta", "alpha", "shape")),
    "unknown section": (("run", *HEAT, "outptu.every=2"), ("outptu", "output")),
    "mistyped output key": (("run", *HEAT, "output.evry=2"), ("evry", "every", "fields")),
    "no key": (("run", *HEAT, "alpha"), ("KEY=VALUE", "'alpha'")),
    "wrong type": (("run", *HEAT, "experiment.alpha=fast"), ("experiment.alpha", "fast")),
    "wrong type in a tuple": (("run", *HEAT, "experiment.shape=[a,5]"), ("experiment.shape", "a")),
    "too short a tuple": (("run", *HEAT, "experiment.shape=[5]"), ("experiment.shape", "2", "[5]")),
    "fraction of a step": (("run", *HEAT, "experiment.steps=1.5"), ("experiment.steps", "1.5")),
    "negative steps": (("run", *HEAT, "experiment.steps=-1"), ("experiment.steps", "-1")),
    "unstable": (("run", *HEAT, "experiment.r=0.3"), ("experiment.r=0.3", "0.25")),
    "unknown backend": (("run", *HEAT, "backend=gpu"), ("gpu", "serial", "multiprocessing", "mpi")),
    "no ranks": (("run", *HEAT, "backend.ranks=0"), ("backend.ranks", "0")),
    "negative time": (("run", *HEAT, "backend.hang_timeout=-1"), ("hang_timeout", "seconds", "-1")),
    "no time": (("run", *HEAT, "backend.hang_timeout=nan"), ("hang_timeout", "seconds", "nan")),
    "time in words": (("run", *HEAT, "backend.hang_timeout=long"), ("hang_timeout", "long")),
    "serial with ranks": (
        ("run", *HEAT, "backend=serial", "backend.ranks=2"),
        ("backend.ranks=2", "multiprocessing"),
    ),
    "more ranks than cells": (
        ("run", *HEAT, "experiment.shape=[2,2]", "backend.ranks=5"),
        ("5 ranks", "2, 2"),
    ),
    "more ranks than cells on an axis": (
        ("run", *SMALL, "backend.ranks=7", "backend.dims=[7,1]"),
        ("7", "6"),
    ),
    "dims that are not the ranks": (
        ("run", *SMALL, "backend.ranks=3", "backend.dims=[2,2]"),
        ("3", "[2, 2]"),
    ),
    "dims of another shape": (("run", *SMALL, "backend.dims=[2]"), ("[2]", "2")),
    "halo wider than a block": (("run", "+exp=wide", "backend.ranks=2"), ("4", "3")),
    "unknown field": (("run", *SMALL, "output.fields=[v]"), ("v", "u")),
    "unknown compression": (("run", *SMALL, "output.compression=zip"), ("zip", "gzip", "lzf")),
    "unknown kernels": (("run", *SMALL, "kernels.engine=cuda"), ("cuda", "numba", "numpy")),
    "folder that cannot be made": (
        ("run", *SMALL, "hydra.run.dir=configs/exp/wide.yaml/run"),
        ("configs/exp/wide.yaml",),
    ),
    "no permission": (("run", *SMALL, "hydra.run.dir=/proc/parcompute/run"), ("/proc/parcompute",)),
}


@pytest.mark.parametrize(("words", "expected"), ERRORS.values(), ids=ERRORS)
def test_an_error_is_a_sentence_and_leaves_nothing(user, words, expected):
    before = files(user)
    assert_sentence(parcompute(*words, cwd=user), *expected)
    assert files(user) == before
    assert not (user / "runs").exists()


INPUTS = {
    "absent": ("absent.npy", ("absent.npy", "does not exist")),
    "damaged": ("damaged.npz", ("damaged.npz",)),
    "of an unknown type": ("notes.txt", (".txt", ".npy", ".png")),
    "without the array": ("two.npz:c", ("'c'", "a, b")),
    "with two arrays": ("two.npz", ("a, b", "two.npz:NAME")),
    "of another shape": ("shape.npy", ("[5, 6]", "[6, 5]", "experiment.shape=[5,6]")),
    "with a hole": ("hole.npy", ("NaN", "[2, 3]")),
    "not of numbers": ("text.npy", ("text.npy", "<U4")),
}


def write_inputs(folder: Path) -> dict[str, bytes]:
    """Write files that are no good as initial values for 6 x 5 cells; return all files."""
    hole = np.zeros((6, 5))
    hole[2, 3] = np.inf
    np.save(folder / "shape.npy", np.zeros((5, 6)))
    np.save(folder / "hole.npy", hole)
    np.save(folder / "text.npy", np.full((6, 5), "four"))
    np.savez(folder / "two.npz", a=np.zeros((6, 5)), b=np.zeros((6, 5)))
    (folder / "damaged.npz").write_bytes((folder / "two.npz").read_bytes()[:200])
    (folder / "notes.txt").write_text("6 5")
    return files(folder)


@pytest.mark.parametrize(("source", "expected"), INPUTS.values(), ids=INPUTS)
def test_unsuitable_initial_values(tmp_path, source, expected):
    before = write_inputs(tmp_path)
    words = (*SMALL, f"experiment.initial={source}", "backend=serial")
    assert_sentence(parcompute("run", *words, cwd=tmp_path), *expected)
    assert files(tmp_path) == before
    assert not (tmp_path / "runs").exists()


def test_unsuitable_initial_values_on_several_ranks(tmp_path):
    before = write_inputs(tmp_path)
    words = (*SMALL, "experiment.initial=hole.npy", "backend.ranks=3")
    assert_sentence(parcompute("run", *words, cwd=tmp_path), "NaN", "[2, 3]")
    assert files(tmp_path) == before


def test_an_existing_run_directory_is_unharmed(workshop):
    made = workshop.make(*SMALL, "backend=serial")
    before = files(made.folder)
    words = ("run", *SMALL, "experiment.alpha=3", f"hydra.run.dir={made.folder}")
    assert_sentence(parcompute(*words, cwd=workshop.folder), str(made.folder), "hydra.run.dir")
    assert files(made.folder) == before


def test_without_mpi4py_the_remedy_is_named(tmp_path):
    """A broken mpi4py stands before the real one, if there is one."""
    broken = tmp_path / "path/mpi4py/__init__.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("raise ModuleNotFoundError(\"No module named 'mpi4py'\")\n")
    folder = tmp_path / "empty"
    folder.mkdir()
    env = {"PYTHONPATH": f"{tmp_path / 'path'}:{Path(__file__).parents[2]}"}
    done = parcompute("run", *SMALL, "backend=mpi", "backend.ranks=2", cwd=folder, env=env)
    assert_sentence(done, 'pip install "parcompute[mpi]"')
    assert files(folder) == {}
    done = parcompute("run", *SMALL, "backend.ranks=2", cwd=folder, env=env)
    assert done.returncode == 0, "the other engines need no MPI"


MPI_ERRORS = {
    "mistyped key": (("+exp=heat2d", "experiment.alhpa=2"), ("alhpa", "alpha")),
    "halo wider than a block": (("+exp=wide",), ("4", "3")),
    "another number of ranks": ((*SMALL, "backend.ranks=3"), ("backend.ranks=3", "2")),
}


@pytest.mark.mpi
@pytest.mark.parametrize(("words", "expected"), MPI_ERRORS.values(), ids=MPI_ERRORS)
def test_under_mpiexec_one_rank_says_the_sentence(user, words, expected):
    before = files(user)
    done = parcompute("run", *words, cwd=user, ranks=2)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2
    assert len(errors) == 1, done.stderr
    assert [word for word in expected if word not in errors[0]] == [], done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert files(user) == before


def test_a_launcher_and_another_engine():
    with pytest.raises(pc.ConfigError, match="backend=serial, but a launcher started 1 MPI rank:"):
        check_launched(Backend(name="serial"), pc.serial())


@pytest.mark.mpi
def test_mpi_ranks_that_parcompute_starts_say_the_sentence(user):
    before = files(user)
    done = parcompute("run", "+exp=wide", "backend=mpi", "backend.ranks=2", cwd=user)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, len(errors)) == (2, 1), done.stderr
    assert files(user) == before


def test_a_mistyped_key_in_a_file(user):
    (user / "configs/exp/typo.yaml").write_text(
        "# @package _global_\ndefaults: [/experiment: heat2d, _self_]\nexperiment: {alhpa: 2.0}\n"
    )
    before = files(user)
    assert_sentence(parcompute("run", "+exp=typo", cwd=user), "alhpa", "alpha", "shape", "steps")
    assert files(user) == before


def test_whole_numbers_are_numbers(user):
    words = ("experiment.high=[1,2]", "experiment.alpha=1", "backend=serial")
    done = parcompute("run", *SMALL, *words, cwd=user)
    assert (done.returncode, done.stderr) == (0, "")
