"""Ensembles: members have the bits of single runs, and the statistics are those of NumPy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import parcompute as pc
from parcompute.comm import Communicator, stopping
from parcompute.io.reader import Reader
from parcompute.run import members, resume, stops
from parcompute.run.ensemble import run_all
from parcompute.run.report import Report
from parcompute.run.spec import Checkpoints, Ensemble, Kernels, Output, RunSpec
from tests.system.cli import COMPLETE, USER, Made, install_user, parcompute

SEEDS = [4, 5, 6]
FIELDS = ("u", "z", "k")


def spec_in(folder: Path, **changes: object) -> RunSpec:
    """Return an ensemble of three in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = USER / "experiments/noisy.py"
    spec = RunSpec(
        *("noisy", "noisy", str(path), {"steps": 8, "shape": [7, 6], "trap": ""}, str(folder), {}),
        output=Output(every=3),
        kernels=Kernels("numpy"),
        checkpoint=Checkpoints(every=5),
        ensemble=Ensemble(3, "seed", SEEDS),
    )
    return replace(spec, **changes)


def alone(folder: Path, seed: int) -> RunSpec:
    """Return a single run."""
    spec = spec_in(folder, ensemble=Ensemble())
    spec.parameters["seed"] = seed
    return spec


def make_all(comm: Communicator, wanted: list[tuple[int, RunSpec]]) -> list[Report | None]:
    """Make runs in turn, each on so many of the ranks; return their reports, on rank 0."""
    reports = []
    for ranks, spec in wanted:
        takes_part = comm.Get_rank() < ranks
        some = comm.Split(int(takes_part), comm.Get_rank())
        reports.append(run_all(some, spec, "multiprocessing") if takes_part else None)
        comm.Barrier()
    return reports


def member(folder: Path, number: int) -> Path:
    return folder / "members" / f"{number:03d}"


def results(folder: Path) -> dict[str, bytes]:
    """Return all results of a run, bit by bit."""
    found = {"diagnostics": (folder / "diagnostics.csv").read_bytes()}

    def add(name: str, node: h5py.Dataset | h5py.Group) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = f"{node.dtype} {node.shape}".encode() + node[...].tobytes()

    with h5py.File(folder / "fields.h5") as file:
        file.visititems(add)
    return found


