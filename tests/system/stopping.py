"""What runs in the tests of requests to stop: ``python -m tests.system.stopping ENGINE FOLDER``.

With the engine "mpiexec" each process is a rank that the caller's mpiexec has started.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from parcompute.cli.main import STOPPED
from parcompute.comm import stopping
from parcompute.errors import TerminatedError
from parcompute.run import launch
from parcompute.run.stops import StopRequests

_RANKS = {"serial": 1, "multiprocessing": 2, "mpi": 2}


def run(comm: Any, folder: Path, words: list[str]) -> tuple[set[str], list[str | None]]:
    """Step until a rank is asked to stop; return who was asked by what, and what ranks agreed on.

    Of `words`, "late" has ranks wait for a file before they can be asked, "deaf" has them go on for
    good, "stuck" has rank 1 do so while the others wait for it, and "broken" has it raise.
    """
    _touch(folder, f"pid-{comm.Get_rank()}", str(os.getpid()))
    while "late" in words and not (folder / "go").exists():
        time.sleep(0.01)
    with StopRequests() as stops:
        _touch(folder, f"ready-{comm.Get_rank()}")
        agreed: list[str | None] = []
        while not any(agreed) or "deaf" in words:
            time.sleep(0.01)
            if comm.Get_rank() == 1 and "stuck" in words:
                time.sleep(600)
            if comm.Get_rank() == 1 and "broken" in words and (folder / "go").exists():
                raise ValueError("boom")
            agreed = comm.allgather(stops.asked)
    return set(filter(None, agreed)), agreed


def _touch(folder: Path, name: str, text: str = "") -> None:
    draft = folder / f".{name}"
    draft.write_text(text)
    draft.replace(folder / name)


def _rank(comm: Any, folder: Path, words: list[str]) -> int:
    asked, agreed = run(comm, folder, words)
    if comm.Get_rank() == 0:
        _tell(asked, agreed)
    return STOPPED


def _tell(asked: set[str], agreed: list[str | None]) -> None:
    print(*sorted(asked), sum(name is not None for name in agreed), flush=True)


def _terminate(*_: object) -> None:
    raise TerminatedError


def main(engine: str, folder: Path, words: list[str]) -> int:
    """Run the ranks, as ``parcompute run`` does."""
    signal.signal(signal.SIGTERM, _terminate)
    stopping.remember()
    if engine == "mpiexec":
        from parcompute.comm.mpi import guarded

        return guarded(_rank, folder, words)
    try:
        _tell(*launch.start(engine, _RANKS[engine], 1, run, (folder, words), stoppable=True))
    except TerminatedError:
        return 143
    except KeyboardInterrupt:
        return 130
    return STOPPED


if __name__ == "__main__":
    from tests.system import stopping as importable  # by ranks, which are other processes

    sys.exit(importable.main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
