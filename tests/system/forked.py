"""Commands of parcompute by `fork` from a process that has imported it: a second less for each.

``python -m tests.system.forked`` is that process. It has no thread but its main one. It is asked
over a socket: one message for a command, with its arguments, folder and environment, and with the
files that are to be its output.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import IO, Any

from parcompute.comm.cores import thread_variables
from tests.helpers import environment, python

_MODULES = (
    *(f"parcompute.cli.{name}" for name in ("run", "analyze", "checkpoint", "kernel", "list")),
    *(f"parcompute.analysis.{name}" for name in ("costs", "kernel_text", "preview", "rates")),
    *("parcompute.cli.hydra_app", "parcompute.comm.serial", "parcompute.run.driver"),
    *("parcompute.run.launch", "parcompute.run.resume", "parcompute.run.starter"),
    "parcompute.comm.process.launching.supervisor",
    *("h5py", "hydra.main", "llvmlite.binding", "matplotlib.backends.backend_agg"),
    *("matplotlib.figure", "PIL.JpegImagePlugin", "PIL.PngImagePlugin"),
    "hydra._internal.core_plugins.importlib_resources_config_source",
)
_MESSAGE = 1 << 17  # bytes of a request: most are the environment


class Forks:
    """The process that commands are forked from; started when the first one is asked for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket: socket.socket | None = None

    def run(
        self, words: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python -m parcompute WORDS`` as `tests.helpers.run` does."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            status = self._start(words, env, cwd, out, err)
            with status:
                pid, code = _ended(status, timeout)
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            texts = [_text(file) for file in (out, err)]
        if code is None:
            raise AssertionError(f"{list(words)} took more than {timeout} s\n" + "\n".join(texts))
        return subprocess.CompletedProcess(list(words), code, *texts)

    def _start(
        self, words: Sequence[str], env: Mapping[str, str], cwd: Path, *files: IO[bytes]
    ) -> socket.socket:
        """Fork a command; return a socket that gives its process id, and later its exit code."""
        ours, theirs = socket.socketpair()
        message = json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)}).encode()
        with self._lock, theirs:
            self._socket = self._socket or _server()
            numbers = [*(file.fileno() for file in files), theirs.fileno()]
            socket.send_fds(self._socket, [message], numbers)
        return ours


def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            python("-m", __name__, str(theirs.fileno())),
            env=environment() | thread_variables(1),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # which ends it
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _MESSAGE)
    return ours


def _ended(status: socket.socket, timeout: float) -> tuple[int, int | None]:
    """Return the process id of a command, and its exit code; None if it takes too long."""
    lines = status.makefile("r")
    pid = int(lines.readline())
    status.settimeout(timeout)
    try:
        return pid, int(lines.readline())
    except TimeoutError:
        return pid, None


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _serve(asked: socket.socket) -> dict[str, Any]:
    """Fork a process for each request; return the request in that process."""
    while True:
        message, files, _, _ = socket.recv_fds(asked, _MESSAGE, 3)
        if not message:
            os._exit(0)  # the tests have ended
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
        _reap()
    asked.close()
    out, err, status = files
    os.set_inheritable(status, False)
    if (pid := os.fork()) > 0:
        _tell_of(pid, status)
    os.setsid()
    os.close(status)
    for number, file in ((1, out), (2, err)):
        os.dup2(file, number)
        os.close(file)
    return json.loads(message)  # type: ignore[no-any-return]


def _tell_of(pid: int, status: int) -> None:
    """Tell of a process: its number, and how it has ended; then end this one."""
    os.write(status, f"{pid}\n".encode())
    _, how = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(how)}\n".encode())
    os._exit(0)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(request: dict[str, Any]) -> None:
    """Run ``python -m parcompute`` in this process, which ends as that does."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0] = os.getcwd()
    tempfile.tempdir = None  # so that it is taken from the environment
    sys.argv = ["-m", *request["words"]]
    sys.orig_argv = [sys.executable, "-m", "parcompute", *request["words"]]
    runpy.run_module("parcompute", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for module in _MODULES:
        import_module(module)
    gc.freeze()  # what is here so far is not looked at again in each process
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
