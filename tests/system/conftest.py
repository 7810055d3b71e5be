"""What the system tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import run
from tests.system.cli import Made, Workshop, command, install_user, run_directories


@pytest.fixture(scope="module", autouse=True)
def _interruptible() -> Iterator[None]:
    """Have processes that are started meanwhile hear Ctrl-C, also if this one is in background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return a folder in which each run is made once."""
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Return the run that a newcomer makes, in an empty folder."""
    folder = tmp_path_factory.mktemp("first")
    done = run(command("run", "+exp=heat2d"), cwd=folder)
    assert done.returncode == 0, done.stderr
    [made] = run_directories(folder)
    return Made(made, done)


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """Return a folder with the user's experiments."""
    return install_user(tmp_path)
