# ruff: noqa: N802 (the names are mpi4py's)
"""The communicator of the serial and the process engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add
from typing import Any

from parcompute.comm.constants import UNSUPPORTED
from parcompute.comm.process import collectives
from parcompute.comm.process.channel import Channel
from parcompute.comm.process.engine import Engine
from parcompute.comm.process.point_to_point import PointToPoint


class UnsupportedCallError(NotImplementedError, AttributeError):
    """A call of mpi4py that this engine does not have; ``hasattr`` says False."""


class ProcessCommunicator(PointToPoint):
    """A subset of mpi4py's ``Intracomm``, see `parcompute.comm.protocol.Communicator`."""

    def __init__(
        self, engine: Engine, context: int = 0, members: Sequence[int] | None = None
    ) -> None:
        members = range(engine.size) if members is None else members
        super().__init__(engine, context, members)
        self._hidden = Channel(engine, context + 1, members)
        engine.next_context = max(engine.next_context, context + 2)

    def barrier(self) -> None:
        """Return when all ranks have called it."""
        self._hidden.run(collectives.barrier(self._hidden))

    def Barrier(self) -> None:
        """Return when all ranks have called it."""
        self._hidden.run(collectives.barrier(self._hidden))

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Return the object of `root` on every rank."""
        return self._hidden.run(collectives.bcast(self._hidden, obj, root))

    def Bcast(self, buf: Any, root: int = 0) -> None:
        """Fill the buffer of every rank with that of `root`."""
        self._hidden.run(collectives.bcast_buffer(self._hidden, buf, root))

    def scatter(self, sendobj: Sequence[Any] | None, root: int = 0) -> Any:
        """Return the item of this rank from the list that `root` gives."""
        return self._hidden.run(collectives.scatter(self._hidden, sendobj, root))

    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Return the objects of all ranks, by rank, on `root`; None elsewhere."""
        return self._hidden.run(collectives.gather(self._hidden, sendobj, root))  # type: ignore[no-any-return]

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return the objects of all ranks, by rank."""
        return self._hidden.run(collectives.allgather(self._hidden, sendobj))  # type: ignore[no-any-return]

    def alltoall(self, sendobj: Sequence[Any]) -> list[Any]:
        """Give item r to rank r; return what every rank gave to this one, by rank."""
        return self._hidden.run(collectives.alltoall(self._hidden, sendobj))  # type: ignore[no-any-return]

    def reduce(self, sendobj: Any, op: Callable[[Any, Any], Any] = add, root: int = 0) -> Any:
        """Return the objects combined in rank order on `root`; None elsewhere."""
        return self._hidden.run(collectives.reduce(self._hidden, sendobj, op, root))

    def allreduce(self, sendobj: Any, op: Callable[[Any, Any], Any] = add) -> Any:
        """Return the objects combined in rank order on every rank."""
        return self._hidden.run(collectives.allreduce(self._hidden, sendobj, op))

    def Dup(self) -> ProcessCommunicator:
        """Return a communicator of the same ranks whose messages never meet those of this one."""
        context = self.allreduce(self._engine.next_context, max)
        return ProcessCommunicator(self._engine, context, self._members)

    def Free(self) -> None:
        """Give the communicator up (all ranks together)."""
        self.barrier()

    def Abort(self, errorcode: int = 0) -> Any:
        """End the job at once with this exit code."""
        self._engine.abort(errorcode)

    def __getattr__(self, name: str) -> Any:
        if name in UNSUPPORTED:
            raise UnsupportedCallError(
                f"{name} is not in the process engine: use backend=mpi (mpi4py) for it"
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
