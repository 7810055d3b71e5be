"""A plain program on MPI, of which one rank ends badly: ``program.py HOW FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from parcompute.comm.mpi import names

MPI = names()
how, folder = sys.argv[1], Path(sys.argv[2])
comm = MPI.COMM_WORLD
(folder / f"pid-{comm.rank}").write_text(str(os.getpid()))
comm.Barrier()


def end():
    (folder / "ended").write_text(repr(time.time()))
    if how.endswith("raise"):
        raise ValueError("boom")
    if how.endswith("exit"):
        sys.exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


if comm.rank == 1 or how.startswith("all"):
    end()
elif how == "well":
    time.sleep(0.5 * comm.rank)
elif how != "last raise":
    comm.recv(source=1)
