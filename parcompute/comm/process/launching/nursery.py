"""A process from which the ranks of one job are forked, with NumPy imported once for all.

It is new, has no thread but its main one, runs no program of the user, and lives as long as the
job. So forking it is safe, which forking the program that starts the job would not be.
"""

from __future__ import annotations

import multiprocessing.forkserver as mp
import multiprocessing.process
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from parcompute.comm.cores import thread_variables
from parcompute.comm.process.transport import remains

_PACKAGE = "parcompute.comm.process.launching"
_LONGEST = 60  # characters of a folder for sockets, whose names have about a hundred at most


class Nursery:
    """The fork server of `multiprocessing`, but one for each job.

    That of the whole program would keep the environment, the folder and the output of the time
    when it was started.

    Parameters
    ----------
    environ : mapping
        Environment variables that it will have. Where they allow NumPy threads, or may do so, each
        rank imports NumPy for itself.
    modules : sequence of str
        Modules of parcompute that the ranks need besides, imported under the same condition.
    """

    def __init__(self, environ: Mapping[str, str], modules: Sequence[str] = ()) -> None:
        self._server = mp.ForkServer()
        first = []
        if threading.current_thread() is threading.main_thread():  # others may end before the job
            first.append(f"{_PACKAGE}.armed")
        if sys.platform == "linux" and thread_variables(1).items() <= environ.items():
            first += [*modules, f"{_PACKAGE}.preloaded"]  # which looks at what is imported
        self._server.set_forkserver_preload(first)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Have processes of the context "forkserver" come from here; nothing is left on disk."""
        config = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]
        before, folder = mp.connect_to_new_process, config.get("tempdir")
        place = _place()
        remains.remove(Path(place))
        with TemporaryDirectory(prefix=remains.prefix(), dir=place) as config["tempdir"]:
            mp.connect_to_new_process = self._server.connect_to_new_process
            try:
                yield
            finally:
                mp.connect_to_new_process, config["tempdir"] = before, folder

    def close(self) -> None:
        """End it; its processes have ended."""
        if self._server._forkserver_pid is not None:  # type: ignore[attr-defined]
            os.kill(self._server._forkserver_pid, signal.SIGKILL)  # type: ignore[attr-defined]
        with suppress(FileNotFoundError):  # its socket has gone with the folder
            self._server._stop()  # type: ignore[attr-defined]


def _place() -> str:
    """Return the folder for temporary files, or another if its name is too long for sockets."""
    place = gettempdir()
    return place if len(os.fsencode(place)) <= _LONGEST else "/tmp"
