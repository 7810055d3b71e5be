"""A value that stands for none is left out by xarray and by pictures."""

from __future__ import annotations

import numpy as np
from PIL import Image

import parcompute as pc
from tests.system.cli import Workshop, parcompute

SMALL = ("experiment.refine=1", "experiment.shape=[91,120]", "experiment.steps=5")
LAKE = ("+exp=lake_at_rest", *SMALL, "output.fields=[surface,arrival]", "backend=serial")


def test_statistics_leave_out_what_is_missing(workshop: Workshop):
    made = workshop.make(*LAKE)
    done = parcompute("analyze", made.folder, "backend.ranks=2", cwd=workshop.folder)
    assert done.returncode == 0, done.stderr
    surface, arrival = (made.table("analysis.csv")[k] for k in (0, -1))
    columns = ("min", "max", "mean", "total")
    assert [float(surface[name]) for name in columns] == [0] * 4
    assert all(np.isnan(float(arrival[name])) for name in columns)


def test_files_and_pictures_leave_land_out(workshop: Workshop):
    made = workshop.make("+exp=tsunami", *SMALL, "backend=serial", "output.every=5")
    with pc.open_run(made.folder) as run:
        land = np.isnan(run.highest.isel(time=-1))
        assert 0.4 < float(land.mean()) < 0.7
        assert float(run.highest.min()) == 0
        assert float(run.y[-1]) > 2e5
    with Image.open(made.folder / "preview.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert 0.1 < np.mean(np.all(pixels == (0xB8, 0xAD, 0x9A), axis=1)) < 0.5  # the colour of land
