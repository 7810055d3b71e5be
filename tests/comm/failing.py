"""What ranks do in the tests of failures: importable, since ranks are new processes."""

from __future__ import annotations

import atexit
import ctypes
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from parcompute.comm import mpi
from parcompute.comm.process.launching.job import launch
from parcompute.errors import ConfigError, DivergenceError

CULPRIT = 1


class Unloadable:
    """Can be pickled, but not unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return explode, ()


def explode() -> None:
    raise ImportError("no such luck")


def fail(comm: Any, kind: str) -> None:
    """Have one rank fail while the others wait for it forever."""
    if comm.rank == CULPRIT:
        _fail_as(kind)
    comm.recv(source=CULPRIT)


def fail_together(comm: Any, kind: str) -> None:
    _fail_as(kind)


def _fail_as(kind: str) -> None:
    match kind:
        case "raise":
            raise ValueError("boom")
        case "config":
            raise ConfigError("r must be <= 0.25, got 0.3")
        case "diverge":
            raise DivergenceError("u is NaN at step 3, index (4, 5)")
        case "exit":
            sys.exit(3)
        case "vanish":
            os._exit(7)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def fail_everywhere_else(comm: Any) -> None:
    comm.barrier()
    if comm.rank != 0:
        time.sleep(0.1 / comm.rank)  # the lowest last
        raise ValueError(f"from rank {comm.rank}")
    comm.recv()


def abort(comm: Any) -> None:
    if comm.rank == CULPRIT:
        comm.Abort(5)
    comm.recv()


def unpicklable(comm: Any) -> Any:
    return threading.Lock()


def take(comm: Any, *items: Any) -> tuple[Any, ...]:
    return items


def environment(comm: Any) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("COLOUR")


def modules(comm: Any) -> list[str]:
    return sorted(sys.modules)


def shared_files(comm: Any) -> list[str]:
    """Return the files in memory that this process maps."""
    comm.barrier()
    time.sleep(0.2)  # the supervisor hears that all are connected
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if "/dev/shm" in line or "memfd" in line]


def both_send_first(comm: Any, nbytes: int) -> int:
    """Send before receiving, on both sides."""
    other = comm.size - 1 - comm.rank
    got = np.zeros(nbytes, np.uint8)
    comm.barrier()  # both have started: from now on large messages take their own way
    comm.Send(np.full(nbytes, comm.rank + 1, np.uint8), other)
    comm.Recv(got, other)
    return int(got.min()), int(got.max())


def send_and_leave(comm: Any) -> int:
    """Leave messages for a rank that receives them after the sender has ended."""
    if comm.rank == 0:
        for _ in range(5):
            comm.Isend(np.ones(1 << 17), 1)
        return 0
    time.sleep(0.5)
    got = np.zeros(1 << 17)
    for _ in range(5):
        comm.Recv(got, 0)
    return int(got.sum())


def interrupt_itself(comm: Any) -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"


def send_to_nobody(comm: Any) -> int:
    if comm.rank == 0:
        comm.Isend(np.ones(1 << 20), 1)
    return int(comm.rank)


def leave_a_file_at_exit(comm: Any, path: str) -> None:
    atexit.register(Path(path).touch)


def wait_forever(comm: Any, folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    if comm.rank == CULPRIT:
        comm.recv()
    time.sleep(1000)


def draw(comm: Any) -> tuple[float, float]:
    return random.random(), float(np.random.rand())


def threads_of_parent(comm: Any) -> int:
    return len(os.listdir(f"/proc/{os.getppid()}/task"))


def be_stuck(comm: Any, folder: str) -> None:
    """Hold the interpreter's lock for good."""
    for name, pid in ((comm.rank, os.getpid()), ("parent", os.getppid())):
        draft = Path(folder, f"draft-{comm.rank}")
        draft.write_text(str(pid))
        draft.replace(Path(folder, f"pid-{name}"))
    ctypes.PyDLL(None).sleep(3600)


def main() -> int:
    """``supervise FOLDER``, or under mpiexec: the name of a function above and its argument."""
    if sys.argv[1] == "supervise":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in background ignore it
        launch(wait_forever, 2, sys.argv[2:])
        return 0
    if sys.argv[1] == "be stuck":
        launch(be_stuck, 2, sys.argv[2:])
        return 0
    return mpi.guarded(globals()[sys.argv[1]], *sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
