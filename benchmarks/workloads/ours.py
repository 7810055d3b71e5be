"""The same workloads by parcompute, as its driver runs them."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import parcompute as pc
from benchmarks.workloads.cases import Case
from parcompute.analysis.costs import cost
from parcompute.run import registry
from parcompute.stencils.sequence import BoundSequence

_EXPERIMENTS = Path(__file__).resolve().parent.parent.parent / "experiments"
_WARM_UP = 60  # steps, in which time tiles are chosen


def build(name: str, parameters: dict[str, Any], comm: Any) -> Any:
    """Return the experiment, set up on the ranks of `comm`."""
    experiment = registry.build(_EXPERIMENTS / f"{name}.py", parameters)
    experiment.setup(comm)
    return experiment


def operations(case: Case) -> int:
    """Return the operations of a step of one cell."""
    experiment = build(case.experiment, case.parameters | {"shape": (64, 64)}, pc.serial())
    experiment.advance(1)
    grids = {field.grid for field in experiment.fields().values()}
    plans = [plan for grid in grids for plan in grid.plans.values()]
    bound = [plan for plan in plans if isinstance(plan, BoundSequence)]
    applications = [a for b in bound for a in b.applications if a.stencil.name == case.stencil]
    return cost(applications[0]).operations or 0


def repeats_on_rank(comm: Any, case: Case, repeats: int) -> list[float]:
    """Return the seconds of each repeat."""
    experiment = build(case.experiment, case.parameters, comm)
    experiment.advance(max(_WARM_UP, case.steps))
    found = []
    for _ in range(repeats):
        comm.Barrier()
        begin = perf_counter()
        experiment.advance(case.steps)
        comm.Barrier()
        found.append(perf_counter() - begin)
    return found


def repeats(case: Case, ranks: int, count: int) -> list[float]:
    """Return the seconds of each repeat on so many ranks."""
    found: list[float] = pc.launch(repeats_on_rank, ranks, (case, count))[0]
    return found
