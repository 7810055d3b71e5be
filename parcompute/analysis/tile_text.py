"""Time tiles in words: how many sweeps go through the cache together, and in what order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parcompute.box import Index
from parcompute.stencils.sequence import BoundSequence
from parcompute.stencils.shapes import Recipe
from parcompute.stencils.tiles import Instruction, Margins, Slot, TilePlan
from parcompute.stencils.tuning import FixedDepth, memory, remembered

EXAMPLE = 4
"""Sweeps of the tile that is planned where none is in force."""
_MOST_LINES, _HEAD, _TAIL = 24, 12, 6


class Tiling(NamedTuple):
    """Time tiles of a sequence.

    Attributes
    ----------
    text : str
        What is in force, and why.
    depth : int
        Sweeps of the tile whose plan is worth showing; 0: there is none.
    """

    text: str
    depth: int


def tiling(bound: BoundSequence, dims: Index) -> Tiling:
    """Return the time tiles of a sequence, for a run with ranks in `dims`."""
    wanted = bound.settings.time_tile
    if bound.compiled is None:
        return Tiling("none: what is not compiled goes sweep by sweep", 0)
    if wanted == 1:
        return Tiling("none: sweep by sweep (kernels.time_tile=1)", 1)
    if isinstance(bound.tuner, FixedDepth):
        return _fixed(bound, int(wanted))
    if bound.tuner is None:
        return _untiled(bound)
    return _tuned(bound, dims)


def _fixed(bound: BoundSequence, wanted: int) -> Tiling:
    depth = bound.deepest(wanted)
    text = f"{_sweeps(depth)} per tile (kernels.time_tile={wanted})"
    if depth < wanted:
        text += f": halos for {wanted} do not fit into the block"
    return Tiling(text, depth)


def _untiled(bound: BoundSequence) -> Tiling:
    assert bound.compiled is not None
    sides = [side for f in bound.fields for pair in f.sides for side in pair]
    if not all(side.linear for side in sides) or any(side.varies for side in sides):
        why = "a boundary is a function that compiled code cannot apply inside a tile"
        return Tiling(f"none: {why}", 0)
    if bound.compiled.in_place:
        text = (
            "none: a kernel works in place, where tiles need a second array; "
            "kernels.time_tile=N gives it one"
        )
        return Tiling(text, bound.deepest(EXAMPLE))
    return Tiling("none: no cell reads its neighbours, or the block is too small for tiles", 1)


def _tuned(bound: BoundSequence, dims: Index) -> Tiling:
    """Return what earlier runs with ranks in `dims` have found."""
    file = memory(bound.identity(dims))
    known, choice = remembered(file)
    ranks = f"a run on {' x '.join(map(str, dims))} ranks" if max(dims) > 1 else "a run on one rank"
    if not known:
        text = f"auto; nothing is remembered yet of {ranks}, which will try some shapes"
        return Tiling(text, bound.deepest(EXAMPLE))
    text = "sweep by sweep" if choice is None else _recipe(choice, bound.grid.ndim)
    depth = 1 if choice is None else bound.deepest(choice.depth)
    return Tiling(f"auto: {text}, the fastest that {ranks} has found ({file})", depth)


def _recipe(recipe: Recipe, ndim: int) -> str:
    width = f"{recipe.width} cells" if recipe.width else "all cells"
    across = f"about {recipe.middle} x {recipe.width}" if ndim == 3 else f"about {width}"
    rows = "" if ndim == 1 else f", {recipe.rows} {'plane' if ndim == 3 else 'row'}s at a time"
    return f"{_sweeps(recipe.depth)} per tile, {across} across{rows}"


def _sweeps(count: int) -> str:
    return f"{count} sweep{'s' * (count != 1)}"


def plan_lines(bound: BoundSequence, depth: int, *, all_lines: bool) -> Iterator[str]:
    """Yield the plan of a tile that makes `depth` sweeps: a table, and what it means."""
    plan = bound.plan(depth)
    axes = "zyx"[-bound.grid.ndim :]
    yield f"plan of a tile of {_sweeps(depth)} (margins: cells around the tile; lag: rows behind)"
    rows: list[tuple[str, ...]] = [("sweep", "kernel", "margins", "lag", "reads", "writes")]
    rows += [_row(bound, i, axes) for i in plan.instructions]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]
    yield from (f"  {line.rstrip()}" for line in _shortened(lines, all_lines=all_lines))
    yield from (f"  {line}" for line in _legend(bound, plan, axes))


def _shortened(lines: Sequence[str], *, all_lines: bool) -> Sequence[str]:
    if all_lines or len(lines) <= _MOST_LINES:
        return lines
    left = f"... {len(lines) - _HEAD - _TAIL} more (--all shows them)"
    return [*lines[:_HEAD], left, *lines[-_TAIL:]]


def _row(bound: BoundSequence, i: Instruction, axes: str) -> tuple[str, ...]:
    assert bound.compiled is not None
    kernel = bound.compiled.stages[i.use].stage.typed.formula.name
    name = {"fill": "ghosts", "copy": "copy"}.get(i.op, kernel)
    sweep = "" if i.op == "copy" else str(i.sweep + 1)
    reads = ", ".join(_slot(bound, s) for s in i.inputs.values())
    writes = ", ".join(_slot(bound, s) for s in i.outputs)
    reads = reads or (writes if i.op == "fill" else "")
    return sweep, name, _margins(i.margins, axes), str(i.lag), reads, writes


def _slot(bound: BoundSequence, slot: Slot) -> str:
    assert bound.compiled is not None
    name = bound.compiled.name(slot.field)
    return {"in": f"{name} before", "out": f"{name} after"}.get(
        slot.kind, f"{name} in v{slot.number}"
    )


def _margins(margins: Margins, axes: str) -> str:
    """Return cells below and above along each axis."""
    low, high = margins
    if not any((*low, *high)):
        return "none"
    return " ".join(f"{x} {a}+{b}" for x, a, b in zip(axes, low, high, strict=True))


def _legend(bound: BoundSequence, plan: TilePlan, axes: str) -> Iterator[str]:
    """Yield what the words of the table mean."""
    yield "before, after: the arrays of a field; ghosts: cells beyond walls"
    if plan.versions:
        names = "v0" if len(plan.versions) == 1 else f"v0 to v{len(plan.versions) - 1}"
        span = max(version.span for version in plan.versions)
        rows = f"{span} {'planes' if bound.grid.ndim == 3 else 'rows'} besides those in work"
        kept = rows if bound.grid.ndim > 1 else "of the whole tile"
        yield f"{names}: values in the cache, {kept}"
    for f, margins in plan.load.items():
        known = _margins(margins, axes)
        yield f"{bound.fields[f].name} before is read with margins {known} (halo and ghosts)"
