"""What a difference most likely means, told from where and when it begins."""

from __future__ import annotations

import numpy as np

from parcompute.decomposition import Decomposition
from parcompute.verification.blocks import Cells, depth, owners, to_borders, to_edges
from parcompute.verification.compare import FieldDifference
from parcompute.verification.locate import Finding

_ROUNDING = 1e-9  # relative difference of two sums in another order, generously

FAILURE = "the run fails where the reference does not"
KERNELS = (
    "the kernels differ, not the ranks: numba and numpy agree in all bits but those of exp, log, "
    "sin, cos, tan, their relatives and powers (docs/stencils.md); --kernels numba compares the "
    "ranks alone"
)
TILES = (
    "the runs agree with an output after every step, so it arises only where several steps are "
    "made at once: advance(n) must do the same as n times advance(1)"
)
SUM = (
    "a sum of floats whose order depends on the ranks, as allreduce() makes it: use Field.sum() or "
    "the functions of parcompute.reductions"
)
MEASURE = (
    "measure() returns what only one rank knows: reduce it over all ranks, so that all return the "
    "same numbers"
)
ERROR = "exact() gives numbers that depend on the rank: use the coordinates and the time alone"
FILE = "a set of particles, or of their values, depends on the ranks"
INITIAL = (
    "initial values depend on the rank: use the coordinates or pc.random, not a generator that is "
    "seeded for each rank"
)
CORNERS = (
    "corners of the halo, or of the ghosts, are read that are not set: exchange them too "
    "(exchange(corners=True), which also fills the ghosts)"
)
UNSET_HALO = (
    "missing exchange: halo cells are read that no exchange has ever set; call exchange() before "
    "they are read"
)
UNSET_GHOSTS = (
    "ghosts at the walls are read that nothing has set: call exchange() or fill_ghosts() before"
)
UNSET = "array elements outside of the owned cells are read that nothing has set"
STALE = (
    "missing exchange: the halo is set, but old from step {step} on; call exchange() in every step "
    "before the halo is read"
)
NARROW = (
    "halo too narrow: between two exchanges more layers are read than the halo has (radius times "
    "sweeps); make it wider, or exchange between the sweeps"
)
ROUNDED_STEP = f"the step takes in {SUM}"
RANK_IN_STEP = (
    "the step depends on the rank: a generator seeded for each rank, an index of the block in "
    "place of a global one, or a number that only this rank knows"
)


def cause(finding: Finding, *, halo_is_unset: bool = False) -> str:
    """Return one sentence on the most likely cause.

    Parameters
    ----------
    finding : Finding
        The difference.
    halo_is_unset : bool
        Whether a poisoned run with several ranks differed too.
    """
    made, comparison = finding.made, finding.comparison
    if not comparison.fields:
        return _cause_of_numbers(finding)
    first = comparison.fields[0]
    place = _place(finding.blocks, first.cells)
    if made.combination.poisoned:
        return {"corner": CORNERS, "border": UNSET_HALO, "wall": UNSET_GHOSTS}.get(place, UNSET)
    if made.combination.engine == "serial":
        return KERNELS
    if finding.is_gone:
        return TILES
    if place == "corner":
        return CORNERS
    if place == "border":
        return _cause_at_borders(first, halo_is_unset)
    if first.step == 0:
        return INITIAL
    return ROUNDED_STEP if first.relative < _ROUNDING else RANK_IN_STEP


def _cause_of_numbers(finding: Finding) -> str:
    if not finding.comparison.numbers:
        return FAILURE
    first = finding.comparison.numbers[0]
    if first.kind == "measure":
        return SUM if first.relative < _ROUNDING else MEASURE
    return ERROR if first.kind == "error" else FILE


def _cause_at_borders(first: FieldDifference, halo_is_unset: bool) -> str:
    if halo_is_unset:
        return UNSET_HALO
    was_right = first.previous > 0  # in a step, not only in the initial values
    return STALE.format(step=first.step) if was_right else NARROW


def _place(blocks: Decomposition | None, cells: Cells) -> str:
    """Return where all `cells` lie: at a "corner", "border" or "wall" of blocks, or "anywhere"."""
    if blocks is None:
        return "anywhere"
    edges = to_edges(blocks, cells)
    smallest = min(n // d for n, d in zip(blocks.shape_global, blocks.topology.dims, strict=True))
    layers = 1 if smallest > 4 else 0
    if ((edges <= layers).sum(axis=1) >= 2).all():
        return "corner"
    if _is_at_borders(blocks, cells):
        return "border"
    nearest = edges.min(axis=1)
    if nearest.min() == 0 and nearest.max() <= layers:
        return "wall"
    return "anywhere"


def _is_at_borders(blocks: Decomposition, cells: Cells) -> bool:
    """Say whether the cells lie in layers along borders, and leave the inside of a block alone."""
    distances = np.unique(to_borders(blocks, cells))
    layers = np.array_equal(distances, np.arange(len(distances)))
    return layers and any(depth(blocks, rank) > distances[-1] for rank in owners(blocks, cells))
