# ruff: noqa: N802 (the names are mpi4py's)
"""What every engine offers: the part of mpi4py's `Comm` and `Request` that parcompute uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Request(Protocol):
    """A message under way, as in mpi4py; persistent ones are restarted with `Start`.

    Lists are handled through the class, on all engines:
    ``type(requests[0]).Startall(requests)`` and ``type(requests[0]).Waitall(requests)``.
    """

    def Wait(self) -> Any:
        """Return when the buffer may be used again."""

    def Test(self) -> bool:
        """Say whether the message is complete, and let it progress."""

    def Free(self) -> None:
        """Give a persistent request up."""


class Communicator(Protocol):
    """The ranks of a job: lowercase calls move pickled objects, uppercase ones move buffers.

    A buffer is anything contiguous with the buffer protocol, a NumPy array as a rule. Reductions
    of objects combine in rank order, ``op(lower, higher)``, and are the same on every rank.
    """

    @property
    def rank(self) -> int:
        """Number of this rank, 0 <= rank < size."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def Get_rank(self) -> int:
        """Return `rank`."""

    def Get_size(self) -> int:
        """Return `size`."""

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object."""

    def recv(self, buf: Any = None, source: int = ..., tag: int = ..., status: Any = None) -> Any:
        """Receive an object."""

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Return the object of `root` on every rank."""

    def scatter(self, sendobj: Sequence[Any] | None, root: int = 0) -> Any:
        """Return the item of this rank from the list that `root` gives."""

    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Return the objects of all ranks, by rank, on `root`; None elsewhere."""

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return the objects of all ranks, by rank."""

    def alltoall(self, sendobj: Sequence[Any]) -> list[Any]:
        """Give item r to rank r; return what every rank gave to this one, by rank."""

    def reduce(self, sendobj: Any, op: Callable[[Any, Any], Any] = ..., root: int = 0) -> Any:
        """Return the combined objects on `root`; None elsewhere (default: sum)."""

    def allreduce(self, sendobj: Any, op: Callable[[Any, Any], Any] = ...) -> Any:
        """Return the combined objects on every rank (default: sum)."""

    def barrier(self) -> None:
        """Return when all ranks have called it."""

    def Barrier(self) -> None:
        """Return when all ranks have called it."""

    def Send(self, buf: Any, dest: int, tag: int = 0) -> None:
        """Send a buffer."""

    def Recv(self, buf: Any, source: int = ..., tag: int = ..., status: Any = None) -> None:
        """Receive into a buffer; a longer message is an error."""

    def Isend(self, buf: Any, dest: int, tag: int = 0) -> Any:
        """Start to send a buffer; return a `Request`."""

    def Irecv(self, buf: Any, source: int = ..., tag: int = ...) -> Any:
        """Start to receive into a buffer; return a `Request`."""

    def Sendrecv(
        self,
        sendbuf: Any,
        dest: int,
        sendtag: int = 0,
        recvbuf: Any = None,
        source: int = ...,
        recvtag: int = ...,
        status: Any = None,
    ) -> None:
        """Send and receive at the same time."""

    def Send_init(self, buf: Any, dest: int, tag: int = 0) -> Any:
        """Return a persistent `Request` that sends `buf` at each start."""

    def Recv_init(self, buf: Any, source: int = ..., tag: int = ...) -> Any:
        """Return a persistent `Request` that receives into `buf` at each start."""

    def Bcast(self, buf: Any, root: int = 0) -> None:
        """Fill the buffer of every rank with that of `root`."""

    def Allreduce(self, sendbuf: Any, recvbuf: Any) -> None:
        """Fill `recvbuf` of every rank with the sum of all `sendbuf`."""

    def Dup(self) -> Any:
        """Return a communicator of the same ranks whose messages never meet those of this one."""

    def Split(self, color: int = 0, key: int = 0) -> Any:
        """Return the communicator of all ranks that give the same color, ordered by key."""

    def Free(self) -> None:
        """Give the communicator up (all ranks together)."""

    def Abort(self, errorcode: int = 0) -> Any:
        """End the job at once with this exit code."""
