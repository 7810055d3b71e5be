# ruff: noqa: N802 (the names are mpi4py's)
"""Groups: ordered sets of ranks of the job, from which communicators are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from parcompute.comm.constants import IDENT, PROC_NULL, SIMILAR, UNDEFINED, UNEQUAL
from parcompute.comm.process.messages.failures import (
    ERR_ARG,
    ERR_GROUP,
    ERR_RANK,
    ArgumentError,
    Exception,
)

_NOBODY = -1


class Group:
    """Ranks in order.

    Parameters
    ----------
    members : sequence of int, optional
        Their numbers in the job; None makes a null group, which can be compared only.
    me : int
        Number of this rank in the job.
    """

    def __init__(self, members: Sequence[int] | None = None, me: int = _NOBODY) -> None:
        self._members = members if members is None else tuple(members)
        self._me = me

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and self._members == other._members

    def __hash__(self) -> int:
        return hash(self._members)

    def __bool__(self) -> bool:
        return self._members is not None

    @property
    def members(self) -> tuple[int, ...]:
        """Numbers of the ranks in the job, by rank in the group."""
        if self._members is None:
            raise Exception(ERR_GROUP, "expected a group, got GROUP_NULL or one that was freed")
        return self._members

    @property
    def size(self) -> int:
        """Number of ranks."""
        return len(self.members)

    @property
    def rank(self) -> int:
        """Rank of this process in the group; UNDEFINED outside."""
        return self.members.index(self._me) if self._me in self.members else UNDEFINED

    def Get_size(self) -> int:
        """Return `size`."""
        return self.size

    def Get_rank(self) -> int:
        """Return `rank`."""
        return self.rank

    def Dup(self) -> Group:
        """Return an equal group."""
        return self._of(self.members)

    def Incl(self, ranks: Sequence[int]) -> Group:
        """Return the group of these ranks, in this order."""
        return self._of([self.members[rank] for rank in self._checked(ranks)])

    def Excl(self, ranks: Sequence[int]) -> Group:
        """Return the group without these ranks."""
        left_out = set(self._checked(ranks))
        return self._of([m for rank, m in enumerate(self.members) if rank not in left_out])

    def Range_incl(self, ranks: Sequence[tuple[int, int, int]]) -> Group:
        """Return the group of the ranks first, first + step, … last, for each such triple."""
        return self.Incl(_spelt_out(ranks))

    def Range_excl(self, ranks: Sequence[tuple[int, int, int]]) -> Group:
        """Return the group without the ranks first, first + step, … last, for each triple."""
        return self.Excl(_spelt_out(ranks))

    @classmethod
    def Union(cls, group1: Group, group2: Group) -> Group:
        """Return the ranks of the first group, then those that only the second has."""
        more = [m for m in group2.members if m not in group1.members]
        return cls((*group1.members, *more), max(group1._me, group2._me))

    @classmethod
    def Intersection(cls, group1: Group, group2: Group) -> Group:
        """Return the ranks of both, in the order of the first."""
        return group1._of([m for m in group1.members if m in group2.members])

    @classmethod
    def Difference(cls, group1: Group, group2: Group) -> Group:
        """Return the ranks of the first that are not in the second."""
        return group1._of([m for m in group1.members if m not in group2.members])

    Intersect = Intersection

    def Translate_ranks(
        self, ranks: Sequence[int] | None = None, group: Group | None = None
    ) -> list[int]:
        """Return the ranks that these have in another group (default: the world's)."""
        chosen = range(self.size) if ranks is None else ranks
        return [PROC_NULL if r == PROC_NULL else self._translated(r, group) for r in chosen]

    def Compare(self, group: Group) -> int:
        """Return IDENT, SIMILAR (in another order) or UNEQUAL."""
        if self.members == group.members:
            return IDENT
        return SIMILAR if set(self.members) == set(group.members) else UNEQUAL

    def Free(self) -> None:
        """Give the group up: it is GROUP_NULL then."""
        self._members = None

    def _of(self, members: Sequence[int]) -> Group:
        return Group(members, self._me)

    def _translated(self, rank: int, group: Group | None) -> int:
        member = self.members[self._checked([rank])[0]]
        if group is None:
            return member
        return group.members.index(member) if member in group.members else UNDEFINED

    def _checked(self, ranks: Sequence[int]) -> Sequence[int]:
        for rank in ranks:
            if not 0 <= rank < self.size:
                raise ArgumentError(
                    ERR_RANK, f"ranks of this group are in 0 … {self.size - 1}, got {rank}"
                )
        return ranks


def _spelt_out(triples: Iterable[tuple[int, int, int]]) -> list[int]:
    """Return all ranks of triples first, last, step."""
    ranks: list[int] = []
    for first, last, step in triples:
        if step == 0:
            raise ArgumentError(ERR_ARG, f"the step from {first} to {last} must not be 0")
        ranks += range(first, last + (1 if step > 0 else -1), step)
    return ranks
