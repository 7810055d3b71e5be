"""Find the step at which two runs begin to differ, by making them again with more output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from parcompute.decomposition import Decomposition
from parcompute.run import directory
from parcompute.run.spec import RunSpec
from parcompute.topology import CartTopology
from parcompute.verification.combinations import Combination
from parcompute.verification.compare import Comparison, compare
from parcompute.verification.runs import Made, Workshop

_MOST_BYTES = 2**30  # of a file with more snapshots


@dataclass(frozen=True)
class Finding:
    """One difference, as closely as it can be seen.

    Attributes
    ----------
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

    made: Made
    comparison: Comparison
    blocks: Decomposition | None
    every: int = 1
    is_gone: bool = False


class Locator:
    """Makes runs again with a snapshot after every step.

    Parameters
    ----------
    workshop : Workshop
        Makes the runs.
    spec : RunSpec
        The run, with few snapshots.
    """

    def __init__(self, workshop: Workshop, spec: RunSpec) -> None:
        self._workshop, self._spec = workshop, spec
        self._bases: dict[Combination, Made] = {}

    def locate(self, base: Made, made: Made, comparison: Comparison) -> Finding:
        """Return the difference between two runs at the first step that shows it."""
        blocks = blocks_of(made, comparison)
        if not comparison.fields:
            return Finding(made, comparison, blocks)
        every = self._every(base)
        spec = replace(self._spec, output=replace(self._spec.output, every=every))
        if base.combination not in self._bases:
            self._bases[base.combination] = self._workshop.make(spec, base.combination)
        fine = self._workshop.make(spec, made.combination)
        found = compare(self._bases[base.combination], fine)
        if not found.fields:
            return Finding(made, comparison, blocks, every, is_gone=True)
        return Finding(replace(made, folder=fine.folder), found, blocks, every)

    def _every(self, base: Made) -> int:
        """Return 1, or more where the file would be too large."""
        steps = base.report.steps if base.report else 0
        snapshots = 2 + steps // max(self._spec.output.every, 1)
        size = (base.folder / directory.FIELDS).stat().st_size
        return max(1, size // snapshots * steps // _MOST_BYTES)


def blocks_of(made: Made, comparison: Comparison) -> Decomposition | None:
    """Return which rank had which cells of the first field that differs."""
    record = directory.read_record(made.folder) if comparison.fields else {}
    if not record.get("dims"):
        return None
    topology = CartTopology(tuple(record["dims"]), tuple(record["periods"]))
    return Decomposition(comparison.fields[0].shape, topology)
