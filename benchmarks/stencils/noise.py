"""What else the machine did meanwhile: without knowing that, a slow run says little."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.stencils.controller import Running

_STAT = Path("/proc/stat")
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, stolen by the host


class Others:
    """Counts, from its making on, the processor time that was not that of the peers (Linux)."""

    def __init__(self, peers: Sequence[Running]) -> None:
        self._peers = peers
        self._start = perf_counter()
        self._seconds = self._elsewhere()

    def note(self) -> str:
        """Return in words how many cores others kept busy."""
        if not _STAT.exists():
            return "load of the machine unknown"
        cores = (self._elsewhere() - self._seconds) / (perf_counter() - self._start)
        return f"other programs and the host used {max(0.0, cores):.1f} of {os.cpu_count()} cores"

    def _elsewhere(self) -> float:
        if not _STAT.exists():
            return 0.0
        ticks = _STAT.read_text().split("\n", 1)[0].split()[1:]
        busy = sum(int(ticks[k]) for k in _BUSY) / os.sysconf("SC_CLK_TCK")
        return busy - sum(sum(peer.tell("cpu")) for peer in self._peers)
