"""What ``parcompute verify`` prints: a row for each run, and what is known of a difference."""

from __future__ import annotations

from parcompute.box import Box
from parcompute.decomposition import Decomposition
from parcompute.verification.blocks import nearest_border, to_borders
from parcompute.verification.combinations import Combination
from parcompute.verification.compare import Comparison, FieldDifference, NumberDifference
from parcompute.verification.locate import Finding
from parcompute.verification.runs import Made

HEAD = f"{'kernels':<15}  {'engine':<15}  {'ranks':>5}  {'dims':<9}  {'seconds':>7}  result"
POISONED = "poisoned: what nothing has set, in halos and ghosts, begins as NaN"


def row(made: Made, result: str) -> str:
    """Return the row of a run in the table."""
    kernels, engine, ranks, poisoned = made.combination
    dims = made.report.dims if made.report else None
    blocks = "" if dims is None else " x ".join(map(str, dims))
    name = f"{kernels} poisoned" if poisoned else kernels
    seconds = "" if made.seconds is None else f"{made.seconds:.2f}"
    return f"{name:<15}  {engine:<15}  {ranks:>5}  {blocks:<9}  {seconds:>7}  {result}"


def result(made: Made, comparison: Comparison | None) -> str:
    """Return in words what came of a run; `comparison` is None for the reference."""
    if made.is_impossible:
        return f"not possible: {made.failure}"
    if made.failure:
        return f"fails: {made.failure}"
    if comparison is None:
        return "the reference"
    if comparison.is_same:
        return "same"
    if comparison.fields:
        first = comparison.fields[0]
        return f"differs: {first.field} at step {first.step}"
    return f"differs: {comparison.numbers[0].what}"


def closing(runs: int, differing: int, impossible: int) -> str:
    """Return the last line under the table."""
    refused = f"; {impossible} not possible" if impossible else ""
    if differing:
        return f"{differing} of {runs - impossible} runs differ{refused}"
    return f"{runs - impossible} runs, all the same bits{refused}"


def named(combination: Combination) -> str:
    """Return a combination in words."""
    kernels, engine, ranks, poisoned = combination
    text = f"{kernels} kernels, {engine}, {ranks} rank{'s' * (ranks != 1)}"
    return f"{text}, poisoned" if poisoned else text


def details(finding: Finding, cause: str) -> list[str]:
    """Return what is known of a difference, as lines."""
    rows = []
    if finding.made.failure:
        rows.append(("failure", finding.made.failure))
    if finding.comparison.fields:
        rows += _field(finding, finding.comparison.fields[0])
    elif finding.comparison.numbers:
        rows += _number(finding.comparison.numbers[0])
    rows.append(("likely cause", cause))
    runs = (named(made.combination) for made in (finding.made, finding.base))
    title = "difference of {} from {}:".format(*runs)
    return [title, *(f"  {label:<13} {text}" for label, text in rows)]


def _number(first: NumberDifference) -> list[tuple[str, str]]:
    return [
        ("what", f"{first.what}; all fields have the same bits"),
        ("values", f"{first.reference} there, {first.value} here"),
    ]


def _field(finding: Finding, first: FieldDifference) -> list[tuple[str, str]]:
    after = f"; the same at step {first.previous}" if first.previous >= 0 else ""
    if finding.is_gone:
        after += f"; with an output every {_count(finding.every, 'step')} the runs agree"
    count = len(first.cells)
    rows = [
        ("first step", f"{first.step}{after}"),
        ("field", first.field),
        ("global index", str(list(first.first))),
        ("values", f"{first.reference.item()!r} there, {first.value.item()!r} here"),
        ("cells", f"{count} of {Box.of_shape(first.shape).size} differ at this step"),
    ]
    if finding.blocks is not None:
        rows += _among_blocks(finding.blocks, first)
    return rows


def _among_blocks(blocks: Decomposition, first: FieldDifference) -> list[tuple[str, str]]:
    rank = blocks.owner(first.first)
    box = blocks.box(rank)
    spans = ", ".join(f"{a}:{b}" for a, b in zip(box.start, box.stop, strict=True))
    border = nearest_border(blocks, first.first)
    if border is None:
        return [("owner", f"rank {rank}, which owns all cells")]
    furthest = int(to_borders(blocks, first.cells).max())
    away, axis = _count(border.distance, "cell"), border.axis
    return [
        ("owner", f"rank {rank}, which owns [{spans}]"),
        ("border", f"{away} away, to rank {border.neighbour} along axis {axis}"),
        ("furthest", f"{_count(furthest, 'cell')} from a border, of all that differ"),
    ]


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
