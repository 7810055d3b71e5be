"""One anonymous piece of shared memory per job.

It never has a name, so nothing can be left behind in ``/dev/shm``, whoever is killed when, and the
small ``/dev/shm`` of containers does not limit it. Ranks inherit the file descriptor.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from multiprocessing.reduction import DupFd
from typing import Any


class Segment:
    """Shared memory of `nbytes`, zero at first; pages exist once they are touched.

    It can be pickled to a process that is being started, and only there.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._fd = _anonymous_file()
        os.ftruncate(self._fd, nbytes)

    def __reduce__(self) -> tuple[Any, ...]:
        return _attach, (DupFd(self._fd), self.nbytes)

    def map(self) -> memoryview:
        """Return the memory as writable bytes, valid after `close` too."""
        return memoryview(mmap.mmap(self._fd, self.nbytes))

    def close(self) -> None:
        """Give the descriptor up; the memory goes with its last mapping."""
        os.close(self._fd)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("parcompute")
    with tempfile.TemporaryFile() as file:  # unlinked already: lives as long as it is open
        return os.dup(file.fileno())


def _attach(inherited: Any, nbytes: int) -> Segment:
    segment = Segment.__new__(Segment)
    segment._fd = inherited.detach()
    segment.nbytes = nbytes
    return segment
