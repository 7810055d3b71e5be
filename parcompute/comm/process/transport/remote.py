"""Large messages in one copy: the receiving rank reads the memory of the sending one.

Linux only (``process_vm_readv``), and only where the kernel permits it to ranks of one job: a
container may forbid it. A rank finds out by reading a word that the other one has published; where
that fails, and on other systems, large messages go through the ring like all others.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from typing import Any

import numpy as np

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)
_WORD = b"parcomp."
_FAREWELL = 5.0  # seconds: more than the supervisor takes to end a job
_START = 0.001  # seconds between looks for a rank that is being started
_WORDS = 2  # per rank: process id, address of its copy of `_WORD`


class _Span(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("start", ctypes.c_void_p), ("nbytes", ctypes.c_size_t))


def directory_bytes(ranks: int) -> int:
    """Return the bytes of shared memory in which the ranks say where they are."""
    return ranks * _WORDS * 8


def address_of(data: memoryview) -> int:
    """Return where the bytes lie in the memory of this process."""
    return int(np.frombuffer(data, np.uint8).__array_interface__["data"][0])


class Reader:
    """Reads the memory of other ranks.

    Parameters
    ----------
    directory : memoryview
        `directory_bytes` of shared memory.
    rank : int
        This rank.
    """

    def __init__(self, directory: memoryview, rank: int) -> None:
        self._directory = directory.cast("Q")
        self._word = ctypes.create_string_buffer(_WORD, len(_WORD))
        self._reached: dict[int, bool] = {}
        self._call: Any = None
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            self._call = getattr(libc, "process_vm_readv", None)
            libc.prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)  # fails where nothing has to be allowed
        self._directory[_WORDS * rank + 1] = ctypes.addressof(self._word)
        self._directory[_WORDS * rank] = os.getpid()

    def reaches(self, peer: int) -> bool:
        """Say whether this rank and `peer` can read each other's memory; wait until it is there."""
        if self._call is None:
            return False
        if peer not in self._reached:
            while not (self._directory[_WORDS * peer] and self._directory[_WORDS * peer + 1]):
                time.sleep(_START)
            word = bytearray(len(_WORD))
            count = self._read(peer, self._directory[_WORDS * peer + 1], memoryview(word))
            self._reached[peer] = count == len(word) and word == _WORD
        return self._reached[peer]

    def read(self, peer: int, address: int, target: memoryview) -> None:
        """Fill `target` with what lies at `address` in the memory of `peer`.

        If that rank has ended, it waits: the supervisor ends this one too, and says why.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        done = 0
        while done < len(target):
            count = self._read(peer, address + done, target[done:])
            if count <= 0:
                error = ctypes.get_errno()
                time.sleep(_FAREWELL if error == errno.ESRCH else 0)
                raise OSError(error, f"the memory of rank {peer} cannot be read")
            done += count

    def _read(self, peer: int, address: int, target: memoryview) -> int:
        ours, theirs = _Span(address_of(target), len(target)), _Span(address, len(target))
        pid = self._directory[_WORDS * peer]
        return int(self._call(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0))
