"""Random numbers beside NumPy's Philox generator: ``python -m benchmarks.random``.

Prints ns for each number, the best of many turns that all cases take one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import parcompute as pc

SHAPE = (400, 250)
COUNT = SHAPE[0] * SHAPE[1]
WARM = 20  # turns without a time: the numba engine comes in after some
TURNS = 60
LIMITS = (0, 10**12)  # of whole numbers


def cases() -> dict[tuple[str, str], Callable[[], Any]]:
    """Return what is measured, by method and by where."""
    generator = np.random.Generator(np.random.Philox(1))
    stream = pc.random.Stream(1, "speed")
    places = {
        "range": range(COUNT),
        "field": pc.Grid(SHAPE, comm=pc.serial()).field("u"),
        "arange": np.arange(COUNT),
        "scattered": np.random.default_rng(1).integers(0, 2**63, COUNT),
    }
    found: dict[tuple[str, str], Callable[[], Any]] = {
        ("uniform", "NumPy"): lambda: generator.random(COUNT),
        ("normal", "NumPy"): lambda: generator.standard_normal(COUNT),
        ("exponential", "NumPy"): lambda: generator.standard_exponential(COUNT),
        ("integers", "NumPy"): lambda: generator.integers(*LIMITS, COUNT),
    }
    for name, where in places.items():
        found["uniform", name] = lambda where=where: stream.uniform(where)
        found["normal", name] = lambda where=where: stream.normal(where)
        found["exponential", name] = lambda where=where: stream.exponential(where)
        found["integers", name] = lambda where=where: stream.integers(where, *LIMITS)
    return found


def main() -> None:
    """Measure and print a table."""
    measured = cases()
    best = dict.fromkeys(measured, float("inf"))
    for turn in range(WARM + TURNS):
        for key, action in measured.items():
            begin = perf_counter()
            action()
            if turn >= WARM:
                best[key] = min(best[key], perf_counter() - begin)
    methods = list(dict.fromkeys(method for method, _ in best))
    print(f"{'ns for each number':20}" + "".join(f"{method:>13}" for method in methods))
    for where in dict.fromkeys(where for _, where in best):
        times = [best[method, where] / COUNT * 1e9 for method in methods]
        print(f"{where:20}" + "".join(f"{time:13.1f}" for time in times))


if __name__ == "__main__":
    main()
