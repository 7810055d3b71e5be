"""Making the undisturbed runs and the trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.kill_matrix.cases import CASES, install
from benchmarks.kill_matrix.processes import ENGINES, Job, command
from benchmarks.kill_matrix.trial import LIMIT, Trial

References = dict[str, tuple[Path, float]]


def references(folder: Path, names: Iterable[str]) -> References:
    """Make the run of each case that nobody disturbs; return where it is, and its seconds."""
    install(folder)
    return {name: _reference(folder, name) for name in names}


def _reference(folder: Path, name: str) -> tuple[Path, float]:
    run = folder / name.replace(" ", "-")
    words = [*CASES[name], f"hydra.run.dir={run.name}"]
    job = Job(command("serial", 1, words), folder, f"printed-{run.name}")
    try:
        code = job.wait(LIMIT)
        seconds = time.monotonic() - job.begin
        if code != 0:
            raise RuntimeError(f"the undisturbed run '{name}' ended with {code}:\n{job.text()}")
    finally:
        job.close()
    return run, seconds


def trials(
    folder: Path,
    numbers: Iterable[int],
    *,
    seed: int,
    engines: Sequence[str] = ENGINES,
    undisturbed: References,
    most: int = 3,
    jobs: int = 2,
    told: Callable[[Trial], None] = lambda _: None,
) -> list[Trial]:
    """Make trials in `folder`, of which those that fail keep their files.

    Parameters
    ----------
    undisturbed : References
        From `references`, of the cases that are to be killed in turn.
    most : int
        Kills of one run.
    told : callable
        Is given each trial when it has ended.
    """

    def one(number: int) -> Trial:
        place = folder / f"trial-{number}"
        install(place)
        trial = Trial(number, seed, tuple(engines), place, undisturbed).make(most)
        told(trial)
        return trial

    pool = ThreadPoolExecutor(jobs)
    try:
        return list(pool.map(one, numbers))
    finally:
        pool.shutdown(cancel_futures=True)
