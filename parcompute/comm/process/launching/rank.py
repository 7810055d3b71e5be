"""What runs in the process of a rank: connect, run functions, report to the supervisor."""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, NoReturn

from parcompute.comm import stopping, tracebacks
from parcompute.comm.process.communicators import world
from parcompute.comm.process.messages import pickles
from parcompute.comm.process.transport.engine import Engine, Wiring
from parcompute.comm.process.transport.places import users_call
from parcompute.errors import ParcomputeError

CONNECTED = b"connected"
"""First message of a rank to the supervisor."""

LEAVE = b""
"""Last message of the supervisor to a rank."""

_PR_SET_PDEATHSIG = 1
_TERMINATED = 128 + signal.SIGTERM


class _TerminatedInterrupt(KeyboardInterrupt):
    """What SIGTERM raises, so that `finally` clauses run."""


class Report(NamedTuple):
    """What a rank says about a function that it ran.

    Attributes
    ----------
    ok : bool
        Whether the function returned.
    value : object
        What it returned; or the error that travels as itself; or None.
    details : str
        The traceback of a failure, or what else there is to say.
    code : int
        The exit code that a failure gives.
    """

    ok: bool
    value: Any
    details: str = ""
    code: int = 1


def main(rank: int, wiring: Wiring, link: Connection, streams: Any, stoppable: bool) -> None:
    """Be rank `rank`: run what the supervisor sends over `link`, until it says to leave.

    Parameters
    ----------
    rank : int
        Number of this rank.
    wiring : Wiring
        What connects the ranks.
    link : Connection
        To the supervisor.
    streams : object
        What takes the place of the standard streams; None to keep them.
    stoppable : bool
        Whether SIGUSR1 asks to stop; so far it is held back, as SIGTERM is.
    """
    _leave_interrupts_to_supervisor()
    _die_with_supervisor()
    _prepare_streams(streams)
    code = _TERMINATED
    try:
        signal.signal(signal.SIGTERM, _raise_terminated)
        if stoppable:
            stopping.remember()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping.REQUESTS)
        engine = wiring.engine(rank, lambda code: _abort(link, code))
        stopping.started_by(engine.panel)
        code = _serve(engine, link)
    except (KeyboardInterrupt, EOFError, ConnectionError):  # told to end, or nobody to serve
        pass
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    atexit._run_exitfuncs()
    _exit(code)


def _serve(engine: Engine, link: Connection) -> int:
    """Run one function after the other; return the exit code of this process."""
    from parcompute.comm.process.communicators.communicator import ProcessCommunicator

    own = ProcessCommunicator(engine)  # no function has it, so that nothing is left behind in it
    comm: Any = None
    link.send_bytes(CONNECTED)
    while call := link.recv_bytes():
        engine.panel.run()
        first = comm is None
        comm = ProcessCommunicator(engine, engine.next_context) if first else own.Dup()
        world.enter(comm)
        report = _outcome(comm, call)
        _flush_streams()
        link.send_bytes(_pickled(report))
        if not report.ok:
            return report.code
        engine.flush(link.poll)  # for ranks that still receive
    return 0


def _outcome(comm: Any, call: bytes) -> Report:
    try:
        function, args = pickle.loads(call)
        return Report(True, function(comm, *args))
    except BaseException as error:
        return _failure(error)


def _raise_terminated(*_: Any) -> NoReturn:
    raise _TerminatedInterrupt


def _failure(error: BaseException) -> Report:
    if isinstance(error, _TerminatedInterrupt):
        return Report(False, None, "terminated by SIGTERM", _TERMINATED)
    if isinstance(error, SystemExit):
        return _exit_report(error)
    if isinstance(error, ParcomputeError):
        return Report(False, error, tracebacks.text(error), error.exit_code)
    return Report(False, None, tracebacks.text(error))


def _exit_report(error: SystemExit) -> Report:
    """Return what ``sys.exit(code)`` means: a number, or a message with exit code 1."""
    code = 0 if error.code is None else error.code
    if not isinstance(code, int):
        return Report(False, None, str(code))
    details = f"sys.exit({error.code}) in {tracebacks.place(error)}"
    return Report(False, None, details, code & 0xFF or 1)


def _pickled(report: Report) -> bytes:
    try:
        message = pickles.dumps(report)
        if not report.ok:
            pickle.loads(message)  # errors may take other arguments than they keep
        return message
    except Exception as error:
        if report.ok:
            details = f"its result cannot be sent ({error}): return what can be pickled"
            report = Report(False, None, details)
        return pickle.dumps(report._replace(value=None))


def _abort(link: Connection, code: int) -> NoReturn:
    details = f"Abort({code}) in {users_call(sys._getframe()).place}"
    link.send_bytes(pickle.dumps(Report(False, None, details, code & 0xFF or 1)))
    _exit(code)


def _exit(code: int) -> NoReturn:
    """End the process without the slow teardown of the interpreter."""
    _flush_streams()
    os._exit(code)


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # no reader, closed, or none at all
            stream.flush()


def _prepare_streams(streams: Any) -> None:
    """Let every line be seen as soon as it is printed, and in one piece."""
    if streams is not None:
        streams.enter()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True, write_through=False)


def _leave_interrupts_to_supervisor() -> None:
    """Do nothing at Ctrl-C: a terminal sends it to the whole group; the supervisor ends the ranks.

    It is not ignored, since programs that a rank starts would ignore it as well.
    """
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _die_with_supervisor() -> None:
    """Leave no orphan when the supervisor is killed."""
    supervisor = parent_process()
    assert supervisor is not None
    die_with_parent()
    _in_background(_exit_after, supervisor.sentinel)


def die_with_parent() -> None:
    """Have the kernel kill this process when the *thread* ends that has started it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _in_background(function: Callable[..., None], *args: Any) -> None:
    """Run it in a thread that takes no signals.

    The kernel gives a second signal to another thread if the main one has not handled the first. At
    Ctrl-C in a terminal that is the SIGTERM of the supervisor, and nothing would wake the main one.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        threading.Thread(target=function, args=args, daemon=True).start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
