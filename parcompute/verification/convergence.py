"""How the error against the exact solution falls as the grid is refined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parcompute.errors import ParcomputeError
from parcompute.io.reader import Reader
from parcompute.run import directory, registry
from parcompute.run.spec import RunSpec
from parcompute.verification.combinations import Combination
from parcompute.verification.runs import Workshop

_FACTORS = (1, 2, 4)  # cells along an axis, of the grids
_SAME_TIME = 1e-6  # relative difference of the times at which errors are taken
_MOST_UPDATES = 5e8  # of cells, on the finest grid: some seconds
_TOLERANCE = 0.05  # relative, of the order


@dataclass(frozen=True)
class Level:
    """The errors on one grid.

    Attributes
    ----------
    shape : tuple of int
        Cells along each axis.
    steps : int
        Steps made.
    time : float
        At which the errors are taken.
    errors : dict
        For each field its largest ("max") and root-mean-square ("rms") error.
    """

    shape: tuple[int, ...]
    steps: int
    time: float
    errors: dict[str, dict[str, float]]


def refined(spec: RunSpec) -> list[RunSpec] | str:
    """Return runs on finer and finer grids up to the same time, or why there are none."""
    experiment = registry.build(Path(spec.path), spec.parameters)
    time = experiment.steps * experiment.dt
    if not experiment.exact(time):
        return "the experiment has no exact solution for these parameters"
    if not isinstance(spec.parameters.get("shape"), list | tuple):
        return "the experiment has no parameter 'shape', cells along each axis, to be refined"
    runs = []
    for factor in _FACTORS:
        shape = [factor * n for n in spec.parameters["shape"]]
        parameters: dict[str, Any] = {**spec.parameters, "shape": shape}
        dt = registry.build(Path(spec.path), parameters).dt
        steps = round(time / dt)
        if not math.isclose(steps * dt, time, rel_tol=_SAME_TIME):
            return (
                f"no number of steps of {dt:.4g} on {factor} times finer grids ends at {time:.4g}"
            )
        if steps * math.prod(shape) > _MOST_UPDATES:
            return f"{steps} steps on {shape} cells take too long; a smaller experiment.shape helps"
        parameters["steps"] = steps
        runs.append(replace(spec, parameters=parameters, output=replace(spec.output, every=0)))
    return runs


def expected_order(spec: RunSpec) -> float | None:
    """Return `Experiment.order`, unless that is a parameter, which may mean anything."""
    return (
        None
        if "order" in spec.parameters
        else registry.build(Path(spec.path), spec.parameters).order
    )


def levels(workshop: Workshop, specs: Sequence[RunSpec], combination: Combination) -> list[Level]:
    """Make the runs and return their errors.

    Raises
    ------
    ParcomputeError
        If a run fails.
    """
    found = []
    runs = workshop.make_all([(spec, combination) for spec in specs])
    for spec, made in zip(specs, runs, strict=True):
        shape = tuple(spec.parameters["shape"])
        if made.report is None:
            raise ParcomputeError(f"The run on {list(shape)} cells failed: {made.failure}")
        with Reader(made.folder / directory.FIELDS) as reader:
            time = float(reader.contents.times[-1])
        found.append(Level(shape, made.report.steps, time, made.report.errors))
    return found


def at_different_times(found: Sequence[Level]) -> str:
    """Return a sentence if the errors cannot be compared, else ""."""
    times = [level.time for level in found]
    if math.isclose(min(times), max(times), rel_tol=_SAME_TIME):
        return ""
    ends = ", ".join(f"{time:.6g}" for time in times)
    return f"the runs end at the times {ends}; dt must follow from the parameters alone"


def observed(coarse: float, fine: float) -> float | None:
    """Return log2 of the ratio of two errors on grids that differ by two; None if one is 0."""
    if coarse == 0 or fine == 0:
        return None
    ratio = coarse / fine
    return math.log2(ratio) if ratio > 0 else math.nan


def table(found: Sequence[Level]) -> list[str]:
    """Return the errors and orders as aligned lines."""
    head = f"{'cells':<17}  {'steps':>6}  {'field':<10}  {'max':>9}  {'order':>6}"
    lines = [f"{head}  {'rms':>9}  {'order':>6}"]
    for before, level in zip([None, *found], found, strict=False):
        for name, errors in level.errors.items():
            text = ""
            for kind in ("max", "rms"):
                order = observed(before.errors[name][kind], errors[kind]) if before else None
                text += f"  {errors[kind]:>9.3e}  {'' if order is None else f'{order:.3f}':>6}"
            cells = " x ".join(map(str, level.shape))
            lines.append(f"{cells:<17}  {level.steps:>6}  {name:<10}{text}".rstrip())
    return lines


def unexpected(found: Sequence[Level], expected: float | None) -> list[str]:
    """Return a sentence for each field whose order, on the two finest grids, is not `expected`."""
    coarse, fine = found[-2:]
    sentences = []
    for name, errors in fine.errors.items():
        order = observed(coarse.errors[name]["rms"], errors["rms"])
        if expected is None or order is None or abs(order - expected) <= _TOLERANCE * expected:
            continue
        sentences.append(
            f"the order of convergence of {name} is {order:.3f}, but the experiment says {expected}"
        )
    return sentences
