"""Make one run quietly, in a folder of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from time import perf_counter

from parcompute.comm import Communicator
from parcompute.errors import ParcomputeError
from parcompute.run import launch
from parcompute.run.ensemble import run_all
from parcompute.run.report import Report
from parcompute.run.spec import RunSpec
from parcompute.verification.combinations import Combination

_RAISED = re.compile(r"[\w.]+(Error|Exception|Exit|Interrupt)\b")  # the end of a traceback
_BAD_INPUT = 2  # the exit code of an error that was found before the first step


@dataclass(frozen=True)
class Made:
    """What came of a run.

    Attributes
    ----------
    combination : Combination
        How it was made.
    folder : Path
        The run directory; a run that failed may have written nothing.
    seconds : float, optional
        Wall time, without the start of the ranks; None if it failed.
    report : Report, optional
        Its summary; None if it failed.
    error : ParcomputeError, optional
        Why it failed.
    failure : str
        The same in one line.
    """

    combination: Combination
    folder: Path
    seconds: float | None = None
    report: Report | None = None
    error: ParcomputeError | None = None
    failure: str = ""

    @property
    def is_impossible(self) -> bool:
        """Whether it was refused, as where the halo does not fit into the blocks."""
        return self.error is not None and self.error.exit_code == _BAD_INPUT


class Workshop:
    """Makes runs in folders under `folder`.

    Parameters
    ----------
    folder : Path
        Where everything is written; removing it is up to the caller.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    def make(self, spec: RunSpec, combination: Combination) -> Made:
        """Make the run that `spec` describes on the ranks of `combination`."""
        [made] = self.make_all([(spec, combination)])
        return made

    def make_all(self, wanted: Sequence[tuple[RunSpec, Combination]]) -> list[Made]:
        """Make runs on the same engine and ranks, which are started only once if nothing fails."""
        specs = [self._spec(*one) for one in wanted]
        printed = Path(specs[0].directory).with_suffix(".txt")
        try:
            found = _start(specs, printed)
        except ParcomputeError as error:
            if len(specs) > 1:  # which of them it was is not known
                return [self.make(*one) for one in wanted]
            folder, failure = Path(specs[0].directory), _failure(error, printed)
            return [Made(wanted[0][1], folder, error=error, failure=failure)]
        return [
            Made(combination, Path(spec.directory), seconds, report)
            for (_, combination), spec, (report, seconds) in zip(wanted, specs, found, strict=True)
        ]

    def _spec(self, spec: RunSpec, combination: Combination) -> RunSpec:
        folder = self._folder / f"run-{next(self._numbers)}"
        folder.mkdir()
        return replace(
            spec,
            directory=str(folder),
            backend=replace(spec.backend, name=combination.engine, ranks=combination.ranks),
            kernels=replace(spec.kernels, engine=combination.kernels),
            poison=combination.poisoned,
            guarded=combination.is_base,  # where it is finite, NaN elsewhere is a difference
        )


def _start(specs: Sequence[RunSpec], printed: Path) -> list[tuple[Report, float]]:
    backend = specs[0].backend
    with printed.open("w", encoding="utf-8") as stream:
        found: list[tuple[Report, float]] = launch.start(
            backend.name,
            backend.ranks or 1,
            backend.threads,
            quiet_rank,
            (specs, backend.name),
            printed=stream,
        )
    return found


def quiet_rank(
    comm: Communicator, specs: Sequence[RunSpec], engine: str
) -> list[tuple[Report, float]]:
    """Make runs in turn as one of their ranks, and print nothing; return reports and wall times."""
    found = []
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        for spec in specs:
            begin = perf_counter()
            report = run_all(comm, spec, engine)
            found.append((report, perf_counter() - begin))
    return found


def _failure(error: ParcomputeError, printed: Path) -> str:
    """Return the error in one line; MPI ranks have printed it."""
    text = str(error)
    if isinstance(error, launch.ReportedError):
        text = printed.read_text(encoding="utf-8", errors="replace") or text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if told:
        return told[-1]
    raised = [line for line in lines if _RAISED.match(line)]
    return f"{lines[0]}: {raised[-1]}" if raised else " ".join(lines)
