"""A rank under ``mpiexec`` for ``backend=mpi``: ``python -m parcompute.run.worker TASK RESULT``."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

from parcompute.comm import stopping
from parcompute.comm.mpi import guarded
from parcompute.run import starter
from parcompute.run.stops import Folder


def work(comm: Any, task: Path, result: Path) -> int:
    """Run the pickled (function, arguments) in `task`; rank 0 leaves its result in `result`."""
    is_root = comm.Get_rank() == 0
    if is_root:
        starter.end_with(task.parent)
    stopping.started_by(Folder(task.parent, speaks=is_root))
    function, args = pickle.loads(comm.bcast(task.read_bytes() if is_root else None))
    value = function(comm, *args)
    if is_root:
        result.write_bytes(pickle.dumps(value))
    return 0


if __name__ == "__main__":
    stopping.remember()
    sys.exit(guarded(work, Path(sys.argv[1]), Path(sys.argv[2])))
