# ruff: noqa: N802, N818 (the names are mpi4py's)
"""Errors of the communicator, with the name and the methods of mpi4py's ``MPI.Exception``."""

from __future__ import annotations

from parcompute.comm.process.messages.errorclasses import sentence_of
from parcompute.errors import ParcomputeError

SUCCESS, ERR_BUFFER, ERR_COUNT, ERR_TYPE, ERR_TAG, ERR_COMM, ERR_RANK, ERR_ROOT = range(8)
ERR_GROUP, ERR_OP, ERR_TOPOLOGY, ERR_DIMS, ERR_ARG, ERR_UNKNOWN, ERR_TRUNCATE = range(8, 15)
ERR_REQUEST, ERR_KEYVAL = 19, 48


class Exception(ParcomputeError, RuntimeError):
    """A call that went wrong.

    Parameters
    ----------
    ierr : int
        The error class, such as `ERR_TRUNCATE`.
    sentence : str
        What was expected, what came, and what to change.
    """

    def __init__(self, ierr: int = SUCCESS, sentence: str = "") -> None:
        super().__init__(ierr, sentence)

    def __str__(self) -> str:
        return str(self.args[1]) or sentence_of(self.error_class)

    @property
    def error_class(self) -> int:
        """The error class."""
        return int(self.args[0])

    @property
    def error_code(self) -> int:
        """The error code: the error class."""
        return self.error_class

    @property
    def error_string(self) -> str:
        """The sentence."""
        return str(self)

    def Get_error_class(self) -> int:
        """Return the error class."""
        return self.error_class

    def Get_error_code(self) -> int:
        """Return the error code: the error class."""
        return self.error_class

    def Get_error_string(self) -> str:
        """Return the sentence."""
        return str(self)


class ArgumentError(Exception, ValueError):
    """A rank, tag or buffer that cannot be."""

    def __init__(self, ierr: int = ERR_ARG, sentence: str = "") -> None:
        super().__init__(ierr, sentence)
