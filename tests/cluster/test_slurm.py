"""Jobs of a real Slurm with two nodes: ``slurm/job.sh`` and what can go wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import pytest

from tests import helpers
from tests.cluster import runs
from tests.cluster.slurm import wait_for
from tests.helpers import ROOT, python

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240, method="signal")]

JOB = ROOT / "slurm/job.sh"
HEAT = (*runs.HEAT, f"hydra.run.dir={runs.FOLDER}")
ONE_MACHINE = {  # the two nodes are one machine: shared memory is not to be used between them
    "OMPI_MCA_btl": "self,tcp",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "UCX_NET_DEVICES": "lo",
}


@pytest.fixture(params=["mpich_python", "open_mpi_python"])
def job(request, slurm, tmp_path):
    """Return a function that submits job.sh, with one MPI and then with the other."""
    chosen = {"PARCOMPUTE_PYTHON": str(request.getfixturevalue(request.param))}

    def submit(*arguments, options=(), meanwhile=lambda number: None, **env):
        variables = ONE_MACHINE | chosen | env
        return slurm.submit(
            *options, JOB, *arguments, cwd=tmp_path, env=variables, meanwhile=meanwhile
        )

    return submit


def test_one_world_over_both_nodes(job, tmp_path, serial_checksum):
    done = job(*HEAT, "experiment.long_name=air temperature")
    assert (done.state, done.exit_code) == ("COMPLETED", 0), done.log
    assert "4 ranks on n[1-2]" in done.log
    runs.assert_complete(tmp_path / runs.FOLDER, 4)
    config = runs.record(tmp_path / runs.FOLDER)["config"]
    assert config["experiment"]["long_name"] == "air temperature"
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum


def test_options_of_sbatch_win(job, tmp_path, serial_checksum):
    options = ("--nodes=1", "--ntasks=2", "--cpus-per-task=2", "--output=here.log")
    done = job(*HEAT, options=options)
    assert done.state == "COMPLETED", done.log
    assert (tmp_path / "here.log").read_text() == done.log
    runs.assert_complete(tmp_path / runs.FOLDER, 2)
    assert runs.record(tmp_path / runs.FOLDER)["config"]["backend"]["threads"] == 2
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum


def test_worlds_of_one_rank_are_refused(slurm, tmp_path, mpich_python):
    done = slurm.submit(JOB, *HEAT, cwd=tmp_path, env=_wrong_launcher(mpich_python))
    assert done.state == "FAILED", done.log
    assert done.exit_code in (2, 143)  # 143: Slurm ended the other ranks before they said so
    assert done.log.count("error: srun started 4 processes, but MPICH") == 1
    assert done.log.count("srun --mpi=list") == 1
    assert "Traceback" not in done.log
    assert not (tmp_path / runs.FOLDER).exists()


def test_open_mpi_itself_refuses_such_worlds(slurm, tmp_path, open_mpi_python):
    done = slurm.submit(JOB, *HEAT, cwd=tmp_path, env=_wrong_launcher(open_mpi_python))
    assert done.state == "FAILED", done.log
    assert 'direct launched using "srun"' in done.log
    assert not (tmp_path / runs.FOLDER).exists()


def _wrong_launcher(python):
    return {"PARCOMPUTE_PYTHON": str(python), "PARCOMPUTE_LAUNCH": "srun --mpi=none"}


def test_bad_input_is_one_sentence(job, tmp_path):
    done = job(*HEAT, "experiment.r=0.3")
    assert (done.state, done.exit_code) == ("FAILED", 2), done.log
    assert done.log.count("error: experiment.r=0.3") == 1
    assert "Traceback" not in done.log
    assert not (tmp_path / runs.FOLDER).exists()


def test_an_exception_on_one_rank_ends_the_job(job, tmp_path):
    runs.write_broken(tmp_path)
    done = job("+exp=broken", f"hydra.run.dir={runs.FOLDER}")
    assert done.state == "FAILED", done.log
    assert done.exit_code != 0
    assert done.log.count("Traceback") == 1
    assert done.log.count("rank 1 of 4 failed") == 1
    assert done.seconds < 20


def test_a_killed_rank_ends_the_job(job, tmp_path):
    runs.write_broken(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    done = job("+exp=broken", f"hydra.run.dir={runs.FOLDER}")
    assert done.state == "FAILED", done.log
    assert done.exit_code != 0
    assert "Traceback" not in done.log
    assert done.seconds < 20


@pytest.mark.parametrize("found", ["active", "beside"])
def test_the_environment_is_found(slurm, tmp_path, mpich_python, found):
    venv = mpich_python.parent.parent
    active = {"VIRTUAL_ENV": str(venv)} if found == "active" else {"VIRTUAL_ENV": ""}
    if found == "beside":
        (tmp_path / ".venv").symlink_to(venv)
    done = slurm.submit(JOB, *HEAT, cwd=tmp_path, env=ONE_MACHINE | active)
    assert done.state == "COMPLETED", done.log
    assert "MPICH" in done.log
    runs.assert_complete(tmp_path / runs.FOLDER, 4)


def test_a_python_without_mpi_is_refused(slurm, tmp_path):
    plain = tmp_path / "python"
    plain.write_text(f'#!/bin/sh\nexec {_base_python()} -I "$@"\n')
    plain.chmod(0o755)
    done = slurm.submit(JOB, *HEAT, cwd=tmp_path, env={"PARCOMPUTE_PYTHON": str(plain)})
    assert (done.state, done.exit_code) == ("FAILED", 2), done.log
    assert "has no mpi4py that finds an MPI library" in done.log


def _base_python() -> Path:
    return Path(sys.base_prefix) / "bin/python3"


def _script(folder, python, *arguments):
    file = folder / "own.sh"
    words = " ".join(f"'{word}'" for word in arguments)
    file.write_text(f"#!/bin/bash\n#SBATCH --nodes=2 --ntasks=4\n'{python}' {words}\n")
    return file


def test_parcompute_starts_mpi_in_a_job(slurm, tmp_path, mpich_python, serial_checksum):
    own = _script(tmp_path, mpich_python, *runs.heat(), "backend=mpi", "backend.ranks=4")
    done = slurm.submit(own, cwd=tmp_path, env=ONE_MACHINE)
    assert done.state == "COMPLETED", done.log
    runs.assert_complete(tmp_path / runs.FOLDER, 4)
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum


def test_without_a_launcher_the_ranks_are_processes(slurm, tmp_path, mpich_python, serial_checksum):
    own = _script(tmp_path, mpich_python, *runs.heat(), "backend.ranks=3")
    done = slurm.submit(own, cwd=tmp_path)
    assert done.state == "COMPLETED", done.log
    assert runs.record(tmp_path / runs.FOLDER)["engine"] == "multiprocessing"
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum


def test_a_job_that_is_stopped_goes_on_on_other_ranks(job, slurm, tmp_path):
    """Slurm's signal before the time limit: 85, and the next job makes the rest."""
    long = ("+exp=heat2d", "experiment.shape=[61,47]", "output.every=4000", "resume=auto")
    long += ("experiment.steps=16000", f"hydra.run.dir={runs.FOLDER}")
    run = tmp_path / runs.FOLDER

    def stop(number):
        wait_for(lambda: (run / "fields.h5").exists(), 60)
        assert slurm.run("scancel", "--batch", "--signal=USR1", number).returncode == 0

    done = job(*long, meanwhile=stop)
    assert (done.state, done.exit_code) == ("FAILED", 85), done.log
    assert "stopped early" in done.log
    assert runs.record(run)["status"] == "stopped"
    done = job(*long, options=("--nodes=1", "--ntasks=3"))
    assert (done.state, done.exit_code) == ("COMPLETED", 0), done.log
    assert "goes on at step" in done.log
    whole = helpers.run(python(*runs.RUN, *long[:3], *long[4:5], "hydra.run.dir=w"), cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    assert _contents(run) == _contents(tmp_path / "w")


def _contents(run):
    with h5py.File(run / "fields.h5") as file:
        fields = {name: file[name][:].tobytes() for name in ("u", "time", "step", "total")}
    return fields, (run / "diagnostics.csv").read_bytes()
