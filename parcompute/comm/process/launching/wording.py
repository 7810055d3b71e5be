"""Sentences about many ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_LINES = 20  # that a message shows at most


def lines_by_rank(deeds: Mapping[int, str]) -> list[str]:
    """Return one line for all ranks that do the same, e.g. "ranks 3-63 wait in Barrier()".

    Parameters
    ----------
    deeds : mapping
        What each rank does, with the verb ("wait", "have returned") in the plural.
    """
    groups: dict[str, list[int]] = {}
    for rank in sorted(deeds):
        groups.setdefault(deeds[rank], []).append(rank)
    lines = [_line(ranks, deed) for deed, ranks in groups.items()]
    if len(lines) > _LINES:
        lines[_LINES - 1 :] = [f"and {len(lines) - _LINES + 1} more"]
    return lines


def _line(ranks: Sequence[int], deed: str) -> str:
    if len(ranks) > 1:
        return f"ranks {_ranges(ranks)} {deed}"
    verb, _, rest = deed.partition(" ")
    return f"rank {ranks[0]} {_SINGULAR.get(verb, verb)} {rest}"


_SINGULAR = {"wait": "waits", "have": "has"}


def _ranges(ranks: Sequence[int]) -> str:
    """Return increasing numbers as e.g. "0, 3-63"."""
    parts: list[list[int]] = []
    for rank in ranks:
        if parts and parts[-1][1] == rank - 1:
            parts[-1][1] = rank
        else:
            parts.append([rank, rank])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
