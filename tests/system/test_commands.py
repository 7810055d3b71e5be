"""The other commands and options: list, help, version, Hydra's own, sweeps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

import parcompute as package
from tests.system.cli import COMPLETE, Made, parcompute, run_directories

pytestmark = pytest.mark.ahead(2)


def shown(*words: str, cwd: Path, ranks: int = 0) -> str:
    """Return what a command prints that only informs, and leaves nothing."""
    before = sorted(os.listdir(cwd))
    done = parcompute(*words, cwd=cwd, ranks=ranks)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert sorted(os.listdir(cwd)) == before
    return done.stdout


def test_version(tmp_path):
    assert shown("--version", cwd=tmp_path) == f"parcompute {package.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--help",), ("run", "analyze", "list", "--version")),
        (("run", "--help"), ("+exp=", "heat2d", "hillslope", "backend.ranks", "output.every")),
        (("run", "+exp=heat2d", "--help"), ("alpha: 1.0", "steps: 1000", "hydra.run.dir")),
        (("analyze", "--help"), ("RUN", "backend.ranks")),
        (("list", "--help"), ("exp=NAME",)),
        (("verify", "--help"), ("+exp=NAME", "--ranks 1,2,3,5,7", "--no-convergence")),
        (("run", "+exp=heat2d", "--info"), ("Config search path", "Defaults List")),
    ],
)
def test_help(tmp_path, words, expected):
    text = shown(*words, cwd=tmp_path)
    assert [word for word in expected if word not in text] == []


def test_without_a_command_the_help_is_shown(tmp_path):
    done = parcompute(cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: parcompute COMMAND" in done.stdout + done.stderr


def test_configuration(user):
    words = ("run", "exp=heat2d", "experiment.alpha=0.5", "--cfg", "job")
    values = yaml.safe_load(shown(*words, cwd=user))
    assert values["experiment"]["alpha"] == 0.5
    assert values["experiment"]["shape"] == [256, 256]
    assert values["output"]["every"] == 250
    assert {"experiment", "backend", "output", "kernels"} <= set(values)


def test_list(user):
    lines = dict(line.split(maxsplit=1) for line in shown("list", cwd=user).splitlines())
    assert lines["heat2d"].startswith("Heat equation u_t = alpha lap(u) on the unit square")
    assert lines["hillslope"].startswith("Hillslope diffusion of real terrain")
    assert lines["hillslope"].endswith("[heat2d]")
    assert lines["lake_at_rest"].endswith("[shallow_water]")  # by way of another configuration
    assert lines["heat3d"].startswith("Heat equation in the unit cube")
    assert lines["advect1d"].startswith("Advection u_t + u_x = 0 on a ring")


def assert_swept(folder: Path, ranks: int) -> None:
    """Assert that there are two complete runs, with the values of the sweep."""
    made = [Made(path) for path in run_directories(folder)]
    assert [run.record["config"]["experiment"]["alpha"] for run in made] == [0.5, 1.0]
    assert [run.folder.name for run in made] == ["0", "1"]
    for run in made:
        assert run.files == COMPLETE
        assert (run.record["status"], run.record["ranks"]) == ("complete", ranks)
        assert run.dataset("step")[-1] == 5


SWEEP = ("run", "-m", "+exp=heat2d", "experiment.alpha=0.5,1.0", "experiment.steps=5")


@pytest.mark.parametrize(
    "words", [("backend=serial",), ("backend=multiprocessing", "backend.ranks=2")]
)
def test_sweep(tmp_path, words):
    done = parcompute(*SWEEP, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_swept(tmp_path, len(words))


def test_a_sweep_that_a_file_asks_for(user):
    (user / "configs/exp/swept.yaml").write_text(
        "# @package _global_\n"
        "defaults: [/experiment: heat2d, _self_]\n"
        "experiment: {steps: 5}\n"
        "hydra: {mode: MULTIRUN, sweeper: {params: {experiment.alpha: '0.5,1.0'}}}\n"
    )
    done = parcompute("run", "+exp=swept", "backend=serial", cwd=user)
    assert done.returncode == 0, done.stderr
    assert_swept(user, 1)


@pytest.mark.mpi
def test_sweep_under_mpiexec(tmp_path):
    done = parcompute(*SWEEP, cwd=tmp_path, ranks=3)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run directory") == 2
    assert_swept(tmp_path, 3)


@pytest.mark.mpi
def test_only_one_rank_informs(tmp_path):
    text = shown("run", "+exp=heat2d", "--cfg", "job", cwd=tmp_path, ranks=2)
    assert text.count("alpha: 1.0") == 1
