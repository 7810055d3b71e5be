"""Stencils beside their peers: ``python -m benchmarks.stencils [--peers-python PYTHON]``.

On two cores and in float64: the heat equation in 2-D and 3-D, an acoustic wave of order 8 with
variable velocity, Gray-Scott, shallow water with two kernels a step; steps on tiny grids; memory.
The peers are Devito, JAX, Numba loops, and NumPy with mpi4py, which PYTHON must have
(``pip install parcompute[peers]``; Devito needs gcc), and the rate at which memory is copied.

Peers take turns: repeat 1 of all, repeat 2 of all, and so on. Printed are medians of repeats,
without compilation and warm-up; a ratio is the median of the ratios of repeats. "Of bound" is the
speed divided by that of a loop that copies, with two threads, as many bytes as a step must move:
8 for each array that it reads or writes (as STREAM counts).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.stencils import memory
from benchmarks.stencils.cases import CASES
from benchmarks.stencils.measure import measure
from benchmarks.stencils.report import as_json, table

_CORES = 2
_NEEDS = {  # module of a peer: what it imports
    "devito": "devito",
    "jax_arrays": "jax",
    "numba_loops": "numba",
    "numpy_mpi": "mpi4py",
}


def missing(python: str) -> set[str]:
    """Return the peers that `python` lacks, and say so."""
    ask = (
        "import json, sys; from importlib.util import find_spec; "
        "print(json.dumps([name for name in sys.argv[1:] if find_spec(name) is None]))"
    )
    command = [python, "-c", ask, *_NEEDS.values()]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    absent = json.loads(answer.stdout)
    if absent:
        print(f"without {', '.join(absent)}: pip install parcompute[peers], or --peers-python PATH")
    return {module for module, package in _NEEDS.items() if package in absent}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [*CASES, "memory"]
    parser.add_argument("--case", action="append", choices=names, help="may be given repeatedly")
    parser.add_argument("--quick", action="store_true", help="small sizes, 2 repeats")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--peers-python", default=sys.executable, metavar="PATH")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])
    absent = missing(options.peers_python)
    repeats = 2 if options.quick else options.repeats
    results = {}
    for name in options.case or names:
        if name == "memory":
            results[name] = memory.measure(options.quick)
            print(memory.table(results[name]), flush=True)
            continue
        outcome = measure(name, options.peers_python, repeats, options.quick, absent)
        results[name] = as_json(outcome)
        print(table(name, outcome), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
