"""The exceptions that users see: one sentence each, saying what was expected and what was got."""

from __future__ import annotations


class ParcomputeError(Exception):
    """Base of all errors raised on purpose by parcompute."""

    exit_code = 1


class ConfigError(ParcomputeError):
    """Bad input (an option, a file, a rank count): shown as one sentence, exit code 2."""

    exit_code = 2


class StencilError(ConfigError):
    """A stencil function uses something that the compiler does not know, at a file and line."""


class DivergenceError(ParcomputeError):
    """A field holds NaN or infinity."""


class DeadlockError(ParcomputeError):
    """Ranks wait for messages that nobody will send; says who waits in which call on which line."""


class CollectiveMismatchError(ParcomputeError):
    """Ranks of a communicator made different collective calls; names the calls and their lines."""


class RankError(ParcomputeError):
    """One rank failed and the job was ended.

    Parameters
    ----------
    rank : int
        The rank that failed first.
    details : str
        Its traceback, or the signal that killed it.
    """

    def __init__(self, rank: int, details: str) -> None:
        super().__init__(rank, details)
        self.rank = rank
        self.details = details

    def __str__(self) -> str:
        return f"rank {self.rank} failed, the job was ended\n{self.details.rstrip()}"


class TerminatedError(KeyboardInterrupt):
    """SIGTERM, which commands treat as Ctrl-C but for the exit code."""


class BusyError(ConfigError):
    """A run is still going on, so that another process must not touch its directory."""
