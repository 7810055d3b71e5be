# ruff: noqa: N802 (the names are mpi4py's)
"""Making communicators of others, and giving them up.

All ranks of a parent agree on a number that none of them has used: the context of the messages of
the new communicator. Ranks that take part in one call but land in different communicators may share
it, since they never meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from parcompute.comm.constants import COMM_TYPE_SHARED, UNDEFINED
from parcompute.comm.process.collective.collective_calls import CollectiveCalls
from parcompute.comm.process.communicators.groups import Group
from parcompute.comm.process.communicators.identity import Identity
from parcompute.comm.process.messages.failures import ERR_ARG, ERR_GROUP, ArgumentError
from parcompute.comm.process.messages.point_to_point import PointToPoint

if TYPE_CHECKING:
    from parcompute.comm.process.communicators.cartesian import CartCommunicator
    from parcompute.comm.process.communicators.communicator import ProcessCommunicator

_BELOW = -10  # contexts of agreements among some ranks of a communicator


class Family(CollectiveCalls, Identity):
    """Methods of a communicator that return communicators."""

    def Dup(self, info: Any = None) -> ProcessCommunicator:
        """Return a communicator of the same ranks whose messages never meet those of this one."""
        twin = self.Clone()
        twin._attributes = self._copied_attributes()
        return twin

    def Dup_with_info(self, info: Any) -> ProcessCommunicator:
        """Return a duplicate; hints are not used."""
        return self.Dup()

    def Clone(self) -> ProcessCommunicator:
        """Return a duplicate without attributes."""
        return self._like(self._free_context())

    def Split(self, color: int = 0, key: int = 0) -> ProcessCommunicator:
        """Return the communicator of all ranks that give the same color, ordered by key.

        Parameters
        ----------
        color : int
            0 or more; UNDEFINED: this rank is in none and gets COMM_NULL.
        key : int
            Ranks that give the same key keep their order.
        """
        if color < 0 and color != UNDEFINED:
            raise ArgumentError(ERR_ARG, f"color must be 0 or more, or UNDEFINED, got {color}")
        words = self.allgather((color, key, self._engine.next_context))
        chosen = sorted((words[r][1], r) for r in range(self._size) if words[r][0] == color)
        members = [] if color == UNDEFINED else [self._members[rank] for _, rank in chosen]
        return self._made(members, max(word[2] for word in words))

    def Split_type(self, split_type: int, key: int = 0, info: Any = None) -> ProcessCommunicator:
        """Return the communicator of the ranks that share memory: all, on this engine."""
        if split_type not in (COMM_TYPE_SHARED, UNDEFINED):
            raise ArgumentError(
                ERR_ARG, f"split_type must be COMM_TYPE_SHARED or UNDEFINED, got {split_type}"
            )
        return self.Split(UNDEFINED if split_type == UNDEFINED else 0, key)

    def Create(self, group: Group) -> ProcessCommunicator:
        """Return the communicator of a group; called by all ranks; COMM_NULL outside the group."""
        members = self._subset(group)
        return self._made(members, self._free_context())

    def Create_group(self, group: Group, tag: int = 0) -> ProcessCommunicator:
        """Return the communicator of a group; called by its ranks only."""
        members = self._subset(group)
        if self._engine.rank not in members:
            return self._made([], 0)
        channel = PointToPoint(self._engine, _BELOW - self._context, members)
        return self._made(members, _largest(channel, self._engine.next_context, tag))

    def Create_cart(
        self,
        dims: Sequence[int] | int,
        periods: Sequence[bool] | bool | None = None,
        reorder: bool = False,
    ) -> CartCommunicator:
        """Return a communicator whose ranks sit on a Cartesian grid, in C order.

        Parameters
        ----------
        dims : sequence of int
            Ranks along each axis; ranks beyond their product get COMM_NULL.
        periods : sequence of bool
            Whether each axis wraps around; default: none does.
        reorder : bool
            Has no meaning here: ranks keep their order.
        """
        from parcompute.comm.process.communicators.cartesian import CartCommunicator, topology_of
        from parcompute.comm.process.communicators.null import COMM_NULL

        topology = topology_of(dims, periods, self._size)
        members = self._members[: topology.size]
        context = self._free_context()
        if self._engine.rank not in members:
            return COMM_NULL  # type: ignore[return-value]
        return CartCommunicator(self._engine, context, members, topology)

    @classmethod
    def Get_parent(cls) -> ProcessCommunicator:
        """Return COMM_NULL: no program spawned this one."""
        from parcompute.comm.process.communicators.null import COMM_NULL

        return COMM_NULL

    def Free(self) -> None:
        """Give the communicator up (all ranks together): it is COMM_NULL then."""
        from parcompute.comm.process.communicators.null import NullCommunicator

        self.Barrier()
        self._delete_attributes()
        self.__class__ = NullCommunicator

    def Disconnect(self) -> None:
        """Give the communicator up."""
        self.Free()

    def Abort(self, errorcode: int = 0) -> Any:
        """End the job at once with this exit code."""
        self._engine.abort(errorcode)

    def _free_context(self) -> int:
        """Return a context that no rank has used."""
        return int(max(self.allgather(self._engine.next_context)))

    def _like(self, context: int) -> ProcessCommunicator:
        """Return a communicator of the same kind and ranks."""
        return self._made(self._members, context)

    def _made(self, members: Sequence[int], context: int) -> ProcessCommunicator:
        """Return the communicator of some ranks of the job; COMM_NULL for none."""
        from parcompute.comm.process.communicators.communicator import ProcessCommunicator
        from parcompute.comm.process.communicators.null import COMM_NULL

        if self._engine.rank not in members:
            return COMM_NULL
        return ProcessCommunicator(self._engine, context, members)

    def _subset(self, group: Group) -> Sequence[int]:
        strangers = [member for member in group.members if member not in self._members]
        if strangers:
            raise ArgumentError(
                ERR_GROUP,
                f"expected a group within this communicator, got one with ranks {strangers} of "
                "the job, which are not in it",
            )
        return group.members


def _largest(channel: PointToPoint, value: int, tag: int) -> int:
    """Return the largest value that a rank gives, on all of them."""
    if channel.rank > 0:
        channel.send(value, 0, tag)
        return int(channel.recv(source=0, tag=tag))
    others = range(1, channel.size)
    largest = max([value, *(int(channel.recv(source=rank, tag=tag)) for rank in others)])
    for rank in others:
        channel.send(largest, rank, tag)
    return largest
