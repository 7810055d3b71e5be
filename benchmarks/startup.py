"""How long it takes to start: ``python -m benchmarks.startup [--repeats N]``.

Two ratios, each of medians of whole processes that are run in turn (A B A B …), because machines
are noisy:

* the default heat2d, from shell to shell with its kernel cached, to an interpreter that imports
  numpy, numba, hydra, h5py and matplotlib.pyplot (goal: at most 2.5);
* ``import parcompute`` to ``import numpy`` (goal: at most 1.3).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

PAIRS = (
    (
        "heat2d / its imports",
        ["-m", "parcompute", "run", "+exp=heat2d"],
        ["-c", "import numpy, numba, hydra, h5py, matplotlib.pyplot"],
        2.5,
    ),
    ("import parcompute / import numpy", ["-c", "import parcompute"], ["-c", "import numpy"], 1.3),
)


def seconds(arguments: list[str], folder: str) -> float:
    """Return the wall time of an interpreter with `arguments`."""
    start = perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        for name, ours, theirs, goal in PAIRS:
            pairs = [(seconds(ours, folder), seconds(theirs, folder)) for _ in range(repeats + 1)]
            a, b = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
            ratio = statistics.median(x / y for x, y in pairs[1:])
            print(f"{name:<34} {a:6.3f} s / {b:6.3f} s   ratio {ratio:5.2f}  (goal {goal})")


if __name__ == "__main__":
    main()
