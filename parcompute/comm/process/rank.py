"""What runs in the process of a rank: connect, run the function, report to the supervisor."""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, NoReturn

from parcompute.comm.process import world
from parcompute.comm.process.engine import Wiring
from parcompute.errors import ParcomputeError

CONNECTED = b"connected"
"""First message of a rank to the supervisor."""

_PR_SET_PDEATHSIG = 1


class Report(NamedTuple):
    """The last word of a rank.

    Attributes
    ----------
    ok : bool
        Whether the function returned.
    value : object
        What it returned; or the error that travels as itself; or None.
    details : str
        The traceback of a failure.
    """

    ok: bool
    value: Any
    details: str = ""


def main(rank: int, wiring: Wiring, link: Connection) -> None:
    """Run as rank `rank` the function that the supervisor sends over `link`."""
    _leave_interrupts_to_supervisor()
    _die_with_supervisor()
    engine = wiring.engine(rank, lambda code: _abort(link, code))
    link.send_bytes(CONNECTED)
    try:
        from parcompute.comm.process.communicator import ProcessCommunicator

        comm = ProcessCommunicator(engine)
        world.enter(comm)
        function, args = pickle.loads(link.recv_bytes())
        value = function(comm, *args)
        link.send_bytes(pickle.dumps(Report(True, value), pickle.HIGHEST_PROTOCOL))
    except BaseException as error:
        link.send_bytes(pickle.dumps(_failure(error)))
    engine.flush()  # for ranks that still receive; the supervisor ends it once all have reported
    atexit._run_exitfuncs()
    _exit(0)


def _failure(error: BaseException) -> Report:
    if isinstance(error, SystemExit):
        return Report(False, None, f"sys.exit({error.code!r})\n{traceback.format_exc()}")
    travels = error if isinstance(error, ParcomputeError) and _survives_pickle(error) else None
    return Report(False, travels, traceback.format_exc())


def _survives_pickle(error: BaseException) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:
        return False


def _abort(link: Connection, code: int) -> NoReturn:
    link.send_bytes(pickle.dumps(Report(False, None, f"Abort({code})\n{_stack()}")))
    _exit(code)


def _stack() -> str:
    return "".join(traceback.format_stack()[:-3])


def _exit(code: int) -> NoReturn:
    """End the process without the slow teardown of the interpreter."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def _leave_interrupts_to_supervisor() -> None:
    """Ignore Ctrl-C: a terminal sends it to the whole group; the supervisor ends the ranks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _die_with_supervisor() -> None:
    """Leave no orphan when the supervisor is killed."""
    supervisor = parent_process()
    assert supervisor is not None
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor.pid:  # it died before the call above
            os._exit(1)
    _in_background(_exit_after, supervisor.sentinel)


def _in_background(function: Callable[..., None], *args: Any) -> None:
    threading.Thread(target=function, args=args, daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
