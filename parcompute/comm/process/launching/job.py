"""Jobs: functions that run on ranks which this process starts."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import index
from types import TracebackType
from typing import Any, Self, SupportsIndex

from parcompute.comm.cores import physical_cores, thread_variables
from parcompute.comm.process.launching.guard import refuse_in_rank
from parcompute.comm.process.launching.supervisor import Supervisor
from parcompute.comm.process.messages.failures import Exception as MPIException
from parcompute.comm.process.messages.pickles import dumps_call
from parcompute.errors import ConfigError, ParcomputeError, RankError

_FAREWELL = 10.0  # seconds for the exit handlers of ranks


def launch(
    function: Callable[..., Any],
    ranks: int | None = None,
    args: Sequence[Any] = (),
    *,
    threads: int = 1,
    env: Mapping[str, str] | None = None,
) -> list[Any]:
    """Run ``function(comm, *args)`` on `ranks` processes; return the results by rank.

    Parameters
    ----------
    function : callable
        Any function; ranks import it by name if they can, else it is sent by value.
    ranks : int, optional
        Number of processes; one per core if left out.
    args : sequence
        Further arguments, pickled.
    threads : int
        Threads per rank, for OpenMP and BLAS.
    env : mapping, optional
        Environment variables that the ranks have from their start.

    Raises
    ------
    ParcomputeError
        As a rank raised it (`ConfigError`, `DivergenceError` …), once, of the lowest such rank.
    RankError
        If a rank raised anything else, exited or was killed. The other ranks are ended at once.
    """
    _check_function(function)
    with Job(function, ranks, args, threads=threads, env=env) as job:
        return job.results()


class Job:
    """Ranks on this machine, and the function or the functions that they run.

    With a function it is like a `multiprocessing.Process` of several ranks, with results::

        job = pc.Job(simulate, ranks=4, args=(0.1,))
        job.start()
        results = job.results()

    Without one, its ranks last, and run one function after the other::

        with pc.Job(ranks=4) as job:
            job.run(load, "terrain.npy")
            means = job.run(mean)

    Each function gets a new communicator of all ranks: messages that one leaves behind never reach
    the next. What functions keep in modules (or, those of ``__main__`` or a notebook, in `global`
    names) lasts. Leaving the ``with`` block waits for a function that still runs, then ends the
    ranks; leaving it by an exception ends them at once.

    Parameters
    ----------
    function, ranks, args, threads, env
        As for `launch`. Without a function there are no `args`.

    Raises
    ------
    ConfigError
        If a parameter is wrong, or `function` cannot be pickled.
    """

    _stoppable = False  # whether ranks take SIGUSR1 as a request to stop

    def __init__(
        self,
        function: Callable[..., Any] | None = None,
        ranks: int | None = None,
        args: Sequence[Any] = (),
        *,
        threads: int = 1,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._ranks = _checked(physical_cores() if ranks is None else ranks, "rank")
        if function is None and args:
            raise ConfigError("args without a function: give them to run(function, *args)")
        self._call = None if function is None else _pickled(function, _tuple_of(args))
        self._modules = _own_module(function)
        self._variables = thread_variables(_checked(threads, "thread")) | _checked_env(env)
        self._supervisor: Supervisor | None = None
        self._judged = False  # whether a failure has been raised

    def start(self) -> None:
        """Start the ranks, and the function if there is one.

        Raises
        ------
        ParcomputeError
            If they have been started before.
        ConfigError
            If this process is a rank itself.
        """
        if self._supervisor is not None:
            raise ParcomputeError("this job has been started already: make a new one to start more")
        refuse_in_rank()
        supervisor = Supervisor(
            self._ranks,
            lasting=self._call is None,
            stoppable=self._stoppable,
            modules=self._modules,
        )
        supervisor.start(self._variables)
        self._supervisor = supervisor
        atexit.register(self._end_with, os.getpid())
        if self._call is not None:
            self._send(self._call)

    def run(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        """Run ``function(comm, *args)`` on the lasting ranks; return the results by rank.

        Raises
        ------
        ParcomputeError, RankError
            As for `launch`; the job has then ended.
        """
        supervisor = self._started()
        if self._call is not None:
            raise ParcomputeError("this job has a function of its own: run() is for those without")
        call = _pickled(function, args)
        if supervisor.join(0) and not (supervisor.failed and not self._judged):
            raise ParcomputeError("this job has ended: make a new one to run more")
        self._send(call)
        return self._values()

    def results(self) -> list[Any]:
        """Wait for all ranks; return what the function returned on them, by rank.

        Raises
        ------
        ParcomputeError, RankError
            As for `launch`.
        """
        self._started()
        if self._call is None:
            raise ParcomputeError("this job has no function of its own: run() returns the results")
        return self._values()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all ranks have ended, at most `timeout` seconds; return whether they have.

        Lasting ranks are told to end. What went wrong is raised by `results`, not here.
        """
        supervisor = self._started()
        if self._call is None:
            supervisor.leave()
        return supervisor.join(timeout)

    def terminate(self) -> None:
        """End the ranks: those that don't within 2 s of being asked to are killed."""
        if self._supervisor is not None:
            self._supervisor.end()
            atexit.unregister(self._end_with)

    def is_alive(self) -> bool:
        """Return whether any rank still runs."""
        return self._supervisor is not None and not self._supervisor.join(0)

    @property
    def pids(self) -> list[int]:
        """Process ids, by rank; empty before the start."""
        return [] if self._supervisor is None else self._supervisor.processes.pids

    @property
    def exitcodes(self) -> list[int | None]:
        """Exit codes, by rank: None for one that runs, -N for one that signal N killed."""
        if self._supervisor is None:
            return [None] * self._ranks
        return self._supervisor.processes.exitcodes

    def __enter__(self) -> Self:
        if self._supervisor is None:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.terminate()
        else:
            self._end_orderly()

    def _started(self) -> Supervisor:
        if self._supervisor is None:
            raise ParcomputeError("this job has not been started: call start() or use `with`")
        return self._supervisor

    def _send(self, call: bytes) -> None:
        with self._ended_if_interrupted():
            self._started().send(call)

    def _values(self) -> list[Any]:
        supervisor = self._started()
        with self._ended_if_interrupted():
            supervisor.wait()
        if supervisor.failed:
            self._raise_failure(supervisor)
        if len(supervisor.reports) < self._ranks:
            raise ParcomputeError("this job was ended before all ranks had a result")
        return [supervisor.reports[rank].value for rank in range(self._ranks)]

    @contextmanager
    def _ended_if_interrupted(self) -> Iterator[None]:
        """End the ranks at Ctrl-C: nobody waits for them any more."""
        try:
            yield
        except BaseException:
            self.terminate()
            raise

    def _raise_failure(self, supervisor: Supervisor) -> None:
        """Raise the error of the lowest rank that failed."""
        self._judged = True
        rank = supervisor.failed[0]
        report = supervisor.reports[rank]
        if isinstance(report.value, MPIException):
            report.value.add_note(f"on rank {rank}:\n{report.details.rstrip()}")
        raise report.value or RankError(rank, report.details)

    def _end_orderly(self) -> None:
        """Wait for what runs, then for the exit handlers of the ranks."""
        supervisor = self._started()
        try:
            if self._call is None:
                supervisor.leave()
            supervisor.wait()
            supervisor.join(_FAREWELL)
        finally:
            self.terminate()
        if supervisor.failed and not self._judged:
            self._raise_failure(supervisor)

    def _end_with(self, pid: int) -> None:
        """End with the program that started the job, but not with a fork of it."""
        if os.getpid() == pid:
            self._end_orderly()


