"""Runs that were interrupted go on, on any ranks, as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.helpers import kill_group, start
from tests.system.cli import Made, Workshop, command, parcompute

RUN = ("+exp=resumable", "output.every=4", "output.measure_every=3", "checkpoint.every=5")
MPI = pytest.mark.mpi


class Runs:
    """Runs of the experiment in one folder, which is the current one."""

    def __init__(self, shop: Workshop) -> None:
        self.folder = shop.folder
        self.whole = shop.make(*RUN, "backend=serial")
        self.longer = shop.make(*RUN, "backend=serial", "experiment.steps=30")
        words = (*RUN, "backend.ranks=2", "hydra.run.dir=made/failed")
        self.failing = parcompute("run", *words, cwd=self.folder, env={"FAIL_AT": "17"})
        self.failed = self.folder / "made/failed"

    def copy(self, path: Path, name: str) -> str:
        """Return a copy of a run, as a path relative to the current folder."""
        shutil.copytree(path, self.folder / "made" / name)
        return f"made/{name}"

    def resume(self, copy: str, *words: object, ranks: int = 0):
        """Go on with a run; return its exit code, and all that was printed."""
        done = parcompute("run", f"resume={copy}", *words, cwd=self.folder, ranks=ranks)
        return done.returncode, done.stdout + done.stderr

    def made(self, copy: str) -> Made:
        return Made(self.folder / copy)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Return runs that were and were not interrupted."""
    return Runs(Workshop(tmp_path_factory.mktemp("resume")))


def results(made: Made) -> dict[str, bytes]:
    """Return all results of a run, bit by bit."""
    found = {"diagnostics": (made.folder / "diagnostics.csv").read_bytes()}

    def add(name: str, node: h5py.Dataset | h5py.Group) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = f"{node.dtype} {node.shape}".encode() + node[...].tobytes()

    with h5py.File(made.folder / "fields.h5") as file:
        file.visititems(add)
    return found


def differing(a: Made, b: Made) -> set[str]:
    first, second = results(a), results(b)
    return {name for name in first | second if first.get(name) != second.get(name)}


def is_refused(outcome: tuple[int, str], *words: str) -> bool:
    """Return whether the outcome is one sentence with these words."""
    code, text = outcome
    lines = text.splitlines()
    told = len(lines) == 1 and lines[0].startswith("error: ") and all(w in text for w in words)
    return code == 2 and told


def test_measures_have_a_cadence_of_their_own(runs):
    noise, rate, total = np.random.default_rng(3), 0.1, 0.0
    expected = ["step,time,sum,rate"]
    for step in range(23):
        if step % 3 == 0 or step % 4 == 0 or step == 22:
            expected.append(f"{step},{float(step)},{float(total)},{rate}")
        total += noise.normal(size=(14, 11)).sum()
        rate *= 0.99
    text = (runs.whole.folder / "diagnostics.csv").read_text()
    assert text.splitlines() == expected
    assert list(runs.whole.dataset("step")) == [0, 4, 8, 12, 16, 20, 22]


def test_a_run_that_failed_has_its_last_two_checkpoints(runs):
    assert runs.failing.returncode == 1
    assert "boom" in runs.failing.stderr
    names = sorted(path.name for path in (runs.failed / "checkpoints").iterdir())
    assert names == ["step_000000010.h5", "step_000000015.h5"]
    assert Made(runs.failed).record["status"] == "failed"


@pytest.mark.parametrize(
    ("name", "words", "ranks"),
    [
        ("serial", ("backend=serial",), 0),
        ("numpy", ("backend.ranks=3", "kernels.engine=numpy"), 0),
        pytest.param("mpi", ("backend=mpi", "backend.ranks=2"), 0, marks=MPI),
        pytest.param("mpiexec", (), 3, marks=MPI),
    ],
)
def test_it_goes_on_on_other_ranks_with_the_same_bits(runs, name, words, ranks):
    copy = runs.copy(runs.failed, name)
    code, text = runs.resume(copy, *words, ranks=ranks)
    assert code == 0, text
    assert "goes on at step 15 from step_000000015.h5" in text
    made = runs.made(copy)
    assert len(results(made)) > 8
    assert differing(made, runs.whole) == set()
    assert (made.record["status"], made.record["report"]["made"]) == ("complete", 7)
    assert "error" not in made.record


@pytest.mark.parametrize("name", ["failed", "complete"])
def test_it_can_be_made_longer(runs, name):
    source = runs.failed if name == "failed" else runs.whole.folder
    copy = runs.copy(source, f"longer-{name}")
    code, text = runs.resume(copy, "experiment.steps=30", "backend=serial")
    assert code == 0, text
    assert list(runs.made(copy).dataset("step")) == [0, 4, 8, 12, 16, 20, 24, 28, 30]
    assert differing(runs.made(copy), runs.longer) == set()


def test_what_cannot_go_on_is_told_in_a_sentence(runs):
    before = sorted((runs.folder / "made").iterdir())
    whole = f"made/{runs.whole.folder.name}"
    assert is_refused(runs.resume(whole), whole, "is complete", "more than 22")
    assert is_refused(runs.resume("made/none"), "made/none", "not a run directory")
    assert is_refused(runs.resume("auto", "-m", *RUN), "-m")
    outcome = runs.resume("made/failed", "experiment.steps=12", "resume_overrides=true")
    assert is_refused(outcome, "12", "15"), outcome
    assert sorted((runs.folder / "made").iterdir()) == before
    assert not (runs.folder / "runs").exists()
    assert Made(runs.failed).record["status"] == "failed"


