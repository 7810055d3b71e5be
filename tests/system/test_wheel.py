"""The built wheel, in a folder without anything of the project."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.helpers import ROOT, python, run
from tests.system.cli import COMPLETE, Made, install_user, run_directories

pytestmark = pytest.mark.ahead(2)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = python("-m", "pip", "--disable-pip-version-check", "wheel", "-q", "--no-deps")
    done = run([*pip, "--no-build-isolation", "-w", str(folder), str(ROOT)], cwd=folder)
    assert done.returncode == 0, done.stderr
    [file] = folder.glob("parcompute-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return the environment in which the installed wheel comes before the checkout."""
    folder = tmp_path_factory.mktemp("site")
    pip = python("-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps")
    done = run([*pip, "--no-index", "--target", str(folder), str(wheel)])
    assert done.returncode == 0, done.stderr
    return {"PYTHONPATH": str(folder), "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}"}


def parcompute(*words: str, cwd: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    """Run the installed parcompute."""
    done = run([*python("-m", "parcompute"), *words], cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    return done


def test_it_is_the_installed_package(installed, tmp_path):
    code = "import parcompute; print(parcompute.__file__)"
    done = run([sys.executable, "-c", code], cwd=tmp_path, env=installed)
    assert done.stdout.startswith(installed["PYTHONPATH"])


def test_it_runs_in_an_empty_folder(installed, tmp_path):
    words = ("run", "+exp=heat2d", "backend.ranks=2", "experiment.steps=20")
    parcompute(*words, cwd=tmp_path, env=installed)
    [made] = map(Made, run_directories(tmp_path))
    assert made.files == COMPLETE
    assert made.record["experiment_file"].startswith(installed["PYTHONPATH"])
    parcompute("analyze", str(made.folder), cwd=tmp_path, env=installed)


def test_it_finds_the_users_experiments_beside_its_own(installed, tmp_path):
    install_user(tmp_path)
    listed = parcompute("list", cwd=tmp_path, env=installed).stdout
    assert {"heat2d", "hillslope", "heat3d"} <= {line.split()[0] for line in listed.splitlines()}
    words = ("run", "+exp=heat3d", "backend.ranks=2")
    parcompute(*words, cwd=tmp_path, env=installed)
    [made] = map(Made, run_directories(tmp_path))
    assert made.record["experiment_file"] == str(tmp_path / "experiments/heat3d.py")
