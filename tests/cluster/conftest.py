"""What the tests of a cluster share: Slurm, and the two Pythons."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import runs
from tests.cluster.slurm import Slurm
from tests.helpers import python, run

MPICH_PYTHON = "PARCOMPUTE_TEST_MPICH_PYTHON"


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """Return a Slurm with two nodes of four CPUs."""
    slurm = Slurm()
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture(scope="session")
def mpich_python() -> Path:
    """Return the Python of an environment in which mpi4py uses MPICH."""
    name = os.environ.get(MPICH_PYTHON)
    assert name, f"{MPICH_PYTHON} must name the Python of an environment with mpi4py and MPICH"
    return Path(name)


@pytest.fixture(scope="session")
def open_mpi_python() -> Path:
    """Return the Python of these tests, in which mpi4py uses Open MPI."""
    return Path(sys.executable)


@pytest.fixture(scope="session")
def serial_checksum(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of `u` that a run on one rank without MPI computes."""
    folder = tmp_path_factory.mktemp("serial")
    done = run(python(*runs.heat(), "backend=serial"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return runs.checksum(folder / runs.FOLDER)
