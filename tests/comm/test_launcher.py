"""Which launcher, which mpiexec, how many cores."""

from __future__ import annotations

import os

import pytest

from parcompute.comm import cores, mpiexec
from parcompute.comm.launcher import (
    Launcher,
    check_world,
    detect,
    library_name,
    without_launcher,
)
from parcompute.errors import ConfigError

JOB = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}
STEP = {**JOB, "SLURM_PROCID": "3", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}
HYDRA = {"PMI_RANK": "1", "PMI_SIZE": "4"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"}
HELPERS = {**STEP, "SLURM_STEP_ID": "1", "SLURM_STEP_NUM_TASKS": "2"}  # one per node


@pytest.mark.parametrize(
    ("environ", "launcher"),
    [
        ({}, None),
        (HYDRA, Launcher("mpiexec (Hydra)", 1, 4)),
        (OPEN_MPI, Launcher("mpiexec (Open MPI)", 1, 4)),
        (JOB, Launcher("Slurm job", 0, 4, started=False)),
        ({**JOB, "SLURM_STEP_ID": "4294967291"}, Launcher("Slurm job", 0, 4, started=False)),
        (STEP, Launcher("srun", 3, 4)),
        ({**STEP, **HYDRA}, Launcher("srun", 1, 4)),
        ({**HELPERS, **HYDRA}, Launcher("mpiexec (Hydra)", 1, 4)),
        ({**HELPERS, **OPEN_MPI}, Launcher("mpiexec (Open MPI)", 1, 4)),
    ],
)
def test_detect(environ, launcher):
    assert detect(environ) == launcher


def test_worlds_of_one_rank_are_refused():
    with pytest.raises(ConfigError, match="srun --mpi=list"):
        check_world(1, "MPICH 5.0.2", STEP)
    with pytest.raises(ConfigError, match=r"MPICH 5\.0\.2.*mpiexec that belongs"):
        check_world(1, "MPICH 5.0.2", OPEN_MPI)


@pytest.mark.parametrize(
    ("size", "environ"), [(4, STEP), (1, {}), (1, JOB), (1, {"PMI_RANK": "0", "PMI_SIZE": "1"})]
)
def test_other_worlds_are_accepted(size, environ):
    check_world(size, environ=environ)


def test_environment_without_launcher():
    kept = {"HOME": "/", "OMPI_ALLOW_RUN_AS_ROOT": "1", "SLURM_JOB_ID": "7"}
    assert without_launcher({**HYDRA, **OPEN_MPI, **kept}) == kept


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("MPICH Version:      5.0.2\nMPICH Release date: …", "MPICH 5.0.2"),
        ("Open MPI v4.1.4, package: Debian", "Open MPI v4.1.4"),
        (
            "Intel(R) MPI Library 2021.11 for Linux* OS\n\0",
            "Intel(R) MPI Library 2021.11 for Linux* OS",
        ),
    ],
)
def test_library_name(version, name):
    assert library_name(version) == name


@pytest.mark.mpi
def test_mpiexec_of_the_library_in_use():
    command = mpiexec.mpiexec_command(3)
    assert os.access(command[0], os.X_OK)
    assert command[-2:] == ["-n", "3"]


def test_without_mpi_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(mpiexec, "_ASK", "import no_such_mpi4py")
    monkeypatch.setattr(mpiexec, "mpi_library", mpiexec.mpi_library.__wrapped__)  # not remembered
    with pytest.raises(ConfigError, match=r"no_such_mpi4py.*pip install"):
        mpiexec.mpiexec_command(2)


def test_mpiexec_of_another_library_is_not_taken(monkeypatch):
    monkeypatch.setattr(mpiexec, "mpi_library", lambda: mpiexec.Library("Intel(R) MPI 2021", ""))
    with pytest.raises(ConfigError, match="found no mpiexec of Intel"):
        mpiexec.mpiexec_command(2)


def test_unknown_library(monkeypatch):
    monkeypatch.setattr(mpiexec, "mpi_library", lambda: mpiexec.Library("Home-made 1", ""))
    with pytest.raises(ConfigError, match="no mpiexec is known for Home-made 1"):
        mpiexec.mpiexec_command(2)


def test_cores():
    assert 1 <= cores.physical_cores() <= cores.usable_cpus() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_cores_respect_affinity():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.physical_cores() == cores.usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("limit", "cpus"), [("150000 100000", 2), ("max 100000", None), ("", None)]
)
def test_cores_respect_the_quota_of_a_container(monkeypatch, tmp_path, limit, cpus):
    free = cores.usable_cpus()
    (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(cores, "_CGROUP_QUOTA", tmp_path / "cpu.max")
    assert cores.usable_cpus() == min(free, cpus or free)
