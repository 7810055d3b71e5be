"""Commands to the ranks of a peer, which wait for them at a socket without using a core.

A rank that would wait inside MPI spins, and so would disturb the peer whose turn it is. Therefore
each rank has a socket of its own, and MPI is silent while others are measured.
"""

from __future__ import annotations

import pickle
import socket
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import Any


class Link:
    """One end of a socket that carries Python objects."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._file = end, end.makefile("rwb")

    def close(self) -> None:
        """Close this end, which ends the ranks at the other one."""
        self._end.close()
        with suppress(OSError):  # of a message that nobody has read
            self._file.close()

    def send(self, message: Any) -> None:
        """Send any object that can be pickled."""
        pickle.dump(message, self._file)
        self._file.flush()

    def receive(self) -> Any:
        """Wait for an object; EOFError if the other end is gone."""
        return pickle.load(self._file)


class Rank:
    """Answers commands, which are the names of its methods."""

    def __init__(self, comm: Any, module: str, case: str, options: dict[str, Any]) -> None:
        self.comm, self.case, self.options = comm, case, options
        self.problem: Any = None
        self._make = import_module(module).PROBLEMS[case]

    def setup(self, shape: tuple[int, ...], steps: int) -> None:
        """Make a new problem of this size in the place of the old one."""
        self.problem = None
        self.problem = self._make(self.comm, shape, steps, **self.options)

    def repeat(self) -> float:
        """Run all steps once; return the seconds."""
        if self.comm is not None:
            self.comm.Barrier()
        start = perf_counter()
        self.problem.run()
        return perf_counter() - start

    def window(self) -> Any:
        """Return the owned cells as (slices, array), for each field that is compared."""
        return self.problem.window()

    def cpu(self) -> float:
        """Return the processor time of all threads so far [s]."""
        return process_time()

    def needs(self) -> int:
        """Return the bytes of the arrays that the scheme needs, with halo and ghosts."""
        return int(self.problem.needs())

    def memory(self) -> int:
        """Return the peak of resident memory in bytes (Linux)."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def serve(comm: Any, address: str, rank: int, order: dict[str, Any]) -> None:
    """Connect to the benchmark, and obey until it closes the connection.

    Parameters
    ----------
    comm : communicator or None
        Of all ranks of this peer; None if there is only one.
    address : str
        Path of the socket.
    rank : int
        Number of this rank.
    order : dict
        Arguments of `Rank`.
    """
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(address)
        link = Link(end)
        link.send(rank)
        try:
            obeying = Rank(comm, **order)
            while True:
                command, arguments = link.receive()
                link.send((True, getattr(obeying, command)(*arguments)))
        except EOFError:
            return
        except Exception:
            link.send((False, traceback.format_exc()))
            raise
