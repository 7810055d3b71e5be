"""``timings.json``: the seconds that ranks spent in each phase of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parcompute.comm import Communicator
from parcompute.io.collective import on_root
from parcompute.run import directory
from parcompute.timing import Timers


def save_timings(comm: Communicator, timers: Timers, folder: Path) -> None:
    """Write the seconds of each phase: least, mean and most over the ranks; collective."""

    def combine(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
        return {k: (min(a[k][0], b[k][0]), a[k][1] + b[k][1], max(a[k][2], b[k][2])) for k in a}

    local = {name: (s, s, s) for name, s in timers.seconds.items()}
    phases = comm.allreduce(local, op=combine)
    size = comm.Get_size()
    rows = {k: {"min": v[0], "mean": v[1] / size, "max": v[2]} for k, v in phases.items()}
    content = {"ranks": size, "seconds": rows}
    on_root(comm, directory.write_json, folder / directory.TIMINGS, content)
