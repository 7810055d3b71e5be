# ruff: noqa: N802, N818 (the names are mpi4py's)
"""Errors of the communicator, with the name and the methods of mpi4py's ``MPI.Exception``."""

from __future__ import annotations

from parcompute.errors import ParcomputeError

SUCCESS, ERR_COUNT, ERR_TAG, ERR_RANK, ERR_ROOT = 0, 2, 4, 6, 7  # as in MPICH
ERR_OP, ERR_ARG, ERR_TRUNCATE = 9, 12, 14


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
        return str(self.args[1])

    def Get_error_class(self) -> int:
        """Return the error class."""
        return int(self.args[0])

    def Get_error_code(self) -> int:
        """Return the error code: the error class."""
        return int(self.args[0])

    def Get_error_string(self) -> str:
        """Return the sentence."""
        return str(self)


class ArgumentError(Exception, ValueError):
    """A rank, tag or buffer that cannot be."""

    def __init__(self, ierr: int = ERR_ARG, sentence: str = "") -> None:
        super().__init__(ierr, sentence)
