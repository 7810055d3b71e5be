"""Finds ranks of a communicator that made different collective calls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from parcompute.comm.process.launching.wording import lines_by_rank
from parcompute.comm.process.transport.board import Panel
from parcompute.errors import CollectiveMismatchError

_RULE = (
    "all ranks of a communicator must make the same collective calls, in the same order, with the "
    "same root, operation and size"
)
_COMMUNICATOR, _NUMBER, _CHECKSUM, _SITE, _RANK = range(5)

Table = NDArray[np.int64]
"""Calls as rows (communicator, number, checksum, site, rank), by communicator and number."""


def find_mismatch(panels: list[Panel], *, finished: bool = False) -> CollectiveMismatchError | None:
    """Return the error that names the first calls that differ; `finished`: none will follow."""
    table = _table(panels)
    different = table[:-1][_same_call(table) & (np.diff(table[:, _CHECKSUM]) != 0)]
    if len(different):
        first = different[np.argmin(different[:, _NUMBER])]
        return _error(panels, table[(table[:, :2] == first[:2]).all(axis=1)])
    return _missing(panels, table) if finished else None


def _table(panels: list[Panel]) -> Table:
    parts = [
        np.insert(panel.read_calls(), _RANK, rank, axis=1) for rank, panel in enumerate(panels)
    ]
    table = np.concatenate(parts)
    return table[np.lexsort((table[:, _NUMBER], table[:, _COMMUNICATOR]))]


def _same_call(table: Table) -> NDArray[np.bool_]:
    """Return for each row but the last whether the next one is of the same call."""
    same: NDArray[np.bool_] = (np.diff(table[:, :2], axis=0) == 0).all(axis=1)
    return same


def _missing(panels: list[Panel], table: Table) -> CollectiveMismatchError | None:
    """Return the error if some ranks made a call that others of the communicator did not."""
    for rows in _by_communicator(table):
        last = {rank: rows[rows[:, _RANK] == rank, _NUMBER].max() for rank in set(rows[:, _RANK])}
        fewest = min(last.values())
        further = rows[rows[:, _NUMBER] == fewest + 1]
        if len(further):
            idle = [rank for rank, number in last.items() if number == fewest]
            return _error(panels, further, idle)
    return None


def _by_communicator(table: Table) -> Iterator[Table]:
    for communicator in np.unique(table[:, _COMMUNICATOR]):
        yield table[table[:, _COMMUNICATOR] == communicator]


def _error(
    panels: list[Panel], rows: Table, without: list[int] | None = None
) -> CollectiveMismatchError:
    deeds = {int(r[_RANK]): f"called {panels[r[_RANK]].read_site(int(r[_SITE]))}" for r in rows}
    deeds |= dict.fromkeys(without or [], "returned without that call")
    return CollectiveMismatchError(f"{', '.join(lines_by_rank(deeds))}: {_RULE}")
