"""Groups, and communicators made of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.comm.common import left, names, right


def _fails_with(mpi: Any, error_class: int, call: Any, *args: Any) -> None:
    with pytest.raises(mpi.Exception) as caught:
        call(*args)
    assert caught.value.Get_error_class() == error_class


def check_the_group_of_a_communicator(comm: Any) -> None:
    group = comm.Get_group()
    assert (group.rank, group.size) == (comm.rank, comm.size)
    assert (group.Get_rank(), group.Get_size()) == (comm.rank, comm.size)
    assert comm.group.Compare(group) == names(comm).IDENT
    assert group.Translate_ranks() == list(range(comm.size))
    assert bool(group)


def check_parts_of_groups(comm: Any) -> None:
    mpi, group = names(comm), comm.group
    last, rest = group.Incl([comm.size - 1]), group.Excl([comm.size - 1])
    assert (last.size, rest.size) == (1, comm.size - 1)
    assert last.rank == (0 if comm.rank == comm.size - 1 else mpi.UNDEFINED)
    assert rest.rank == (mpi.UNDEFINED if comm.rank == comm.size - 1 else comm.rank)
    backwards = group.Incl(range(comm.size)[::-1])
    assert backwards.rank == comm.size - 1 - comm.rank
    assert group.Compare(backwards) == (mpi.SIMILAR if comm.size > 1 else mpi.IDENT)
    assert group.Translate_ranks([0], backwards) == [comm.size - 1]
    assert last.Translate_ranks([0], group) == [comm.size - 1]
    assert last.Translate_ranks([0], mpi.GROUP_EMPTY) == [mpi.UNDEFINED]
    assert group.Translate_ranks([0, mpi.PROC_NULL], backwards)[1] == mpi.PROC_NULL


def check_ranges_of_groups(comm: Any) -> None:
    group, everyone = comm.group, range(comm.size)
    even = group.Range_incl([(0, comm.size - 1, 2)])
    assert even.Translate_ranks(range(even.size), group) == list(everyone[::2])
    odd = group.Range_excl([(0, comm.size - 1, 2)])
    assert odd.Translate_ranks(range(odd.size), group) == list(everyone[1::2])
    backwards = group.Range_incl([(comm.size - 1, 0, -1)])
    assert backwards.Translate_ranks(range(comm.size), group) == list(everyone[::-1])


def check_set_operations_on_groups(comm: Any) -> None:
    mpi, group = names(comm), comm.group
    first, rest = group.Incl([0]), group.Excl([0])
    for kind in (mpi.Group, type(group)):
        both = kind.Union(rest, first)
        order = [*range(1, comm.size), 0]
        assert both.Translate_ranks(range(comm.size), group) == order
        assert both.rank == order.index(comm.rank)
        assert kind.Compare(kind.Intersection(group, rest), rest) == mpi.IDENT
        assert kind.Compare(kind.Difference(group, rest), first) == mpi.IDENT
        assert kind.Intersection(first, rest).size == 0
        assert kind.Difference(first, first) == mpi.GROUP_EMPTY
    assert group.Compare(mpi.GROUP_EMPTY) == mpi.UNEQUAL
    assert mpi.Group.Union(mpi.GROUP_EMPTY, group).rank == comm.rank


def check_empty_and_freed_groups(comm: Any) -> None:
    mpi = names(comm)
    empty = mpi.GROUP_EMPTY
    assert (empty.size, empty.rank) == (0, mpi.UNDEFINED)
    assert comm.group.Incl([]) == empty
    assert empty != mpi.GROUP_NULL
    group = comm.Get_group().Dup()
    assert group.size == comm.size
    group.Free()
    assert group == mpi.GROUP_NULL
    assert not group
    _fails_with(mpi, mpi.ERR_GROUP, group.Get_size)


def check_ranks_that_are_not_in_the_group(comm: Any) -> None:
    mpi, group = names(comm), comm.group
    for call in (group.Incl, group.Excl):
        _fails_with(mpi, mpi.ERR_RANK, call, [comm.size])


def _talk(comm: Any) -> None:
    """Exchange messages with the neighbours, and with all."""
    got = np.zeros(1, int)
    comm.Sendrecv(np.array([comm.rank]), right(comm), 1, got, left(comm), 1)
    assert got[0] == left(comm)
    assert comm.allreduce(1) == comm.size
    assert comm.bcast(comm.rank, comm.size - 1) == comm.size - 1


def check_split(comm: Any) -> None:
    half = comm.Split(comm.rank % 2, -comm.rank)
    ranks = [rank for rank in range(comm.size) if rank % 2 == comm.rank % 2][::-1]
    assert half.size == len(ranks)
    assert half.rank == ranks.index(comm.rank)
    assert half.allgather(comm.rank) == ranks
    _talk(half)
    half.Free()


def check_split_keeps_the_order_of_equal_keys(comm: Any) -> None:
    same = comm.Split()
    assert same.rank == comm.rank
    assert same.Compare(comm) == names(comm).CONGRUENT
    turned = comm.Split(7, comm.size - comm.rank)
    assert turned.rank == comm.size - 1 - comm.rank
    assert comm.Compare(turned) == (names(comm).SIMILAR if comm.size > 1 else names(comm).CONGRUENT)
    same.Free()
    turned.Free()


def check_split_without_some_ranks(comm: Any) -> None:
    mpi = names(comm)
    rest = comm.Split(mpi.UNDEFINED if comm.rank == 0 else 3)
    if comm.rank == 0:
        assert rest == mpi.COMM_NULL
        assert not rest
    else:
        assert rest != mpi.COMM_NULL
        assert (rest.rank, rest.size) == (comm.rank - 1, comm.size - 1)
        _talk(rest)
        rest.Free()
    _talk(comm)


def check_split_by_memory(comm: Any) -> None:
    mpi = names(comm)
    node = comm.Split_type(mpi.COMM_TYPE_SHARED)
    assert node.Compare(comm) == mpi.CONGRUENT
    _talk(node)
    node.Free()
    assert comm.Split_type(mpi.UNDEFINED) == mpi.COMM_NULL


def check_create(comm: Any) -> None:
    mpi = names(comm)
    backwards = comm.Create(comm.group.Incl(range(comm.size)[::-1]))
    assert backwards.rank == comm.size - 1 - comm.rank
    _talk(backwards)
    last = comm.Create(comm.group.Incl([comm.size - 1]))
    assert (last == mpi.COMM_NULL) == (comm.rank < comm.size - 1)
    assert comm.Create(mpi.GROUP_EMPTY) == mpi.COMM_NULL
    backwards.Free()


def check_create_with_disjoint_groups(comm: Any) -> None:
    part = comm.group.Range_incl([(comm.rank % 2, comm.size - 1, 2)])
    half = comm.Create(part)
    assert half.allgather(comm.rank) == list(range(comm.rank % 2, comm.size, 2))
    _talk(half)
    half.Free()


def check_create_group_is_called_by_its_ranks_only(comm: Any) -> None:
    if comm.rank == 0 and comm.size > 1:
        return
    group = comm.group.Excl([0]) if comm.size > 1 else comm.group
    for tag in (0, 5):
        rest = comm.Create_group(group, tag)
        assert (rest.size, rest.rank) == (group.size, group.rank)
        _talk(rest)
        rest.Free()


def check_messages_stay_in_their_communicator(comm: Any) -> None:
    made = [comm, comm.Dup(), comm.Split(0), comm.Create(comm.group)]
    sends = [one.isend(number, right(comm), 1) for number, one in enumerate(made)]
    for number in (2, 0, 3, 1):
        assert made[number].recv(source=left(comm), tag=1) == number
    for send in sends:
        send.wait()


def check_families(comm: Any) -> None:
    half = comm.Split(comm.rank % 2)
    quarter = half.Split(half.rank % 2)
    twin = quarter.Dup()
    assert twin.Compare(quarter) == names(comm).CONGRUENT
    for one in (twin, quarter, half):
        _talk(one)
        one.Free()


def check_sources_are_ranks_of_the_communicator(comm: Any) -> None:
    mpi = names(comm)
    backwards = comm.Split(0, -comm.rank)
    told = mpi.Status()
    send = backwards.isend("here", right(backwards), 1)
    assert backwards.recv(source=mpi.ANY_SOURCE, tag=1, status=told) == "here"
    assert told.source == left(backwards)
    send.wait()


def check_names_of_communicators(comm: Any) -> None:
    mpi = names(comm)
    assert mpi.COMM_WORLD.Get_name() == mpi.COMM_WORLD.name == "MPI_COMM_WORLD"
    assert mpi.COMM_SELF.name == "MPI_COMM_SELF"
    assert mpi.COMM_NULL.Get_name() == "MPI_COMM_NULL"
    other = comm.Dup()
    assert other.Get_name() == ""
    other.Set_name("ocean")
    assert other.name == "ocean"
    other.name = "ice"
    assert other.Get_name() == "ice"
    other.Free()


def check_kinds_of_communicators(comm: Any) -> None:
    mpi = names(comm)
    assert not comm.Is_inter()
    assert comm.Is_intra()
    assert (comm.is_inter, comm.is_intra, comm.is_topo) == (False, True, False)
    assert comm.Get_topology() == comm.topology == mpi.UNDEFINED
    assert comm.Compare(comm) == mpi.Comm.Compare(comm, comm) == mpi.IDENT
    assert mpi.Comm.Compare(comm, mpi.COMM_SELF) == (
        mpi.CONGRUENT if comm.size == 1 else mpi.UNEQUAL
    )
    assert mpi.Comm.Get_parent() == mpi.COMM_NULL


def check_world_and_self(comm: Any) -> None:
    mpi = names(comm)
    world, alone = mpi.COMM_WORLD, mpi.COMM_SELF
    assert (world.size, world.rank) == (comm.size, comm.rank)
    assert (alone.size, alone.rank) == (1, 0)
    for one in (world, alone, comm):
        assert isinstance(one, mpi.Comm)
        assert isinstance(one, mpi.Intracomm)
        assert not isinstance(one, mpi.Cartcomm)
    assert isinstance(mpi.COMM_NULL, mpi.Comm)
    assert world == mpi.COMM_WORLD != alone
    _talk(alone)
    twin = alone.Dup()
    _talk(twin)
    twin.Free()


def check_null_communicators(comm: Any) -> None:
    mpi = names(comm)
    other = comm.Dup()
    other.Free()
    assert other == mpi.COMM_NULL
    for null in (other, mpi.COMM_NULL):
        assert not null
        for call in (null.Get_rank, null.Barrier, null.Free, null.Is_inter):
            _fails_with(mpi, mpi.ERR_COMM, call)
        _fails_with(mpi, mpi.ERR_COMM, null.Send, np.zeros(1), 0)
        with pytest.raises(mpi.Exception):
            _ = null.size
    _fails_with(mpi, mpi.ERR_COMM, comm.Compare, mpi.COMM_NULL)


def check_errhandlers_are_accepted(comm: Any) -> None:
    mpi, other = names(comm), comm.Dup()
    other.Set_errhandler(mpi.ERRORS_RETURN)
    _fails_with(mpi, mpi.ERR_RANK, other.Send, np.zeros(1), comm.size)
    other.Get_errhandler().Free()
    other.Free()


def check_attributes(comm: Any) -> None:
    mpi, gone = names(comm), []
    assert comm.Get_attr(mpi.TAG_UB) >= 32767
    keys = [
        mpi.Comm.Create_keyval(),
        mpi.Comm.Create_keyval(copy_fn=lambda comm, key, value: value + 1),
        mpi.Comm.Create_keyval(copy_fn=True, delete_fn=lambda comm, key, value: gone.append(value)),
    ]
    other = comm.Dup()
    for number, key in enumerate(keys):
        assert other.Get_attr(key) is None
        other.Set_attr(key, 10 * number)
    twin = other.Dup()
    assert [twin.Get_attr(key) for key in keys] == [None, 11, 20]
    twin.Delete_attr(keys[2])
    assert twin.Get_attr(keys[2]) is None
    assert gone == [20]
    twin.Free()
    other.Set_attr(keys[2], 30)
    assert gone == [20, 20]
    other.Free()
    assert gone == [20, 20, 30]
