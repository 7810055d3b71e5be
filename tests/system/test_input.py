"""Real input: initial values from files, scattered over the ranks; real terrain."""

from __future__ import annotations

from pathlib import Path

import h5py
import matplotlib
import numpy as np
import pytest
from PIL import Image

from tests.system.cli import Made, Workshop, install_user, parcompute, run_directories

SHAPE = (19, 14)


def write_inputs(folder: Path) -> dict[str, np.ndarray]:
    """Write files of all kinds; return by ``experiment.initial`` what they hold."""
    rng = np.random.default_rng(7)
    plain, single = rng.normal(size=SHAPE), rng.normal(size=SHAPE).astype(np.float32)
    counts = rng.integers(-9, 9, SHAPE).astype(np.int16)
    grey = rng.integers(0, 256, SHAPE).astype(np.uint8)
    deep = rng.integers(0, 65536, SHAPE).astype(np.uint16)
    np.save(folder / "plain.npy", plain)
    np.savez(folder / "two.npz", other=np.zeros(3), single=single)
    with h5py.File(folder / "tree.h5", "w") as file:
        file["group/counts"] = counts
        file["other"] = np.zeros((2, 2))
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(deep).save(folder / "deep.png")
    return {
        "plain.npy": plain,
        "two.npz:single": single.astype(float),
        "tree.h5:group/counts": counts.astype(float),
        "grey.png": grey / 255,
        "deep.png": deep.astype(float),
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[np.ndarray, Made]]:
    """Return by ``experiment.initial`` what the file holds, and the run that started from it.

    The first is on two ranks: each takes its part, whatever kind of file it comes from.
    """
    folder = install_user(tmp_path_factory.mktemp("inputs"))
    expected = write_inputs(folder)
    shape = f"experiment.shape=[{','.join(map(str, SHAPE))}]"
    first, *others = expected
    for sources, dims in ((first, "[1,2]"), (",".join(others), "[1,1]")):
        done = parcompute(
            *("run", "-m", "+exp=heat2d", f"backend.dims={dims}", "experiment.steps=1", shape),
            f"experiment.initial={sources}",
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr + done.stdout
    made = [Made(path) for path in run_directories(folder)]
    by_source = {run.record["config"]["experiment"]["initial"]: run for run in made}
    assert set(by_source) == set(expected)
    return {source: (expected[source], by_source[source]) for source in expected}


@pytest.mark.parametrize(
    "source", ["plain.npy", "two.npz:single", "tree.h5:group/counts", "grey.png", "deep.png"]
)
def test_a_run_starts_from_a_file(inputs, source):
    expected, made = inputs[source]
    np.testing.assert_array_equal(made.u[0], expected)
    assert made.record["dims"] == ([1, 2] if source == "plain.npy" else [1, 1])
    assert made.record["report"]["errors"] == {}, "there is no exact solution"


@pytest.fixture(scope="module")
def hillslopes(workshop: Workshop) -> list[Made]:
    """Return two runs on real terrain; the second is one of two steps."""
    short = ("backend.ranks=3", "experiment.steps=2")
    return workshop.make_all(("+exp=hillslope", "backend.ranks=2"), ("+exp=hillslope", *short))


@pytest.fixture(scope="module")
def hillslope(hillslopes: list[Made]) -> Made:
    """Return the run on real terrain."""
    return hillslopes[0]


@pytest.fixture(scope="module")
def terrain() -> np.ndarray:
    """Return the elevation model [m]."""
    path = Path(matplotlib.get_data_path(), "sample_data/jacksboro_fault_dem.npz")
    with np.load(path) as archive:
        elevation: np.ndarray = archive["elevation"]
    return elevation.astype(float)


def test_hillslope_starts_from_the_terrain(hillslope, terrain):
    np.testing.assert_array_equal(hillslope.u[0], terrain)


def test_hillslope_conserves_volume_to_rounding(hillslope):
    totals = np.array([float(row["total"]) for row in hillslope.table("diagnostics.csv")])
    assert len(totals) == len(hillslope.u) >= 3
    assert np.abs(totals / totals[0] - 1).max() < 1e-12
    volume = hillslope.u[-1].sum() * 92.475 * 74.573
    assert totals[-1] == pytest.approx(volume, rel=1e-5)


def test_hillslope_smooths_the_terrain(hillslope):
    rough = [np.abs(np.diff(u, axis=axis)).sum() for axis in (0, 1) for u in hillslope.u]
    along, across = np.array_split(np.array(rough), 2)
    assert (np.diff(along) < 0).all()
    assert (np.diff(across) < 0).all()
    rows = hillslope.table("diagnostics.csv")
    assert (np.diff([float(row["max"]) for row in rows]) < 0).all()
    assert (np.diff([float(row["min"]) for row in rows]) > 0).all()


def test_hillslope_has_metres_and_years(hillslope):
    """The file's cells are 1/1200 degree, at 36.59 degrees north on the WGS 84 ellipsoid."""
    latitude, a, e2 = np.radians(36.59), 6378137.0, 0.00669437999
    w = np.sqrt(1 - e2 * np.sin(latitude) ** 2)
    degree = np.pi / 180
    dy, dx = degree * a * (1 - e2) / w**3 / 1200, degree * a * np.cos(latitude) / w / 1200
    y, x = hillslope.dataset("y"), hillslope.dataset("x")
    np.testing.assert_allclose(np.abs(np.diff(y)), dy, rtol=1e-3)
    np.testing.assert_allclose(np.abs(np.diff(x)), dx, rtol=1e-3)
    time, step = hillslope.dataset("time"), hillslope.dataset("step")
    dt = 2 * 0.2 / (hillslope.record["config"]["experiment"]["alpha"] * (dy**-2 + dx**-2))
    np.testing.assert_allclose(time, step * dt, rtol=1e-3)
    with h5py.File(hillslope.folder / "fields.h5") as file:
        units = {name: file[name].attrs["units"] for name in ("u", "y", "x", "time")}
    assert units == {"u": "m", "y": "m", "x": "m", "time": "yr"}


def test_hillslope_steps_as_numpy_with_mirrors_at_the_walls(hillslopes, terrain):
    u, (dy, dx) = terrain, (92.475, 74.573)
    ry, rx = (2 * 0.2 / (dy**-2 + dx**-2) / h**2 for h in (dy, dx))
    for _ in range(2):
        p = np.pad(u, 1, mode="symmetric")
        u = (
            u
            + ry * (p[:-2, 1:-1] - 2 * u + p[2:, 1:-1])
            + rx * (p[1:-1, :-2] - 2 * u + p[1:-1, 2:])
        )
    np.testing.assert_allclose(hillslopes[1].u[-1], u, rtol=1e-6)
