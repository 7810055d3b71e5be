"""The MPI engine: mpi4py's communicator as it is, and guards that end the job when a rank fails.

This is the only file that imports mpi4py, and it does so inside functions: importing MPI outside of
a launcher can end a process on some machines.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from math import inf
from threading import Thread
from time import monotonic, sleep
from typing import Any, NoReturn

from parcompute.comm import stopping, tracebacks
from parcompute.comm.launcher import INSTALL_MPI, check_launcher, check_world, detect, library_name
from parcompute.errors import ConfigError, ParcomputeError

_PAUSE = 0.002  # seconds between two looks at whether others have come
_TOGETHER = 1.0  # seconds to find out whether all ranks raised
_STAGGER = 0.3  # seconds between two ranks that did not raise together: one speaks and ends all
_HEARD = 0.2  # seconds in which a launcher passes on what a rank has said, before it ends the job
_ORDERLY = 2.0  # seconds to end by itself after SIGTERM
_AFTER_THEM = 0.5  # seconds in which the other ranks end after MPI has
_FINALIZE = 3  # seconds for MPI_Finalize after an error
_INTERRUPTED = 130  # the shell's exit code for Ctrl-C

_FILE_HINTS = {
    "romio_cb_write": "automatic",  # aggregate where the ranks' pieces interleave, and only there
    "romio_ds_write": "disable",  # never read, change and write what another rank may write
    "cb_buffer_size": str(16 * 2**20),
}

_is_guarded: ContextVar[bool] = ContextVar("is_guarded", default=False)
"""Whether this process runs what it does under `guarded`."""


def is_mpi(comm: Any) -> bool:
    """Say whether `comm` is one of mpi4py (which is not imported to find out)."""
    return type(comm).__module__.startswith("mpi4py")


def meet(comm: Any) -> None:
    """Return when all ranks are here, as `Barrier` does, where one of them may be long in coming.

    MPI waits by asking again and again, which takes the processor from the rank that is waited for
    where there are more ranks than cores. Here the others sleep meanwhile.
    """
    if not is_mpi(comm):
        comm.Barrier()
        return
    request = comm.Ibarrier()
    while not request.Test():
        sleep(_PAUSE)


def is_thread_safe() -> bool:
    """Say whether several threads of this rank may call MPI at the same time."""
    from mpi4py import MPI

    return bool(MPI.Query_thread() == MPI.THREAD_MULTIPLE)


def file_hints() -> Any:
    """Return the hints of MPI-IO for large arrays that are written by all ranks together."""
    from mpi4py import MPI

    hints = MPI.Info.Create()
    for key, value in _FILE_HINTS.items():
        hints.Set(key, value)
    return hints


def world() -> Any:
    """Return a duplicate of ``MPI.COMM_WORLD``.

    Raises
    ------
    ConfigError
        If there is no mpi4py or MPI library, or if a launcher started N worlds of one rank.
    """
    try:
        import mpi4py

        mpi4py.rc.initialize, mpi4py.rc.finalize = False, True  # asked who it is before MPI_Init
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ConfigError(f"backend=mpi needs mpi4py and MPI ({error}): {INSTALL_MPI}") from error
    library = library_name(MPI.Get_library_version())
    check_launcher(library)
    if not MPI.Is_initialized():
        MPI.Init_thread()
    check_world(MPI.COMM_WORLD.size, library)
    return MPI.COMM_WORLD.Dup()


@cache
def names() -> Any:
    """Return the module ``mpi4py.MPI``, for a program that no `guarded` calls.

    From then on an exception that ends the program of a rank, or ``sys.exit`` with an error, ends
    the job: otherwise the other ranks would wait for that one in ``MPI_Finalize``, forever. (A
    ``raise SystemExit(1)`` cannot be seen.)

    Raises
    ------
    ConfigError
        As `world` does.
    """
    alarm = None if _is_guarded.get() else world()
    from mpi4py import MPI

    if alarm is not None:
        _Program(alarm, MPI.Is_finalized).watch()
    return MPI


class _Program:
    """Reports how the program of this rank ends.

    Parameters
    ----------
    alarm : mpi4py.MPI.Comm
        All ranks; used for nothing else.
    is_finalized : callable
        Whether MPI has ended already.
    """

    def __init__(self, alarm: Any, is_finalized: Callable[[], bool]) -> None:
        self._alarm, self._is_finalized = alarm, is_finalized
        self._exit: SystemExit | None = None
        self._from = ""  # the stack at sys.exit
        self._told = False

    def watch(self) -> None:
        """Be called when the program ends; MPI is finalized after that."""
        sys.excepthook, self._hook = self._on_exception, sys.excepthook
        sys.exit = self._on_exit  # SystemExit never comes to the hook
        atexit.register(self._on_end)

    def _on_exception(self, kind: Any, error: BaseException, trace: Any) -> None:
        if self._is_finalized():
            self._hook(kind, error, trace)
            return
        self._told = True
        _report(self._alarm, _text(error.with_traceback(trace)), error)

    def _on_exit(self, status: Any = None, /) -> NoReturn:
        self._exit = SystemExit(status)
        self._from = "".join(traceback.format_stack(sys._getframe(1)))
        raise self._exit

    def _on_end(self) -> None:
        if self._told or self._is_finalized():
            return
        if self._exit is not None and self._exit.code not in (None, 0):
            trace = f"Traceback (most recent call last):\n{self._from}"
            _report(self._alarm, f"{trace}{_text(self._exit)}", self._exit)
        else:
            _outcomes(self._alarm, False, inf)


def guarded(function: Callable[..., int | None], *args: Any) -> int:
    """Run ``function(comm, *args)`` on every rank; return the exit code of this rank.

    An exception never leaves this function. If all ranks raise together (bad input, say), rank 0
    alone reports it and every rank returns the exit code of its exception. If only some do, the
    lowest reports it with its rank and ends the job (``Abort``), 1 to 3.4 s later, since the others
    may wait for it forever. Errors made on purpose are reported as a sentence, others as a
    traceback. ``sys.exit()`` on a rank is a failure as well.

    Parameters
    ----------
    function : callable
        Takes a communicator; returns an exit code or None.
    args : tuple
        Its further arguments.

    Returns
    -------
    int
        For ``sys.exit``, which is to follow soon: after an error MPI has 3 s to finalize.
    """
    try:
        comm = world()
    except ConfigError as error:
        return _refuse(error)
    alarm = comm.Dup()  # used for nothing else
    _is_guarded.set(True)
    _interrupt_on_sigterm()
    try:
        return function(comm, *args) or 0
    except BaseException as error:
        _report(alarm, _text(error), error)
        return _exit_code(error)


def leave_last() -> None:
    """End MPI, and give the other ranks time to end: the exit code of this one is not theirs."""
    from mpi4py import MPI

    MPI.Finalize()
    sleep(_AFTER_THEM)


def _refuse(error: ConfigError) -> int:
    """Report that there is no world, once: the launcher may end the others when one has ended."""
    launcher = detect()
    if launcher is None or launcher.rank == 0:
        _say(_text(error))
    else:
        sleep(_TOGETHER)
    return error.exit_code


def _interrupt_on_sigterm() -> None:
    """Treat SIGTERM as Ctrl-C, so that what was begun can be recorded; but end in any case.

    Open MPI's mpiexec sends it right after Ctrl-C. Python runs its handler between instructions, so
    never in a rank that waits inside MPI: there the thread ends the process. A rank that stops in
    order at the first SIGTERM is ended at the second.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    Thread(target=_end_after_sigterm, args=(reader,), daemon=True).start()


