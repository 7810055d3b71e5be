"""Tables and JSON of what has been measured."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.stencils.cases import COPIES, LOOP2, Goal
from benchmarks.stencils.measure import Outcome

_COLUMNS = "{:<32}{:>10}{:>22}{:>10}{:>12}{:>10}  {}"


def table(name: str, outcome: Outcome) -> str:
    """Return the table of one case, a row for each peer."""
    case, unit = outcome.case, outcome.case.unit
    shape = " x ".join(map(str, outcome.shape))
    lines = [f"\n{name}: {case.title}, {shape}, float64; a cell moves {case.nbytes} bytes"]
    header = ("peer", unit, "min .. max", "of bound", "ours/peer", "goal", "reached")
    lines.append(_COLUMNS.format(*header))
    for peer, values in outcome.values.items():
        low, high = min(values), max(values)
        row = (peer, _number(statistics.median(values)), f"{_number(low)} .. {_number(high)}")
        first, *others = _comparisons(outcome, peer)
        lines.append(_COLUMNS.format(*row, _of_bound(outcome, peer), *first))
        lines += [_COLUMNS.format("", "", "", "", *other) for other in others]
    notes = [*_copy_rates(outcome), *outcome.notes]
    return "\n".join([*map(str.rstrip, lines), *(f"  {note}" for note in notes)])


def ratio(outcome: Outcome, goal: Goal) -> float | None:
    """Return ours / peer, the median over repeats, for the best of ours; None if not measured."""
    values, times = outcome.values, outcome.case.unit == "us/step"
    ours = [name for name in goal.ours if name in values]
    if not ours or goal.against not in values:
        return None
    best = (min if times else max)(ours, key=lambda name: statistics.median(values[name]))
    pairs = zip(values[best], values[goal.against], strict=True)
    return statistics.median(a / b for a, b in pairs)


def reached(outcome: Outcome, goal: Goal) -> bool | None:
    """Say whether a goal has been reached; None if it was not measured."""
    found = ratio(outcome, goal)
    if found is None:
        return None
    return found <= goal.factor if outcome.case.unit == "us/step" else found >= goal.factor


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return all that has been measured, as JSON has it."""
    return {
        "shape": outcome.shape,
        "unit": outcome.case.unit,
        "values": outcome.values,
        "goals": [
            goal._asdict() | {"ratio": ratio(outcome, goal), "reached": reached(outcome, goal)}
            for goal in outcome.case.goals
        ],
        "notes": outcome.notes,
    }


def _copy_rates(outcome: Outcome) -> list[str]:
    """Return a note of the rates at which memory was copied, 16 bytes per element."""
    nbytes, values = outcome.case.nbytes, outcome.values
    rates = {name: values[name] for name in COPIES if name in values}
    texts = [f"{name} {statistics.median(v) * nbytes / 1e3:.1f} GB/s" for name, v in rates.items()]
    return ["; ".join(texts)] if texts else []


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _of_bound(outcome: Outcome, peer: str) -> str:
    bound = outcome.values.get(LOOP2)
    if not bound:
        return ""
    return (
        f"{statistics.median(a / b for a, b in zip(outcome.values[peer], bound, strict=True)):.2f}"
    )


def _comparisons(outcome: Outcome, peer: str) -> list[tuple[str, str, str]]:
    """Return for each goal ours / peer, the goal, and whether it has been reached."""
    sign = "<=" if outcome.case.unit == "us/step" else ">="
    rows = [
        (_ratio(outcome, goal), f"{sign} {goal.factor:g}", _word(outcome, goal))
        for goal in outcome.case.goals
        if goal.against == peer
    ]
    if rows or peer.startswith("parcompute"):
        return rows or [("", "", "")]
    return [(_ratio(outcome, Goal(peer, 0.0)), "", "")]


def _ratio(outcome: Outcome, goal: Goal) -> str:
    found = ratio(outcome, goal)
    return "" if found is None else f"{found:.2f}"


def _word(outcome: Outcome, goal: Goal) -> str:
    word = {True: "yes", False: "no", None: "not measured"}[reached(outcome, goal)]
    return word if goal.ours == Goal("", 0.0).ours else f"{word} ({goal.ours[0]})"