def test_a_changed_configuration_must_be_meant(runs):
    copy = runs.copy(runs.failed, "changed")
    refused = runs.resume(copy, "experiment.shape=[14,12]", "output.every=3")
    changes = ("experiment.shape: [14, 11] -> [14, 12]", "output.every: 4 -> 3")
    assert is_refused(refused, *changes, "resume_overrides=true"), refused
    fields = ("output.fields=[u]", "resume_overrides=true")
    refused = runs.resume(copy, *fields)
    assert is_refused(refused, "fields"), refused
    assert differing(runs.made(copy), Made(runs.failed)) == set()

    code, text = runs.resume(copy, "output.every=3", "resume_overrides=true", "backend=serial")
    assert code == 0, text
    made = runs.made(copy)
    assert list(made.dataset("step")) == [0, 4, 8, 12, 15, 18, 21, 22]
    assert (made.dataset("u")[-1] == runs.whole.u[-1]).all()
    assert made.record["config"]["output"]["every"] == 3
    refused = runs.resume(copy, "output.every=2", "experiment.steps=30")
    assert is_refused(refused, "output.every: 3 -> 2"), f"meant once, not for ever: {refused}"

    code, text = runs.resume(copy, "experiment.steps=25", "backend=serial")
    assert code == 0, text
    steps = [0, 4, 8, 12, 15, 18, 21, 24, 25]
    assert list(runs.made(copy).dataset("step")) == steps, "all but the end of the shorter run"


def test_a_damaged_checkpoint_is_passed_over(runs):
    copy = runs.copy(runs.failed, "damaged")
    latest = runs.folder / copy / "checkpoints/step_000000015.h5"
    data = bytearray(latest.read_bytes())
    place = data.index(runs_array(latest))
    data[place + 9] ^= 4
    latest.write_bytes(data)
    code, text = runs.resume(copy, "backend=serial")
    assert code == 0, text
    assert "step_000000015.h5 is damaged and not used: the checksum of its block" in text
    assert "goes on at step 10 from step_000000010.h5" in text
    assert differing(runs.made(copy), runs.whole) == set()


def runs_array(checkpoint: Path) -> bytes:
    with h5py.File(checkpoint) as file:
        return file["fields/u"][...].tobytes()


def test_without_a_sound_checkpoint_it_does_not_go_on(runs):
    copy = runs.copy(runs.failed, "hopeless")
    for path in (runs.folder / copy / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    code, text = runs.resume(copy)
    assert code == 2
    [error] = [line for line in text.splitlines() if line.startswith("error: ")]
    assert all(name in error for name in ("step_000000010.h5", "step_000000015.h5", copy))
    assert "Traceback" not in text
    assert differing(runs.made(copy), Made(runs.failed)) == set()


def test_without_any_checkpoint_it_begins_again(runs):
    copy = runs.copy(runs.failed, "unsaved")
    shutil.rmtree(runs.folder / copy / "checkpoints")
    code, text = runs.resume(copy, "backend=serial")
    assert code == 0, text
    assert "there is no checkpoint yet: the run begins again" in text
    assert differing(runs.made(copy), runs.whole) == set()


def test_auto_finds_the_latest_run_of_this_configuration(runs):
    for name in ("a", "b"):
        runs.copy(runs.failed, f"../runs/{name}")
    other = json.loads((runs.folder / "runs/b/run.json").read_text())
    other["config"]["experiment"]["rate"] = 0.2
    (runs.folder / "runs/b/run.json").write_text(json.dumps(other))
    code, text = runs.resume("auto", *RUN, "backend=serial")
    assert code == 0, text
    assert "in runs/a\n" in text
    assert differing(runs.made("runs/a"), runs.whole) == set()
    assert len(list((runs.folder / "runs").iterdir())) == 2

    code, text = runs.resume("auto", *RUN, "backend=serial", "experiment.steps=3")
    assert code == 0, text
    assert "no run of this configuration to go on with in runs: a new one is begun" in text
    assert len(list((runs.folder / "runs").iterdir())) == 3
    shutil.rmtree(runs.folder / "runs")


def test_a_run_that_is_killed_and_one_that_still_goes_on(runs):
    words = (*RUN, "backend.ranks=2", "hydra.run.dir=made/killed")
    process = start(command("run", *words), cwd=runs.folder, env={"TAKE": "0.3"})
    folder = runs.folder / "made/killed"
    try:
        deadline = time.monotonic() + 60
        while not list(folder.glob("checkpoints/step_*")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        refused = runs.resume("made/killed")
        assert process.poll() is None
        assert is_refused(refused, "'made/killed' is still going on"), refused
        assert Made(folder).record["status"] == "running"
    finally:
        kill_group(process)
        process.communicate()
    assert Made(folder).record["status"] == "running"  # nobody could write another one
    code, text = runs.resume("made/killed", "backend=serial")
    assert code == 0, text
    assert "goes on at step" in text
    assert differing(Made(folder), runs.whole) == set()
