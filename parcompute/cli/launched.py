"""What a command has to know before anything is imported: who started it, how many threads."""

from __future__ import annotations

import os

from parcompute.comm.cores import thread_variables
from parcompute.comm.launcher import detect


def is_rank(arguments: list[str]) -> bool:
    """Return whether this process is a rank that an MPI launcher started.

    A single process may also start ranks of its own, if `arguments` name another engine.
    """
    launcher = detect()
    if launcher is None or not launcher.started:
        return False
    own = ("backend=serial", "backend=multiprocessing")
    return launcher.size > 1 or not any(a in own for a in arguments)


def limit_threads(arguments: list[str]) -> None:
    """Bound the threads of OpenMP and BLAS in this process, before it imports NumPy.

    ``backend.threads=N`` wins over the environment; without it the environment holds, else 1.
    """
    given = [a.partition("=")[2] for a in arguments if a.startswith("backend.threads=")]
    if given and given[-1].isdecimal():
        os.environ.update(thread_variables(int(given[-1])))
    else:
        os.environ.update({k: os.environ.get(k, v) for k, v in thread_variables(1).items()})