def _checked(number: int, what: str) -> int:
    """Return the number of ranks or of threads, if it is one."""
    if not isinstance(number, SupportsIndex) or isinstance(number, bool):
        raise ConfigError(f"expected a whole number of {what}s, got {number!r}: set {what}s")
    if index(number) < 1:
        raise ConfigError(f"expected at least 1 {what}, got {number}: set backend.{what}s")
    return index(number)


def _checked_env(env: Mapping[str, str] | None) -> dict[str, str]:
    variables = dict(env or {})
    for name, value in variables.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise ConfigError(
                f"expected environment variables as strings, got {name!r}: {value!r}: set env"
            )
    return variables


def _check_function(function: Any) -> None:
    if not callable(function):
        raise ConfigError(f"expected a function of a communicator, got {function!r}")


def _own_module(function: Any) -> list[str]:
    """Return the module of a function of parcompute itself; nothing of the user is preloaded."""
    module = getattr(function, "__module__", None) or ""
    return [module] if module.startswith("parcompute.") else []


def _tuple_of(args: Sequence[Any]) -> tuple[Any, ...]:
    if isinstance(args, str | bytes) or not isinstance(args, Iterable):
        raise ConfigError(f"expected a sequence of arguments, got {args!r}: write args=({args!r},)")
    return tuple(args)


def _pickled(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    _check_function(function)
    try:
        return dumps_call(function, args)
    except Exception as error:
        raise ConfigError(
            f"{function!r} with its arguments cannot be sent to the ranks, which are other "
            f"processes ({error}): create what cannot be pickled inside of the function"
        ) from error
