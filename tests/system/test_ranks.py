"""One program, three engines: the same bits on any number of ranks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.system.cli import COMPLETE, Made, Workshop

pytestmark = pytest.mark.ahead(2)

HEAT = ("+exp=heat2d", "experiment.shape=[61,47]", "experiment.steps=30", "output.every=12")
SERIAL = ("backend=serial",)


def processes(ranks: int, dims: str = "") -> tuple[str, ...]:
    """Return the arguments for the multiprocessing engine."""
    pinned = (f"backend.dims={dims}",) if dims else ()
    return ("backend=multiprocessing", f"backend.ranks={ranks}", *pinned)


def assert_same(made: Made, reference: Made) -> None:
    """Assert that both runs have left the same bits, and all that belongs to a run."""
    assert made.files == COMPLETE
    assert made.record["status"] == "complete"
    assert made.checksum == reference.checksum
    diagnostics = "diagnostics.csv"
    assert (made.folder / diagnostics).read_bytes() == (reference.folder / diagnostics).read_bytes()
    assert made.record["report"]["errors"] == reference.record["report"]["errors"]


@pytest.fixture(scope="module")
def heat(workshop: Workshop) -> Made:
    """Return heat2d on one rank."""
    return workshop.make(*HEAT, *SERIAL)


def test_the_reference_is_what_numpy_computes(heat):
    assert heat.u.shape == (4, 61, 47)
    u = heat.u[0]
    dt = 2 * 0.2 / (61**2 + 47**2)
    for step in range(1, 31):
        ghost = np.pad(u, 1)
        for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            ghost[side] = -np.pad(u, 1, mode="edge")[side]
        across = ghost[:-2, 1:-1] - 2 * u + ghost[2:, 1:-1]
        along = ghost[1:-1, :-2] - 2 * u + ghost[1:-1, 2:]
        u = u + dt * 61**2 * across + dt * 47**2 * along
        if step in (12, 24, 30):
            index = [12, 24, 30].index(step) + 1
            np.testing.assert_allclose(heat.u[index], u, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("words", "dims"),
    [
        (processes(2), [2, 1]),
        (processes(3), None),
        (processes(5), None),
        (processes(4, "[1,4]"), [1, 4]),
        (("backend=multiprocessing", "backend.dims=[3,2]"), [3, 2]),
        ((*SERIAL, "kernels.engine=numpy"), [1, 1]),
        ((*processes(3), "output.compression=gzip"), None),
    ],
    ids=lambda value: " ".join(map(str, value or ["any"])),
)
def test_heat2d_without_mpi(workshop, heat, words, dims):
    made = workshop.make(*HEAT, *words)
    assert_same(made, heat)
    assert np.prod(made.record["dims"]) == made.record["ranks"]
    assert dims in (None, made.record["dims"])


@pytest.mark.mpi
def test_heat2d_under_mpiexec(workshop, heat):
    made = workshop.make(*HEAT, ranks=4)
    assert_same(made, heat)
    assert (made.record["engine"], made.record["ranks"]) == ("mpi", 4)
    assert made.done.stdout.count("run directory") == 1


@pytest.mark.mpi
def test_heat2d_starts_itself_under_mpiexec(workshop, heat):
    made = workshop.make(*HEAT, "backend=mpi", "backend.ranks=3")
    assert_same(made, heat)
    assert (made.record["engine"], made.record["ranks"]) == ("mpi", 3)


OWN = {
    "advect1d": ("+exp=advect1d", "output.every=7"),
    "heat3d": ("+exp=heat3d", "output.every=5"),
}
OWN_RANKS = [
    ("advect1d", processes(3), 0),
    ("heat3d", processes(8, "[2,2,2]"), 0),
    pytest.param("advect1d", (), 2, marks=pytest.mark.mpi),
    pytest.param("heat3d", ("backend.dims=[1,1,3]",), 3, marks=pytest.mark.mpi),
]


@pytest.mark.parametrize(("name", "words", "ranks"), OWN_RANKS)
def test_the_users_own_experiments(workshop, name, words, ranks):
    reference = workshop.make(*OWN[name], *SERIAL)
    made = workshop.make(*OWN[name], *words, ranks=ranks)
    assert_same(made, reference)
    assert made.record["experiment_file"] == str(workshop.folder / f"experiments/{name}.py")


def test_a_ring_of_cells_moves_as_in_numpy(workshop):
    made = workshop.make(*OWN["advect1d"], *SERIAL)
    u = np.exp(-50 * ((np.arange(61) + 0.5) / 61 - 0.5) ** 2)
    assert made.u.shape == (4, 61)
    for step in range(21):
        if step in (0, 7, 14, 20):
            index = [0, 7, 14, 20].index(step)
            np.testing.assert_allclose(made.u[index], u, rtol=0, atol=1e-15)
        u = u - 1.0 * (u - np.roll(u, 1))
    assert made.record["report"]["errors"]["u"]["max"] < 1e-13


def test_a_box_cools_as_its_discrete_mode_does(workshop):
    """The initial values are a mode of the scheme: each step multiplies them by a number."""
    made = workshop.make(*OWN["heat3d"], *SERIAL)
    assert made.u.shape == (4, 11, 13, 9)
    cells, waves = np.array([11, 13, 9]), np.array([2, 1, 1])
    dt = 5e-4
    factor = 1 - 4 * dt * np.sum((cells * np.sin(np.pi * waves / (2 * cells))) ** 2)
    for u, step in zip(made.u, (0, 5, 10, 12), strict=True):
        np.testing.assert_allclose(u, made.u[0] * factor**step, rtol=0, atol=1e-14)
    expected = np.abs(made.u[0] * (factor**12 - np.exp(-6 * np.pi**2 * 12 * dt))).max()
    assert made.record["report"]["errors"]["u"]["max"] == pytest.approx(expected, rel=1e-9)
