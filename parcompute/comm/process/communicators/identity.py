# ruff: noqa: N802 (the names are mpi4py's)
"""What a communicator says about itself: name, group, kind, whether it equals another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parcompute.comm.constants import CONGRUENT, IDENT, UNDEFINED
from parcompute.comm.process.communicators.attributes import Attributes, Keyval
from parcompute.comm.process.communicators.groups import Group
from parcompute.comm.process.messages.failures import ERR_COMM, Exception
from parcompute.comm.process.messages.modes import SendModes
from parcompute.comm.process.messages.probe import Probes
from parcompute.comm.process.transport.engine import Engine


class Errhandler:
    """What to do about errors: accepted and kept; errors raise in any case.

    Parameters
    ----------
    name : str
        Name in MPI.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<Errhandler {self._name}>"

    def Free(self) -> None:
        """Give the handler up."""


ERRORS_RETURN = Errhandler("MPI_ERRORS_RETURN")
ERRORS_ARE_FATAL = Errhandler("MPI_ERRORS_ARE_FATAL")
ERRORS_ABORT = Errhandler("MPI_ERRORS_ABORT")


class Identity(Attributes, SendModes, Probes):
    """The messages of a communicator, with its name and its group."""

    def __init__(self, engine: Engine, context: int, members: Sequence[int]) -> None:
        super().__init__(engine, context, members)
        self._name = ""
        self._errhandler = ERRORS_RETURN
        self._attributes: dict[Keyval, Any] = {}

    def __repr__(self) -> str:
        name = f" {self._name}" if self._name else ""
        return f"<{type(self).__name__}{name}: rank {self._rank} of {self._size}>"

    @property
    def name(self) -> str:
        """Name of the communicator; may be set."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    def Get_name(self) -> str:
        """Return `name`."""
        return self.name

    def Set_name(self, name: str) -> None:
        """Set `name`."""
        self.name = name

    @property
    def group(self) -> Group:
        """The ranks of the communicator."""
        return Group(self._members, self._engine.rank)

    def Get_group(self) -> Group:
        """Return `group`."""
        return self.group

    def Compare(self, comm: Identity) -> int:
        """Return IDENT, CONGRUENT (same ranks, in order), SIMILAR (same ranks) or UNEQUAL."""
        if not comm:
            raise Exception(ERR_COMM, "expected a communicator to compare with, got COMM_NULL")
        result = self.group.Compare(comm.group)
        return CONGRUENT if result == IDENT and self._context != comm._context else result

    @property
    def topology(self) -> int:
        """CART, or UNDEFINED."""
        return UNDEFINED

    def Get_topology(self) -> int:
        """Return `topology`."""
        return self.topology

    @property
    def is_topo(self) -> bool:
        """Whether the ranks have neighbours."""
        return self.topology != UNDEFINED

    @property
    def is_inter(self) -> bool:
        """False: there is one group of ranks."""
        return False

    @property
    def is_intra(self) -> bool:
        """True: there is one group of ranks."""
        return True

    def Is_inter(self) -> bool:
        """Return `is_inter`."""
        return self.is_inter

    def Is_intra(self) -> bool:
        """Return `is_intra`."""
        return self.is_intra

    def Get_errhandler(self) -> Errhandler:
        """Return what was set."""
        return self._errhandler

    def Set_errhandler(self, errhandler: Errhandler) -> None:
        """Accept a handler: errors raise in any case."""
        self._errhandler = errhandler
