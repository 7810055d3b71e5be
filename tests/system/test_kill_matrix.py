"""A few trials of `benchmarks.kill_matrix`: runs that are killed and resumed lose nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill_matrix.matrix import References, references, trials
from benchmarks.kill_matrix.processes import ENGINES

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="finds processes by their environment in /proc"
)

CASES = ("state", "plain")
LAPTOP = ("serial", "multiprocessing")
MOST = 1  # kills of one run: the benchmark kills up to three times
SEED = 1142  # these kills are of three kinds, on one or two ranks, most after a checkpoint


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> References:
    """Return runs that nobody kills."""
    return references(tmp_path_factory.mktemp("undisturbed"), CASES)


@pytest.mark.timeout(300)  # 15 s where nothing else is running
@pytest.mark.parametrize(
    ("engines", "numbers"),
    [
        pytest.param(LAPTOP, range(1, 3), id="laptop"),
        pytest.param(ENGINES, (918, 1557), id="mpi", marks=pytest.mark.mpi),
    ],
)
def test_runs_that_are_killed_and_resumed_lose_nothing(tmp_path, undisturbed, engines, numbers):
    made = trials(tmp_path, numbers, seed=SEED, engines=engines, undisturbed=undisturbed, most=MOST)
    assert not [trial.story() for trial in made if trial.faults]
    assert any(kill.phase != "missed" for trial in made for kill in trial.kills)
