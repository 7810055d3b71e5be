"""Debian's Open MPI with parallel HDF5, as on a cluster: started by mpiexec and by parcompute."""

from __future__ import annotations

import csv
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from parcompute.comm.mpiexec import mpi_library, mpiexec_command
from tests.cluster import runs
from tests.helpers import python, run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180, method="signal")]

MPIO = "mpio (parallel HDF5, collective)"
ENDED = 20.0  # 5 s, and the start of Python and MPI on a busy machine


def mpiexec(ranks, *arguments, cwd, timeout=60):
    command = ["mpiexec.openmpi", "--oversubscribe", "-n", str(ranks), *python(*arguments)]
    return run(command, cwd=cwd, timeout=timeout)


def test_this_is_the_environment_of_a_cluster():
    assert "Open MPI" in mpi_library().version
    assert h5py.get_config().mpi


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5, 7])
def test_all_ranks_write_the_file_of_the_serial_run(tmp_path, serial_checksum, ranks):
    done = mpiexec(ranks, *runs.heat(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert MPIO in done.stdout
    runs.assert_complete(tmp_path / runs.FOLDER, ranks)
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum


@pytest.mark.parametrize("dims", ["[3,1]", "[1,3]"])
def test_dims_of_the_user(tmp_path, serial_checksum, dims):
    done = mpiexec(3, *runs.heat(), f"backend.dims={dims}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(runs.record(tmp_path / runs.FOLDER)["dims"]).replace(" ", "") == dims
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum


def test_xarray_opens_the_file(tmp_path):
    done = mpiexec(3, *runs.heat(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with xarray.open_dataset(tmp_path / runs.FOLDER / "fields.h5", engine="h5netcdf") as data:
        assert data.u.dims == ("time", "y", "x")
        assert data.u.attrs["units"] == "K"
        np.testing.assert_array_equal(data.step, [0, 40, 80, 100])
        np.testing.assert_allclose(data.y, (np.arange(61) + 0.5) / 61, rtol=1e-14)
        np.testing.assert_allclose(data.u[0], _first_mode(data.y, data.x), rtol=1e-12)


def _first_mode(y, x):
    return np.sin(np.pi * y.to_numpy())[:, None] * np.sin(np.pi * x.to_numpy())


def test_compressed_chunks_are_written_collectively(tmp_path, serial_checksum):
    done = mpiexec(3, *runs.heat(), "output.compression=gzip", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert MPIO in done.stdout
    with h5py.File(tmp_path / runs.FOLDER / "fields.h5") as file:
        assert file["u"].compression == "gzip"
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum


def test_analysis_does_not_depend_on_the_ranks(tmp_path):
    made = mpiexec(4, *runs.heat(), cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    tables = []
    for ranks in (1, 3):
        done = mpiexec(ranks, "-m", "parcompute", "analyze", runs.FOLDER, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        tables.append((tmp_path / runs.FOLDER / "analysis.csv").read_text())
    assert tables[0] == tables[1]
    rows = list(csv.DictReader(tables[0].splitlines()))
    with h5py.File(tmp_path / runs.FOLDER / "fields.h5") as file:
        values = file["u"][:]
    assert [int(row["step"]) for row in rows] == [0, 40, 80, 100]
    assert [float(row["max"]) for row in rows] == values.max(axis=(1, 2)).tolist()
    np.testing.assert_allclose(
        [float(row["mean"]) for row in rows], values.mean(axis=(1, 2)), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("experiment.r=0.3", "0.25"),
        ("experiment.stpes=3", "Did you mean 'steps'?"),
        ("backend=multiprocessing", "launcher"),
        ("experiment.shape=[2,1]", "ranks"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, argument, words):
    done = mpiexec(3, *runs.heat(), argument, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    sentences = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1
    assert words in sentences[0]
    assert not list(tmp_path.iterdir())


def test_an_exception_on_one_rank_ends_the_job(tmp_path):
    runs.write_broken(tmp_path)
    begin = time.monotonic()
    done = mpiexec(3, *runs.RUN, "+exp=broken", f"hydra.run.dir={runs.FOLDER}", cwd=tmp_path)
    assert time.monotonic() - begin < ENDED
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count("rank 1 of 3 failed") == 1
    assert done.stderr.count("ValueError: boom") == 1
    with h5py.File(tmp_path / runs.FOLDER / "fields.h5") as file:
        assert file["step"][0] == 0  # what was written before can be read


def _file(command):
    return Path(shutil.which(command)).resolve()


def test_parcompute_starts_debians_mpiexec(tmp_path, serial_checksum):
    assert _file(mpiexec_command(4)[0]) == _file("mpiexec.openmpi")
    done = run(python(*runs.heat(), "backend=mpi", "backend.ranks=4"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert MPIO in done.stdout
    runs.assert_complete(tmp_path / runs.FOLDER, 4)
    assert runs.checksum(tmp_path / runs.FOLDER) == serial_checksum
