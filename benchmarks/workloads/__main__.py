"""Workloads beside their peers: ``python -m benchmarks.workloads [--case NAME …] [--rounds N]``.

In each round every case runs in turn: by parcompute on two ranks and on one, and in NumPy with
mpi4py by hand on two ranks (``pip install parcompute[mpi]``); before that, memory is copied, and
numbers in the cache are added and multiplied, by two threads and by one. Printed are medians over
the rounds of million cell updates per second, and of ratios within a round: to what the copy rate
allows for the bytes of a step ("of bound"), to what the additions allow for its operations ("of
arithmetic"; a division or a root takes ten times as long), of two ranks to one, of two threads
that add to one, which tells what the second core is worth, and to the plain program. At the end
Poisson's equation is solved by multigrid and by conjugate gradients.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections import defaultdict

from benchmarks.workloads import ours, solvers
from benchmarks.workloads.cases import CASES, Case
from parcompute.analysis.rates import arithmetic_rate, copy_rate
from parcompute.comm.mpiexec import mpiexec_command

_REPEATS = 3  # within a round


def plain(name: str) -> float:
    """Return the seconds of a repeat of the plain program on two ranks."""
    command = [*mpiexec_command(2), sys.executable, "-m", "benchmarks.workloads.plain", name]
    done = subprocess.run([*command, "2"], check=True, capture_output=True, text=True)
    return min(json.loads(done.stdout))


def measured(name: str, case: Case) -> dict[str, float]:
    """Return the columns of the table from one round."""
    cells = math.prod(case.parameters["shape"]) * case.steps / 1e6
    allowed = copy_rate(2).rate / case.nbytes / 1e6
    rates = [arithmetic_rate("float64", threads) for threads in (1, 2)]
    two = cells / min(ours.repeats(case, 2, _REPEATS))
    one = cells / min(ours.repeats(case, 1, _REPEATS))
    peer = cells / plain(name)
    return {
        "MLUP/s": two,
        "of bound": two / allowed,
        "of arithmetic": two * 1e6 * ours.operations(case) / rates[1],
        "2 / 1 ranks": two / one,
        "2 / 1 threads": rates[1] / rates[0],
        "plain": peer,
        "x plain": two / peer,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", action="append", choices=[*CASES, "poisson"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chosen = options.case or [*CASES, "poisson"]
    names = [name for name in chosen if name in CASES]
    rows: dict[str, dict[str, list[float]]] = {n: defaultdict(list) for n in names}
    for _ in range(options.rounds):
        for name in names:
            for column, value in measured(name, CASES[name]).items():
                rows[name][column].append(value)
    for name, columns in rows.items():
        goals = CASES[name].goals
        print(name)
        for column, values in columns.items():
            goal = f"   goal {goals[column]:g}" if column in goals else ""
            print(
                f"  {column:<13} {statistics.median(values):10.2f}"
                f"   ({min(values):.2f} - {max(values):.2f}){goal}"
            )
    if "poisson" in chosen:
        print("\n".join(solvers.table()))


if __name__ == "__main__":
    main()
