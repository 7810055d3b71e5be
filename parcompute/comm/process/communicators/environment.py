# ruff: noqa: N802 (the names are mpi4py's)
"""What a program asks about where it runs: clock, versions, threads, memory."""

from __future__ import annotations

import platform
import threading
import time
from typing import Any

import numpy as np

from parcompute._version import __version__
from parcompute.comm.process.communicators.info import INFO_NULL, Info
from parcompute.comm.process.messages.errorclasses import sentence_of

VERSION, SUBVERSION = 4, 1
"""The MPI standard whose names and semantics those of the engine are."""

THREAD_SINGLE, THREAD_FUNNELED, THREAD_SERIALIZED, THREAD_MULTIPLE = range(4)

MAX_PROCESSOR_NAME, MAX_OBJECT_NAME, MAX_ERROR_STRING = 256, 128, 1024
MAX_LIBRARY_VERSION_STRING = 256
MAX_INFO_KEY, MAX_INFO_VAL = 255, 1024

_over = threading.Event()


def Init() -> None:
    """Do nothing: communication is ready from the start."""


def Init_thread(required: int = THREAD_MULTIPLE) -> int:
    """Return what `Query_thread` does."""
    return THREAD_SERIALIZED


def Finalize() -> None:
    """Remember that the program wants no more communication."""
    _over.set()


def Is_initialized() -> bool:
    """Return True."""
    return True


def Is_finalized() -> bool:
    """Return whether `Finalize` was called."""
    return _over.is_set()


def Query_thread() -> int:
    """Return THREAD_SERIALIZED: any thread may call, one at a time."""
    return THREAD_SERIALIZED


def Is_thread_main() -> bool:
    """Return whether this is the main thread."""
    return threading.current_thread() is threading.main_thread()


def Wtime() -> float:
    """Return seconds since some time in the past."""
    return time.perf_counter()


def Wtick() -> float:
    """Return the resolution of `Wtime` in seconds."""
    return time.get_clock_info("perf_counter").resolution


def Get_processor_name() -> str:
    """Return the name of this machine."""
    return platform.node() or "localhost"


def Get_version() -> tuple[int, int]:
    """Return the version of the MPI standard."""
    return VERSION, SUBVERSION


def Get_library_version() -> str:
    """Return what passes the messages."""
    return f"parcompute {__version__}: processes on one machine, no MPI"


def get_vendor() -> tuple[str, tuple[int, ...]]:
    """Return the name and the version of what passes the messages."""
    numbers = [int(part) for part in __version__.split(".")[:3] if part.isdigit()]
    return "parcompute", tuple(numbers)


def Get_error_class(errorcode: int) -> int:
    """Return the class of an error code: the same number."""
    return int(errorcode)


def Get_error_string(errorcode: int) -> str:
    """Return what an error class means."""
    return sentence_of(int(errorcode))


def Alloc_mem(size: int, info: Info = INFO_NULL) -> memoryview:
    """Return new memory of `size` bytes."""
    return memoryview(bytearray(size))


def Free_mem(mem: Any) -> None:
    """Do nothing: memory goes with its last user."""


def Get_address(location: Any) -> int:
    """Return the address of a buffer."""
    return int(np.frombuffer(location, np.uint8).ctypes.data)


def Attach_buffer(buf: Any) -> None:
    """Do nothing: buffered sends take the memory that they need."""


def Detach_buffer() -> None:
    """Do nothing: see `Attach_buffer`."""
