"""``parcompute exec``: run a program on ranks that this process starts, or that a launcher did."""

from __future__ import annotations

import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from parcompute.cli.exec_options import USAGE, Options, parse
from parcompute.cli.exec_program import run
from parcompute.comm.cores import physical_cores
from parcompute.comm.launcher import detect
from parcompute.comm.process.launching.guard import refuse_in_rank
from parcompute.comm.process.launching.streams import Forwarder, occupy_standard_streams
from parcompute.comm.process.launching.supervisor import Supervisor, limits_explained
from parcompute.comm.process.messages.failures import Exception as MPIException
from parcompute.comm.process.messages.pickles import dumps_call
from parcompute.errors import CollectiveMismatchError, ConfigError, DeadlockError

_GRACE = 0.5  # seconds in which the others may end with an exit code, too
_TIMED_OUT = 124  # the exit code of timeout(1)
_BROKEN_PIPE = 128 + 13


def main(arguments: list[str]) -> int:
    """Run the program that `arguments` describe; return the exit code."""
    if arguments[:1] in (["--help"], ["-h"]):
        print(USAGE, end="")
        return 0
    launcher = detect()
    if launcher is not None and launcher.started:
        from parcompute.comm.mpi import guarded

        return guarded(_rank_main, arguments)
    refuse_in_rank()
    options = parse(arguments)
    options.program.check()
    return _Execution(options).run()


def _rank_main(comm: Any, arguments: list[str]) -> int:
    """Be one of the ranks that an MPI launcher started."""
    options = parse(arguments)
    options.program.check()
    if options.ranks not in (None, comm.Get_size()):
        raise ConfigError(
            f"-n {options.ranks}, but the launcher started {comm.Get_size()}: leave -n out, or "
            "give the launcher the same number"
        )
    return run(comm, options.program)


class _Execution:
    """A program on ranks that this process starts."""

    def __init__(self, options: Options) -> None:
        self._options = options
        occupy_standard_streams()
        ranks = options.ranks or physical_cores()
        with limits_explained(ranks):
            self._forwarder = Forwarder(ranks, prefix=options.prefix, on_broken=self._end)
        self._supervisor = Supervisor(ranks, streams=self._forwarder.ends, grace=_GRACE)

    def run(self) -> int:
        """Run it to its end; return the exit code."""
        with _terminal_restored():
            try:
                in_time = self._run()
            finally:
                self._end()
                self._forwarder.finish()
        if self._forwarder.broken:
            return _BROKEN_PIPE
        return self._verdict() if in_time else self._timed_out()

    def _run(self) -> bool:
        supervisor = self._supervisor
        supervisor.start({})
        self._forwarder.start()
        supervisor.send(dumps_call(run, (self._options.program,)))
        return supervisor.join(self._options.timeout)

    def _end(self) -> None:
        self._supervisor.end()

    def _timed_out(self) -> int:
        _say(f"the job was ended after {self._options.timeout:g} s (--timeout)")
        return _TIMED_OUT

    def _verdict(self) -> int:
        """Say what went wrong, if anything did; return the exit code of the worst rank."""
        supervisor = self._supervisor
        failed, ranks = supervisor.failed, supervisor.ranks
        if not failed:
            return 0
        first = supervisor.reports[failed[0]]
        code = max(supervisor.reports[rank].code for rank in failed)
        if isinstance(first.value, DeadlockError | CollectiveMismatchError):  # not of one rank
            _say(f"error: {first.value}")
            return code
        outcome = "and so did all others" if len(failed) == ranks > 1 else "the job is ended"
        wrong_call = isinstance(first.value, MPIException)  # of the program, which has a line
        text = first.details if first.value is None or wrong_call else f"error: {first.value}"
        _say(f"rank {failed[0]} of {ranks} failed, {outcome}\n{text}")
        return code


def _say(text: str) -> None:
    print(text.rstrip(), file=sys.stderr)


@contextmanager
def _terminal_restored() -> Iterator[None]:
    """Restore the settings of the terminal that a rank may have left changed (getpass, curses)."""
    try:
        before = termios.tcgetattr(0)
    except termios.error:  # no terminal
        yield
        return
    try:
        yield
    finally:
        if termios.tcgetattr(0) != before:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # may be in the background
            termios.tcsetattr(0, termios.TCSADRAIN, before)
