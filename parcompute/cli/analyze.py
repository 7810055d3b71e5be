"""``parcompute analyze``: statistics of a finished run, computed by all ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parcompute.comm.launcher import detect
from parcompute.errors import ConfigError
from parcompute.run.spec import Backend

_HELP = """\
usage: parcompute analyze RUN [backend=NAME] [backend.ranks=N]

Prints, for each field and snapshot of the run directory RUN: min, max, mean, L2 norm and total
(integrals over the grid), and the error against the exact solution where the experiment has one.
The table is written to RUN/analysis.csv with all digits.

  backend={auto,serial,multiprocessing,mpi}   where the ranks run (default: auto)
  backend.ranks=N                             how many (default: one per physical core)

Under mpiexec or srun the ranks are those of the launcher.
"""


def main(arguments: list[str]) -> int:
    """Analyse the run that `arguments` name; return the exit code."""
    if {"--help", "-h"}.intersection(arguments):
        print(_HELP, end="")
        return 0
    folder, backend = _parsed(arguments)
    launcher = detect()
    if launcher is not None and launcher.started and backend.name in ("auto", "mpi"):
        from parcompute.comm.mpi import guarded

        return guarded(analyze_rank, folder)
    return _start(folder, backend)


def _parsed(arguments: list[str]) -> tuple[Path, Backend]:
    options = dict(a.split("=", 1) for a in arguments if "=" in a)
    names = [a for a in arguments if "=" not in a]
    known = {"backend", "backend.ranks"}
    if len(names) != 1 or not set(options) <= known:
        raise ConfigError(
            f"analyze takes one run directory and the options {', '.join(sorted(known))}, got "
            f"'{' '.join(arguments)}'."
        )
    ranks = options.get("backend.ranks")
    if ranks is not None and not ranks.isdecimal():
        raise ConfigError(f"backend.ranks must be a whole number, got '{ranks}'.")
    backend = Backend(options.get("backend", "auto"), int(ranks) if ranks else None)
    return Path(names[0]), backend


def _start(folder: Path, backend: Backend) -> int:
    from parcompute.run import launch

    code: int = launch.start(*launch.chosen(backend), 1, analyze_rank, (folder,))
    return code


def analyze_rank(comm: Any, folder: Path) -> int:
    """Analyse as one rank; rank 0 prints and writes the table."""
    from parcompute.analysis import statistics
    from parcompute.io.collective import on_root
    from parcompute.run import directory

    rows = statistics.analyze(comm, folder)

    def publish() -> None:
        print("\n".join(statistics.table(rows)), flush=True)
        statistics.write_csv(folder / directory.ANALYSIS, rows)

    on_root(comm, publish)
    return 0
