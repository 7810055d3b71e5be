"""``parcompute analyze``: statistics of a finished run, computed by all ranks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from parcompute.cli.launched import is_rank
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
    if is_rank(arguments):
        from parcompute.comm.mpi import guarded

        return guarded(_launched_rank, folder, backend)
    from parcompute.run import launch

    code: int = launch.start(*launch.chosen(backend), 1, analyze_rank, (folder,))
    return code


def _parsed(arguments: list[str]) -> tuple[Path, Backend]:
    known = {"backend", "backend.ranks"}
    options = dict(a.split("=", 1) for a in arguments if a.split("=")[0] in known)
    names = [a for a in arguments if a.split("=")[0] not in known]
    if len(names) != 1:
        raise ConfigError(
            f"analyze takes one run directory and the options {', '.join(sorted(known))}, got "
            f"'{' '.join(arguments)}'."
        )
    ranks = options.get("backend.ranks")
    if ranks is not None and not ranks.isdecimal():
        raise ConfigError(f"backend.ranks must be a whole number, got '{ranks}'.")
    backend = Backend(options.get("backend", "auto"), int(ranks) if ranks else None)
    return Path(names[0]), backend


def _launched_rank(comm: Any, folder: Path, backend: Backend) -> int:
    from parcompute.run.launch import check_launched

    check_launched(backend, comm)
    return analyze_rank(comm, folder)


def analyze_rank(comm: Any, folder: Path) -> int:
    """Analyse as one rank; rank 0 prints and writes the table."""
    from parcompute.analysis import statistics
    from parcompute.io.collective import on_root
    from parcompute.run import directory

    rows, remarks = statistics.analyze(comm, folder)

    def publish() -> None:
        statistics.write_csv(folder / directory.ANALYSIS, rows)
        with suppress(BrokenPipeError):  # nobody reads any more
            print("\n".join([*statistics.table(rows), *remarks]), flush=True)

    on_root(comm, publish)
    return 0