def all_results(folder: Path) -> list[dict[str, bytes]]:
    """Return the results of an ensemble, and of its members."""
    return [results(path) for path in (folder, *(member(folder, n) for n in range(3)))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ensembles, made on 1, 2 and 3 ranks, and with single runs."""
    folder = tmp_path_factory.mktemp("made")
    output = Output(region=["1:7:2", "3"], precision="single", compression="gzip")
    wanted = [
        *((ranks, spec_in(folder / str(ranks))) for ranks in (1, 2, 3)),
        *((2, alone(folder / f"seed{seed}", seed)) for seed in SEEDS),
        (3, spec_in(folder / "region", output=output, ensemble=Ensemble(2, "seed", SEEDS[:2]))),
    ]
    reports = pc.launch(make_all, 3, (wanted,))[0]
    assert [report.groups for report in reports[:3]] == [1, 2, 3]
    assert {(report.complete, report.made, report.steps) for report in reports[:3]} == {(3, 24, 8)}
    assert (reports[-1].groups, reports[-1].made) == (2, 16)
    return folder


@pytest.fixture(scope="module")
def ensemble(made: Path) -> Path:
    """Return the ensemble that was made by one rank for each member."""
    return made / "3"


def test_members_are_what_single_runs_are(made, ensemble):
    for number, seed in enumerate(SEEDS):
        assert results(member(ensemble, number)) == results(made / f"seed{seed}")
    record = json.loads((member(ensemble, 2) / "run.json").read_text())
    assert (record["status"], record["config"]["experiment"]["seed"]) == ("complete", 6)


@pytest.mark.parametrize("ranks", ["1", "2"])
def test_ranks_do_not_change_a_bit(made, ensemble, ranks):
    assert all_results(made / ranks) == all_results(ensemble)


def test_statistics_are_those_of_numpy(ensemble):
    with Reader(ensemble / "fields.h5") as reader:
        assert set(reader.contents.fields) == {f"{f}_{s}" for f in FIELDS for s in ("mean", "std")}
        assert list(reader.contents.steps) == [0, 3, 6, 8]
        assert (reader.contents.units["u_std"], reader.contents.units["x"]) == ("K", "m")
        for name in FIELDS:
            made = [read(member(ensemble, number), name) for number in range(3)]
            mean, std = ([reader.read(f"{name}_{s}", i) for i in range(4)] for s in ("mean", "std"))
            assert np.std(made, axis=0).max() > 0.01
            np.testing.assert_allclose(mean, np.mean(made, axis=0), rtol=1e-14)
            np.testing.assert_allclose(std, np.std(made, axis=0), rtol=1e-10, atol=1e-15)
    tables = [Made(member(ensemble, number)).table("diagnostics.csv") for number in range(3)]
    for row, *rows in zip(Made(ensemble).table("diagnostics.csv"), *tables, strict=True):
        values = [float(one["mean"]) for one in rows]
        assert float(row["mean_mean"]) == pytest.approx(np.mean(values), rel=1e-15)
        assert float(row["mean_std"]) == pytest.approx(np.std(values), rel=1e-12)
        assert float(row["odd_mean"]) == pytest.approx(1 / 3)


def read(folder: Path, name: str) -> np.ndarray:
    """Return all snapshots of a field."""
    with Reader(folder / "fields.h5") as reader:
        return np.array([reader.read(name, i) for i in range(len(reader.contents.steps))])


def test_axes_of_a_region_are_those_of_the_members(made):
    folder = made / "region"
    with (
        h5py.File(folder / "fields.h5") as file,
        h5py.File(member(folder, 1) / "fields.h5") as one,
    ):
        assert file["z_mean"].shape == (2, 3, 1, 2)
        assert (file["z_std"].dtype, file["z_std"].compression) == (np.float32, "gzip")
        for name in ("y", "x", "y_face", "time", "step"):
            assert file[name][...].tobytes() == one[name][...].tobytes()


@pytest.mark.parametrize("word", ["fail", "stop", "nan"])
def test_it_goes_on_where_a_member_has_ended_early(ensemble, tmp_path, word, monkeypatch):
    monkeypatch.setattr(stopping, "_noted", None)  # and is so again after the test
    trap, folder = tmp_path / "trap", tmp_path / "run"
    trap.write_text(f"5 5 {word}")
    spec = spec_in(folder)
    spec.parameters["trap"] = str(trap)
    if word == "stop":
        report = run_all(pc.serial(), spec, "serial")
        assert (report.stopped, report.complete, report.made) == ("SIGUSR1", 1, 14)
        assert "with 1 of 3 members complete by SIGUSR1, resumable" in report.lines()[-1]
        assert not (folder / "fields.h5").exists()
        last = (member(folder, 1) / "log.txt").read_text().splitlines()[-1]
        assert last.endswith(f"by SIGUSR1, resumable: parcompute run resume={folder}")
    else:
        with pytest.raises((pc.DivergenceError, ValueError), match=r"member 001 \(seed=5\): "):
            run_all(pc.serial(), spec, "serial")
        assert "member 001 (seed=5): " in Made(folder).record["error"]
    assert not member(folder, 2).exists() or not list(member(folder, 2).iterdir())
    monkeypatch.setattr(stopping, "_noted", None)
    trap.unlink()
    before = (member(folder, 0) / "run.json").stat()
    report = run_all(pc.serial(), replace(spec, resumed=True), "serial")
    assert (report.stopped, report.complete) == (None, 3)
    assert (member(folder, 0) / "run.json").stat().st_mtime_ns == before.st_mtime_ns
    assert "goes on at step" in (member(folder, 1) / "log.txt").read_text()
    assert all_results(folder) == all_results(ensemble)


def test_where_a_member_diverges_all_ranks_say_so(ensemble, tmp_path):
    trap, folder = tmp_path / "trap", tmp_path / "run"
    trap.write_text("4 5 nan")
    spec = spec_in(folder)
    spec.parameters["trap"] = str(trap)
    said = pc.launch(error_of, 2, (spec,))
    assert said[0] == said[1]
    assert said[0].startswith("DivergenceError: member 000 (seed=4): Field 'u' is nan at step")
    assert Made(folder).record["status"] == "diverged"
    assert not (folder / "request").exists()
    trap.unlink()
    assert run_all(pc.serial(), replace(spec, resumed=True), "serial").complete == 3
    assert all_results(folder) == all_results(ensemble)


def error_of(comm: Communicator, spec: RunSpec) -> str:
    """Return the error that a run raises on this rank."""
    try:
        run_all(comm, spec, "multiprocessing")
    except pc.ParcomputeError as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def test_a_request_comes_to_all_groups(tmp_path, monkeypatch):
    class Signal:
        asked: str | None = None

    monkeypatch.setattr(stops, "_LOOK", 0.0)
    signals, file = [Signal(), Signal()], tmp_path / "request"
    groups = [stops.SharedStops(signal, file, looks=True) for signal in signals]
    assert [group.asked for group in groups] == [None, None]
    signals[1].asked = "SIGTERM"
    assert [group.asked for group in reversed(groups)] == ["SIGTERM", "SIGTERM"]
    file.write_text("stop\n")
    assert stops.SharedStops(Signal(), file, looks=True).asked == "a request"
    assert stops.SharedStops(Signal(), file, looks=False).asked is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"members": 0}, ["ensemble.members", "at least 1"]),
        ({"members": 3, "values": [1, 2]}, ["ensemble.members=3", "got 2"]),
        ({"members": 2, "vary": "sed"}, ["shape, seed", "got 'sed'"]),
        ({"members": 2, "vary": "rate"}, ["ensemble.values", "0.5"]),
    ],
)
def test_bad_options_are_told_in_a_sentence(options, words):
    with pytest.raises(pc.ConfigError) as refused:
        members.resolved(Ensemble(**options), {"shape": [7, 6], "seed": 4, "rate": 0.5})
    assert all(word in str(refused.value) for word in words), refused.value


def test_the_members_of_a_run_stay_what_they_are(ensemble):
    spec = spec_in(ensemble, ensemble=Ensemble(4, "seed", [*SEEDS, 9]))
    with pytest.raises(pc.ConfigError, match=r"another ensemble.members: 3 -> 4; ensemble.values"):
        resume.resolve(spec, str(ensemble), overrides=True)


def test_without_a_seed_the_parameter_must_be_named():
    with pytest.raises(pc.ConfigError, match="there is no 'seed'"):
        members.resolved(Ensemble(2), {"rate": 0.5})
    assert members.resolved(Ensemble(3), {"seed": 7}) == Ensemble(3, "seed", [7, 8, 9])


@pytest.mark.parametrize(("name", "values"), [("steps", [7, 8]), ("shape", [[7, 6], [6, 7]])])
def test_members_must_have_the_same_steps_and_shapes(tmp_path, name, values):
    with pytest.raises(pc.ConfigError, match=f"same {name}"):
        members.check(spec_in(tmp_path, ensemble=Ensemble(2, name, values)))


def test_the_commands(tmp_path):
    user = install_user(tmp_path)
    words = ("+exp=noisy", "ensemble.members=2", "hydra.run.dir=made", "backend=serial")
    done = parcompute("run", *words, cwd=user)
    assert done.returncode == 0, done.stderr
    assert "member 000 (seed=4): step 8 of 8" in done.stdout
    assert "members        2 of 2 complete, on 1 group of ranks" in done.stdout
    made = Made(user / "made", done)
    assert made.files == COMPLETE | {"members"}
    assert [one["experiment"]["seed"] for one in made.record["members"]] == [4, 5]

    done = parcompute("run", "resume=made", "ensemble.values=[1,two]", cwd=user)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'two' is no experiment.seed" in done.stderr
