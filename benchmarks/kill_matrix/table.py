"""The table of what came of all kills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.kill_matrix.moments import PHASES
from benchmarks.kill_matrix.processes import ENGINES, KINDS
from benchmarks.kill_matrix.trial import FAULTS, Trial

_COLUMNS = ("kills", *PHASES, "first", "missed", *FAULTS)


def table(trials: Sequence[Trial]) -> str:
    """Return a row for each engine and kind of kill.

    ``first`` counts kills before the first checkpoint, ``missed`` commands that had ended before
    they were to be killed. Faults stand in the row of the last kill before them.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    codes: dict[tuple[str, str], Counter[int | None]] = {}
    for trial in trials:
        for kill in trial.kills:
            row = (kill.engine, kill.kind)
            counts.update([(*row, "kills"), (*row, kill.phase)])
            counts[(*row, "first")] += kill.first
            if kill.phase != "missed":
                codes.setdefault(row, Counter())[kill.code] += 1
        for fault in trial.faults:
            if fault.after is not None:
                counts[(fault.after.engine, fault.after.kind, fault.kind)] += 1
    rows = [(e, k) for e in ENGINES for k in KINDS if counts[(e, k, "kills")]]
    lines = [_line("engine", "kill", _COLUMNS, "exit codes")]
    for row in rows:
        found = sorted(codes.get(row, Counter()).items(), key=lambda item: -item[1])
        text = ", ".join(f"{code}: {count}" for code, count in found)
        lines.append(_line(*row, [counts[(*row, c)] for c in _COLUMNS], text))
    sums = [sum(counts[(*row, column)] for row in rows) for column in _COLUMNS]
    return "\n".join([*lines, _line("all", "", sums, "")])


def _line(engine: str, kind: str, values: Sequence[object], codes: str) -> str:
    cells = "".join(
        f"{value!s:>{len(column) + 2}}" for value, column in zip(values, _COLUMNS, strict=True)
    )
    return f"{engine:<15} {kind:<10}{cells}  {codes}".rstrip()
