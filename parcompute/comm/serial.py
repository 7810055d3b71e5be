"""The serial engine: the communicator of the process engine with one rank and no other process."""

from __future__ import annotations

import sys
from threading import Semaphore

from parcompute.comm.process.communicators.communicator import ProcessCommunicator
from parcompute.comm.process.transport.engine import Engine


def serial() -> ProcessCommunicator:
    """Return a communicator of one rank, this process. Messages to itself are copied at once."""
    return ProcessCommunicator(Engine(0, 1, Semaphore(0), sys.exit, spin=False))
