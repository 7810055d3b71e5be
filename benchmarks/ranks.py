"""What ranks of the process engine cost: ``python -m benchmarks.ranks [--ranks N] [--repeats N]``.

* The time in which N ranks start, run a trivial function and end, against N bare
  ``python -c "import numpy"`` started side by side, in turn (A B A B …), with one thread each.
  Beside wall time there is processor time, which other programs disturb less (goal: at most 1.3).
* Memory of a rank at rest: resident (shared libraries count in every rank) and proportional
  (each page is divided by the number of processes that map it); the largest rank (goal: 80 MB).
* Processor time of four ranks that wait for a message that comes after 5 s (goal: milliseconds).
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from operator import attrgetter
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any, NamedTuple

from parcompute import launch
from parcompute.comm.cores import thread_variables

_IDLE = 5.0  # seconds
_WAITING = 4  # ranks
_MB = 1e6


class Cost(NamedTuple):
    """Wall and processor time in seconds."""

    wall: float
    cpu: float


def _cpu() -> float:
    usages = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def cost(function: Any, ranks: int) -> Cost:
    """Return what ``function(ranks)`` costs, with the processes that it starts and awaits."""
    wall, cpu = time.perf_counter(), _cpu()
    function(ranks)
    return Cost(time.perf_counter() - wall, _cpu() - cpu)


def start_ranks(ranks: int) -> None:
    """Start ranks that return their number."""
    assert launch(attrgetter("rank"), ranks) == list(range(ranks))


def start_bare(ranks: int) -> None:
    """Start as many interpreters that import numpy."""
    command = [sys.executable, "-c", "import numpy"]
    environment = os.environ | thread_variables(1)
    processes = [subprocess.Popen(command, env=environment) for _ in range(ranks)]
    assert not any([process.wait() for process in processes])


def memory(comm: Any) -> tuple[int, int]:
    """Return resident and proportional memory of this rank in bytes, while all are at rest."""
    comm.barrier()
    time.sleep(1.0)
    text = Path("/proc/self/smaps_rollup").read_text()
    comm.barrier()
    found = dict(re.findall(r"^(Rss|Pss): +(\d+) kB", text, re.MULTILINE))
    return int(found["Rss"]) * 1024, int(found["Pss"]) * 1024


def wait_for_message(comm: Any) -> float:
    """Wait for a message of rank 0, which sends it late; return the processor time."""
    comm.barrier()
    begin = time.process_time()
    if comm.rank == 0:
        time.sleep(_IDLE)
    comm.bcast(None)
    return time.process_time() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    ranks = options.ranks
    pairs = [(cost(start_ranks, ranks), cost(start_bare, ranks)) for _ in range(options.repeats)]
    for kind in Cost._fields:
        columns = [[getattr(c, kind) for c in column] for column in zip(*pairs, strict=True)]
        ours, bare = map(statistics.median, columns)
        ratio = statistics.median(a / b for a, b in zip(*columns, strict=True))
        print(f"start {ranks} ranks, {kind:<4} {ours:6.2f} s / {bare:6.2f} s   ratio {ratio:5.2f}")
    if sys.platform == "linux":
        rss, pss = map(max, zip(*launch(memory, ranks), strict=True))
        print(f"memory of a rank: {rss / _MB:.1f} MB resident, {pss / _MB:.1f} MB proportional")
    idle = launch(wait_for_message, _WAITING)[1:]
    print(f"{_IDLE:g} s of waiting: {max(idle) * 1e3:.2f} ms of processor time in the worst rank")


if __name__ == "__main__":
    main()
