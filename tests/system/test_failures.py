"""Ranks that raise, diverge, are killed or interrupted: the job ends in seconds, and says why."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess, Popen

import pytest

from tests.helpers import kill_group, run, start
from tests.system.cli import Made, command, parcompute, run_directories

pytestmark = pytest.mark.ahead(2)

SOON = 5.0  # seconds
PROCESSES = ("backend=multiprocessing", "backend.ranks=2")
ENGINES = {
    "serial": (("backend=serial",), 0),
    "multiprocessing": (PROCESSES, 0),
    "mpiexec": ((), 2),
    "mpi": (("backend=mpi", "backend.ranks=2"), 0),
}


def of(engine: str, *values: object) -> object:
    """Return the parameters of a test on an engine, marked where that needs MPI."""
    words, ranks = ENGINES[engine]
    marks = [pytest.mark.mpi] if engine.startswith("mpi") else []
    name = "-".join(map(str, (engine, *values)))
    return pytest.param(words, ranks, *values, marks=marks, id=name)


def assert_failed_soon(done: CompletedProcess[str], folder: Path, rank: int | None) -> None:
    """Assert that a run ended within seconds with one traceback, which names the rank."""
    seconds = time.time() - float((folder / "raised").read_text())
    assert done.returncode not in (0, None)
    text = done.stderr + done.stdout
    assert text.count("Traceback") == 1, text
    assert "ValueError: boom" in text
    assert rank is None or f"rank {rank}" in text, text
    assert seconds < SOON, text


@pytest.mark.parametrize(
    ("words", "ranks", "where", "who"),
    [
        of("serial", "setup", 0),
        of("serial", "step", 0),
        of("multiprocessing", "setup", 1),
        of("multiprocessing", "step", 1),
        of("multiprocessing", "step", -1),
        of("mpiexec", "setup", 1),
        of("mpiexec", "step", 1),
        of("mpiexec", "step", 0),
        of("mpiexec", "step", -1),
        of("mpi", "step", 1),
    ],
)
def test_a_rank_that_raises_ends_the_job(user, words, ranks, where, who):
    options = (f"experiment.where={where}", f"experiment.who={who}")
    done = parcompute("run", "+exp=broken", *options, *words, cwd=user, ranks=ranks)
    assert_failed_soon(done, user, max(who, 0))
    statuses = {Made(path).record["status"] for path in run_directories(user)}
    assert statuses <= {"failed"}
    assert statuses or where == "setup"


@pytest.mark.parametrize(("words", "ranks"), [of("multiprocessing"), of("mpiexec")])
def test_a_rank_that_cannot_import_ends_the_job(user, words, ranks):
    done = parcompute("run", "+exp=unloadable", *words, cwd=user, ranks=ranks)
    assert_failed_soon(done, user, 1)


@pytest.mark.parametrize(("words", "ranks"), [of("serial"), of("multiprocessing"), of("mpiexec")])
def test_an_experiment_that_nobody_can_import(user, words, ranks):
    """The process that reads the configuration fails: a rank under mpiexec only."""
    (user / "nobody").touch()
    done = parcompute("run", "+exp=unloadable", *words, cwd=user, ranks=ranks)
    assert_failed_soon(done, user, 0 if ranks else None)
    assert "unloadable.py" in done.stderr
    assert not (user / "runs").exists()


@pytest.mark.parametrize(
    ("words", "ranks", "value"),
    [of("serial", "inf"), of("multiprocessing", "nan"), of("mpiexec", "nan"), of("mpi", "-inf")],
)
def test_a_field_that_is_not_finite_stops_the_run(user, words, ranks, value):
    options = (f"experiment.value={value}", "output.every=1")
    done = parcompute("run", "+exp=diverging", *options, *words, cwd=user, ranks=ranks)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, len(errors)) == (1, 1), done.stderr
    for word in ("'temperature'", value, "step 3", "[13, 5]"):
        assert word in errors[0]
    assert "Traceback" not in done.stderr
    [made] = run_directories(user)
    assert Made(made).record["status"] == "diverged"


@contextmanager
def lasting(folder: Path, words: tuple[str, ...], ranks: int, count: int) -> Iterator[Popen[str]]:
    """Start a run that lasts for hours; go on when all of its `count` ranks are at work."""
    process = start(command("run", "+exp=lasting", *words, ranks=ranks), cwd=folder)
    try:
        deadline = time.monotonic() + 40
        while len(list(folder.glob("pid-*"))) < count:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        kill_group(process)


def end_of(process: Popen[str], folder: Path) -> tuple[str, list[str]]:
    """Return what a run has printed that is to end soon, and the ranks that are still alive then.

    A launcher may end before its ranks do; all have the same time.
    """
    deadline = time.monotonic() + SOON
    out, err = process.communicate(timeout=SOON)
    while (left := alive(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return out + err, left


def alive(folder: Path) -> list[str]:
    """Return the ranks whose processes still exist, zombies aside."""
    states = {}
    for file in folder.glob("pid-*"):
        stat = Path(f"/proc/{file.read_text()}/stat")
        states[file.name] = stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else "Z"
    return [name for name, state in states.items() if state != "Z"]


@pytest.mark.parametrize(
    ("words", "ranks", "count"),
    [of("serial", 1), of("multiprocessing", 2), of("mpiexec", 2), of("mpi", 2)],
)
def test_ctrl_c_ends_the_run(user, words, ranks, count):
    with lasting(user, words, ranks, count) as process:
        os.killpg(process.pid, signal.SIGINT)
        text, left = end_of(process, user)
    assert process.returncode == 130 or (ranks and process.returncode), text  # some launchers: 1
    assert "Traceback" not in text
    assert left == []
    [made] = run_directories(user)
    assert Made(made).record["status"] == "interrupted"


@pytest.mark.parametrize(("words", "ranks"), [of("multiprocessing"), of("mpi")])
def test_sigterm_saves_and_ends_the_run(user, words, ranks):
    with lasting(user, words, ranks, 2) as process:
        process.terminate()
        text, left = end_of(process, user)
    assert process.returncode == 85, text
    assert "Traceback" not in text
    assert text.count("stopped early") == text.count("SIGTERM") == 1
    assert left == []
    [made] = run_directories(user)
    assert Made(made).record["status"] == "stopped"
    assert len(list((made / "checkpoints").iterdir())) == 1


@pytest.mark.parametrize(("words", "ranks"), [of("multiprocessing"), of("mpiexec"), of("mpi")])
def test_a_killed_rank_ends_the_job(user, words, ranks):
    with lasting(user, words, ranks, 2) as process:
        os.kill(int((user / "pid-1").read_text()), signal.SIGKILL)
        text, left = end_of(process, user)
    assert process.returncode not in (0, None)
    assert "Traceback" not in text
    assert left == []
    if words == PROCESSES:
        assert "rank 1" in text
        assert "SIGKILL" in text
        [made] = run_directories(user)
        assert Made(made).record["status"] == "failed"


def test_a_disk_without_room_for_the_configuration_is_told(tmp_path):
    words = command("run", "+exp=heat2d", "hydra.run.dir=full")
    done = run(["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *words], cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: File too large: ")  # as a full disk, but without one
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
