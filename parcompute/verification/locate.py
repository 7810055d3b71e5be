"""Find the step at which two runs begin to differ, by making them again with more output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from parcompute.decomposition import Decomposition
from parcompute.run import directory
from parcompute.run.spec import RunSpec
from parcompute.topology import CartTopology
from parcompute.verification.compare import Comparison, compare
from parcompute.verification.runs import Made, Workshop

_MOST_BYTES = 2**28  # of a file with more snapshots


@dataclass(frozen=True)
class Finding:
    """One difference, as closely as it can be seen.

    Attributes
    ----------
    base : Made
        What was compared with.
    made : Made
        The run that differs.
    comparison : Comparison
        What differs.
    blocks : Decomposition, optional
        Which rank has which cells; None without a grid.
    every : int
        Steps between the snapshots in which it was looked for.
    is_gone : bool
        Whether runs with a snapshot after every step are the same: `comparison` is then that of the
        runs with fewer.
    """

    base: Made
    made: Made
    comparison: Comparison
    blocks: Decomposition | None
    every: int = 1
    is_gone: bool = False


def locate(
    workshop: Workshop, spec: RunSpec, base: Made, made: Made, comparison: Comparison
) -> Finding:
    """Return the difference between two runs at the first step that shows it.

    Parameters
    ----------
    workshop : Workshop
        Makes both runs again.
    spec : RunSpec
        What they are, with few snapshots.
    base, made : Made
        The runs.
    comparison : Comparison
        What differs between them.
    """
    blocks = blocks_of(made, comparison)
    if not comparison.fields or spec.output.every == 1:
        return Finding(base, made, comparison, blocks)
    every = _every(base, spec)
    spec = replace(spec, output=replace(spec.output, every=every))
    fine = [workshop.make(spec, run.combination) for run in (base, made)]
    found = compare(*fine)
    if not found.fields:
        return Finding(base, made, comparison, blocks, every, is_gone=True)
    return Finding(base, made, found, blocks_of(fine[1], found), every)


def _every(base: Made, spec: RunSpec) -> int:
    """Return 1, or more where the file would be too large."""
    steps = base.report.steps if base.report else 0
    snapshots = 2 + steps // max(spec.output.every, 1)
    size = (base.folder / directory.FIELDS).stat().st_size
    return max(1, size // snapshots * steps // _MOST_BYTES)


def blocks_of(made: Made, comparison: Comparison) -> Decomposition | None:
    """Return which rank had which cells of the first field that differs."""
    record = directory.read_record(made.folder) if comparison.fields else {}
    if not record.get("dims"):
        return None
    topology = CartTopology(tuple(record["dims"]), tuple(record["periods"]))
    return Decomposition(comparison.fields[0].shape, topology)
