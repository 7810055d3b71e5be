"""The communicator of the serial and the process engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parcompute.comm.constants import UNSUPPORTED
from parcompute.comm.process.collective.channel import Channel
from parcompute.comm.process.communicators import world
from parcompute.comm.process.communicators.family import Family
from parcompute.comm.process.transport.engine import Engine


class UnsupportedCallError(NotImplementedError, AttributeError):
    """A call of mpi4py that this engine does not have; ``hasattr`` says False."""


class ProcessCommunicator(Family):
    """A subset of mpi4py's ``Intracomm``, see `parcompute.comm.protocol.Communicator`."""

    def __init__(
        self, engine: Engine, context: int = 0, members: Sequence[int] | None = None
    ) -> None:
        members = range(engine.size) if members is None else members
        super().__init__(engine, context, members)
        self._hidden = Channel(engine, context + 1, members)
        engine.next_context = max(engine.next_context, context + 2)

    def __reduce__(self) -> Any:
        """Pickle COMM_WORLD and COMM_SELF: that of the rank which unpickles is meant."""
        for known in (world.world, world.alone):
            if self is known():
                return known, ()
        raise ValueError("a communicator made by this rank cannot be pickled: make it on each rank")

    def __getattr__(self, name: str) -> Any:
        if name in UNSUPPORTED:
            raise UnsupportedCallError(
                f"{name} is not in the process engine: use backend=mpi (mpi4py) for it"
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
