"""The first run of a newcomer: what it prints, what it leaves, and who can read that."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from PIL import Image

from tests.helpers import environment, kill_group, run
from tests.system.cli import COMPLETE, Made, command, run_directories

SMALL = ("experiment.shape=[61,47]", "experiment.steps=30", "output.every=12")


def test_it_takes_a_rank_for_each_physical_core(first_run):
    record = first_run.record
    assert 1 <= record["ranks"] <= os.cpu_count()
    assert record["engine"] == ("multiprocessing" if record["ranks"] > 1 else "serial")
    assert np.prod(record["dims"]) == record["ranks"]


@pytest.mark.parametrize(
    "line",
    [
        r"run directory +runs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{6}",
        r"engine +(serial|multiprocessing), \d+ ranks?, dims \d+ x \d+",
        r"steps +1000 in \d+\.\d+ s, \d+\.\d MLUP/s .*",
        r"error of u +max \d\.\d+e-07, rms \d\.\d+e-07 .*",
        r"memory +\d+ MiB .*",
        r"output +(pwrite|gathered|mpio|chunks).*",
        r"picture +preview.png",
    ],
)
def test_it_ends_with_a_summary(first_run, line):
    lines = first_run.done.stdout.splitlines()
    assert [x for x in lines if re.fullmatch(line, x)], first_run.done.stdout
    assert (first_run.folder / "log.txt").read_text().splitlines() == lines


def test_it_prints_plain_lines_where_there_is_no_terminal(first_run):
    assert first_run.done.stderr == ""
    assert "\x1b" not in first_run.done.stdout
    assert "\r" not in first_run.done.stdout
    assert re.search(r"^step 1000 of 1000, .* MLUP/s$", first_run.done.stdout, re.M)


def test_it_leaves_a_complete_run_directory(first_run):
    assert first_run.files == COMPLETE
    assert {p.name for p in (first_run.folder / ".hydra").iterdir()} == {
        "config.yaml",
        "hydra.yaml",
        "overrides.yaml",
    }
    assert os.listdir(first_run.folder.parent.parent) == ["runs"]


def test_its_record_says_how_to_repeat_it(first_run):
    record = first_run.record
    assert record["status"] == "complete"
    assert record["config"]["experiment"]["shape"] == [256, 256]
    assert record["config"]["output"]["every"] == 250
    assert record["packages"]["numpy"] == np.__version__
    assert record["command"][1:] == ["-m", "parcompute", "run", "+exp=heat2d"]
    assert record["report"]["steps"] == 1000
    assert record["started"] <= record["finished"]


def test_its_timings_and_diagnostics(first_run):
    timings = json.loads((first_run.folder / "timings.json").read_text())
    for phase, seconds in timings["seconds"].items():
        assert 0 <= seconds["min"] <= seconds["mean"] <= seconds["max"] < 60, phase
    rows = first_run.table("diagnostics.csv")
    assert [int(row["step"]) for row in rows] == [0, 250, 500, 750, 1000]
    for row, u in zip(rows, first_run.u, strict=True):
        assert (float(row["min"]), float(row["max"])) == (u.min(), u.max())
        assert float(row["total"]) == pytest.approx(u.mean(), rel=1e-14)


def test_its_picture_shows_the_first_and_the_last_snapshot(first_run):
    with Image.open(first_run.folder / "preview.png") as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"), float)
    height, width, _ = pixels.shape
    assert 800 <= width <= 3000
    assert 300 <= height <= 2000
    left, right = np.array_split(pixels[height // 4 : -height // 4], 2, axis=1)
    for half in (left, right):
        assert len(np.unique(half.reshape(-1, 3), axis=0)) > 100


def test_fields_follow_the_conventions_of_hdf5(first_run):
    with h5py.File(first_run.folder / "fields.h5") as file:
        u = file["u"]
        assert (u.shape, u.dtype) == ((5, 256, 256), np.float64)
        scales = [{scale.name for scale in dim.values()} for dim in u.dims]
        assert scales == [{"/time"}, {"/y"}, {"/x"}]
        datasets = {name: node.attrs for name, node in file.items() if name != "VTKHDF"}
        units = {name: found["units"] for name, found in datasets.items() if "units" in found}
        assert units == {"u": "K", "time": "s", "step": "1", "y": "m", "x": "m"}
        assert u.attrs["long_name"] == "temperature"
        assert all(found["long_name"] for found in datasets.values())
        assert json.loads(file.attrs["config"]) == first_run.record["config"]
        assert list(file["step"]) == [0, 250, 500, 750, 1000]
        assert file["step"].dtype.kind == "i"
        dt = 0.2 / 256**2
        np.testing.assert_allclose(file["time"], file["step"][:] * dt, rtol=1e-15)
        for axis in "yx":
            np.testing.assert_allclose(file[axis], (np.arange(256) + 0.5) / 256, rtol=1e-15)


def test_xarray_opens_the_fields(first_run):
    with xarray.open_dataset(first_run.folder / "fields.h5", engine="h5netcdf") as data:
        assert data["u"].dims == ("time", "y", "x")
        assert {"time", "y", "x"} <= set(data.coords)
        assert data["u"].attrs["units"] == "K"
        assert data["y"].attrs["units"] == "m"
        assert list(data["step"].values) == [0, 250, 500, 750, 1000]
        nearest = data["u"].isel(time=-1).sel(y=0.5, x=0.25, method="nearest")
        assert float(nearest) == first_run.u[-1, 128, 64]


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Return a run by the console script, with ``exp=`` in the place of ``+exp=``."""
    folder = tmp_path_factory.mktemp("script")
    script = Path(sys.executable).parent / "parcompute"
    done = run([script, "run", "exp=heat2d", "backend=serial", *SMALL], cwd=folder)
    assert done.returncode == 0, done.stderr
    [made] = run_directories(folder)
    return Made(made, done)


def test_the_console_script_runs_too(scripted):
    assert scripted.files == COMPLETE
    assert scripted.record["status"] == "complete"
    assert scripted.record["engine"] == "serial"
    assert list(scripted.dataset("step")) == [0, 12, 24, 30]


def test_a_terminal_shows_a_bar_with_rate_and_time_left(tmp_path):
    words = ("run", "+exp=heat2d", "backend.ranks=2", "experiment.steps=2000")
    code, text = _on_a_terminal(command(*words), tmp_path)
    assert code == 0, text
    assert re.search(r"[━╸╺]{5}", text), text
    assert re.search(r"\d+/2000.*steps.*\d+\.\d MLUP/s.*left", text), text
    assert not re.search(r"step \d+ of", text), "plain lines beside the bar"
    assert "run directory" in text


def _on_a_terminal(words: list[str], folder: Path) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; return its exit code and what the terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=environment() | {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        start_new_session=True,
    )
    os.close(theirs)
    chunks = []
    try:
        while chunk := _read(ours):
            chunks.append(chunk)
        return process.wait(10), b"".join(chunks).decode()
    finally:
        kill_group(process)
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when nobody has the other end open any more
        return b""