def _end_after_sigterm(reader: int) -> None:
    terminations = stopping.Terminations()
    while os.read(reader, 1)[0] != signal.SIGTERM or _is_request(terminations):
        pass
    sleep(_ORDERLY)
    os._exit(128 + signal.SIGTERM)


def _is_request(terminations: stopping.Terminations) -> bool:
    taken = stopping.takes_sigterm() or stopping.noted() == "SIGTERM"  # now, or a moment ago
    return taken and not terminations.is_order()


def _report(alarm: Any, text: str, error: BaseException) -> None:
    """Report an error once for all ranks; end the job unless all ranks have come to their end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # another rank has reported and ends this one
    failed = _outcomes(alarm, True, _TOGETHER)
    who = f"rank {alarm.rank} of {alarm.size} failed"
    if failed is None:
        sleep(_STAGGER * min(alarm.rank, 8))
        _say(f"{who}, the job is ended\n{text}")
        sleep(_HEARD)
        alarm.Abort(_exit_code(error))
    elif failed.index(True) == alarm.rank:
        together = f"{who}, and so did all others\n" if all(failed) else f"{who}\n"
        _say(text if _is_plain(error) else together + text)
    _prepare_end()


def _outcomes(alarm: Any, failed: bool, seconds: float) -> list[bool] | None:
    """Return for each rank whether it has failed, or None if not all have ended in time."""
    flags = bytearray(alarm.size)
    request = alarm.Iallgather(bytearray([failed]), flags)
    deadline = monotonic() + seconds
    while not request.Test():
        if monotonic() > deadline:
            return None
        sleep(_PAUSE)
    return [bool(flag) for flag in flags]


def _prepare_end() -> None:
    """Prepare for the end of an interpreter that an error has left in disorder.

    Parallel files that are still open complain when they are collected: the error has been told,
    so nothing more is printed. The kernel ends the process if MPI_Finalize waits for messages
    that never complete.
    """
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the exit code is settled
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_FINALIZE)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):  # a rank that leaves is missed by the others: a failure
        return error.code if isinstance(error.code, int) and error.code else 1
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    return error.exit_code if isinstance(error, ParcomputeError) else 1


def _is_plain(error: BaseException) -> bool:
    """Return whether a sentence says it all, without a traceback."""
    return isinstance(error, ParcomputeError | KeyboardInterrupt)


def _text(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted\n"
    if isinstance(error, ParcomputeError):
        return f"error: {error}\n"
    return tracebacks.text(error)


def _say(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()
