"""Memory of a rank: the peak of what is resident, above that of a rank with a tiny grid."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.stencils.cases import CASES, PEERS, RANKS, THREADS
from benchmarks.stencils.controller import PeerError, Running

_CASES = ("heat2d", "wave3d")  # their schemes need two and three arrays
_GOAL = 1.05


def measure(quick: bool) -> list[dict[str, Any]]:
    """Return a row for each case and way to run it."""
    return [_row(case, peer, quick) for case in _CASES for peer in (THREADS, RANKS)]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as text."""
    layout = "{:<10}{:<24}{:>10}{:>8}{:>8}{:>8}{:>10}  {}"
    lines = [
        "\nmemory: (peak of a rank - peak with a tiny grid) / arrays of the scheme with ghosts",
        layout.format("case", "peer", "peak [MB]", "tiny", "arrays", "ratio", "goal", "reached"),
    ]
    for row in rows:
        if "note" in row:
            lines.append(f"{row['case']:<12}{row['note']}")
            continue
        word = "yes" if row["ratio"] <= _GOAL else "no"
        sizes = [f"{row[key] / 1e6:.0f}" for key in ("peak", "baseline", "arrays")]
        cells = *sizes, f"{row['ratio']:.3f}", f"<= {_GOAL}", word
        lines.append(layout.format(row["case"], row["peer"], *cells))
    return "\n".join(lines)


def _row(case: str, name: str, quick: bool) -> dict[str, Any]:
    shape = CASES[case].quick if quick else CASES[case].shape
    try:
        _peak(case, name, shape)  # compiles, tunes and fills the caches
        baseline, _ = _peak(case, name, CASES[case].small)
        peak, needs = _peak(case, name, shape)
    except PeerError as error:
        return {"case": case, "peer": name, "note": str(error)}
    row = {"case": case, "peer": name, "peak": peak, "baseline": baseline, "arrays": needs}
    return row | {"ratio": (peak - baseline) / needs}


def _peak(case: str, name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the peak of the largest rank of a new process, and what its arrays need."""
    with Running(PEERS[name], case, sys.executable) as running:
        running.tell("setup", shape, CASES[case].steps)
        for _ in range(3):
            running.tell("repeat")
        return max(running.tell("memory")), max(running.tell("needs"))
