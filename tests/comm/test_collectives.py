"""What the collective calls of the process engine do beyond those of MPI."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from parcompute.comm.process.collective import buffer_reductions
from parcompute.comm.process.collective.ops import Op
from parcompute.errors import CollectiveMismatchError
from tests.comm import contract, contract_collectives, contract_ops


def sums_in_all_ways(comm):
    """Return the bytes of the sum of the same arrays, by every kind of reduction."""
    size = buffer_reductions.LARGE // 8
    array = 0.1 * (comm.rank + 1 + np.arange(float(size))) ** 3
    results = []
    for length in (size, size - 1):  # each way of reduction
        total = np.zeros(length)
        comm.Allreduce(array[:length], total)
        results.append(total[: size - 1].tobytes())
        comm.Reduce(array[:length], total, root=comm.size - 1)
        results.append(comm.bcast(total, comm.size - 1)[: size - 1].tobytes())
    block = np.zeros(size - 1)
    comm.Reduce_scatter_block(np.tile(array[: size - 1], comm.size), block)
    results.append(block.tobytes())
    results.append(comm.allreduce(array[: size - 1]).tobytes())
    results.append(comm.bcast(comm.reduce(array[: size - 1])).tobytes())
    return results


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_every_reduction_gives_the_same_bits(launch, ranks):
    results = launch(sums_in_all_ways, ranks)
    assert {result for rank in results for result in rank} == {results[0][0]}


def with_and_without_sharing_cores(comm):
    """Run checks as where ranks share cores, and as where they do not."""
    for through_one in (False, True):
        comm._hidden.through_one = through_one
        for check in contract.checks():
            if "allreduce" in check.__name__ or "barrier" in check.__name__:
                check(comm)
        contract_collectives.check_sums_of_objects_as_in_mpi4py(comm)
        contract_collectives.check_big_objects(comm)
        contract_ops.check_operations_of_the_user(comm)


@pytest.mark.parametrize("ranks", [2, 5])
def test_calls_do_the_same_where_ranks_share_cores(launch, ranks):
    launch(with_and_without_sharing_cores, ranks)


def keep_lower(inbuf, inoutbuf, datatype):
    """Be the operation whose result is what the lowest rank has."""
    inoutbuf[:] = inbuf


def much_data(comm):
    """Make the calls in which ranks exchange, with messages that wait for their receivers."""
    array, total = np.full(9 << 17, comm.rank), np.zeros(9 << 17, int)
    for through_one in (False, True):
        comm._hidden.through_one = through_one
        assert comm.allreduce(array, op=np.maximum)[-1] == comm.size - 1
        assert [other[-1] for other in comm.allgather(array)] == list(range(comm.size))
        assert comm.scan(array, op=np.maximum)[-1] == comm.rank
        assert [other[-1] for other in comm.alltoall([array] * comm.size)] == [*range(comm.size)]
        comm.Allreduce(array, total)
        assert total[-1] == sum(range(comm.size))
        for call in (comm.Allreduce, comm.Scan):
            call(array, total, Op.Create(keep_lower))
            assert total[-1] == 0


@pytest.mark.parametrize("ranks", [2, 3])
def test_messages_that_wait_for_their_receivers(launch, ranks):
    launch(much_data, ranks)


def expected(everyones, rank):
    """Return what the calls of `start` put into their buffers on this rank."""
    blocks = np.array_split(everyones.sum(0), len(everyones))
    return {
        "Ibcast": everyones[-1],
        "Iallreduce": everyones.sum(0),
        "Iscan": everyones[: rank + 1].sum(0),
        "Iexscan": everyones[:rank].sum(0),
        "Iallgather": everyones,
        "Ialltoall": everyones.reshape(len(everyones), len(everyones), -1)[:, rank],
        "Ireduce_scatter_block": blocks[rank],
    }


def start(comm, name, everyones):
    """Start a call; return its request and the buffer it fills."""
    own = everyones[comm.rank].copy()
    if name == "Ibcast":
        return comm.Ibcast(own, comm.size - 1), own
    got = np.zeros_like(expected(everyones, comm.rank)[name])
    return getattr(comm, name)(own, got), got


def many_calls_under_way(comm, seed):
    """Make the same calls on all ranks, and wait for them in another order on each."""
    same, own = Random(seed), Random(f"{seed} {comm.rank}")
    under_way = []
    for number in range(100):
        length = comm.size * same.choice([0, 1, 1000, 20_000])
        everyones = np.arange(float(comm.size * length)).reshape(comm.size, length) % 11 + number
        name = same.choice(list(expected(everyones, comm.rank)))
        request, got = start(comm, name, everyones)
        wanted = expected(everyones, comm.rank)[name]
        under_way.append((request, got, wanted, f"{name} {number}"))
        if same.random() < 0.2:
            assert comm.allreduce(number) == comm.size * number
        while len(under_way) > own.randrange(12):
            finish(*under_way.pop(own.randrange(len(under_way))))
    for call in under_way:
        finish(*call)


def finish(request, got, wanted, words):
    request.Wait()
    np.testing.assert_array_equal(got, wanted, err_msg=words)


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_many_calls_under_way(launch, ranks):
    launch(many_calls_under_way, ranks, (ranks,))


def _fails(inbuf, inoutbuf, datatype):
    raise ZeroDivisionError


def errors_of_calls_under_way(comm):
    """Return the names of errors that the last step of a call under way raised, when waited for."""
    op, names = Op.Create(_fails), []
    requests = [comm.Iallreduce(np.zeros(1), np.zeros(1), op) for _ in range(2)]
    comm.barrier()  # they fail in here
    for wait in (requests[0].Wait, lambda: type(requests[1]).Waitall(requests)):
        with pytest.raises(ZeroDivisionError):
            wait()
        names.append(comm.allreduce("x"))
    return names


def test_errors_of_calls_under_way_are_raised_where_they_are_waited_for(launch):
    assert launch(errors_of_calls_under_way, 2) == [["xx", "xx"]] * 2


def other_counts(comm, name, count):
    """Call what takes two items of every rank, with another number on the last one."""
    count = count if comm.rank == comm.size - 1 else 2
    one, all_ = np.zeros(count), np.zeros((comm.size, count))
    getattr(comm, name)(*{"Scatter": (all_, one), "Alltoall": (all_, all_)}.get(name, (one, all_)))


@pytest.mark.parametrize("name", ["Gather", "Scatter", "Allgather", "Alltoall"])
@pytest.mark.parametrize("count", [1, 3])
def test_counts_must_agree(launch, name, count):
    root = "root=0, " if name in ("Gather", "Scatter") else ""
    calls = rf"{name}\({root}16 bytes\) at .*, rank 1 called {name}\({root}{8 * count} bytes\) at "
    with pytest.raises(CollectiveMismatchError, match=calls):
        launch(other_counts, 2, (name, count))


def gather_of_other_counts(comm, count):
    """Gather too much or too little from the last rank."""
    other = comm.rank == comm.size - 1
    counts = [2] * comm.size
    comm.Gatherv(np.zeros(count if other else 2), [np.zeros((comm.size, 2)), counts])


@pytest.mark.parametrize(
    ("count", "words"), [(1, "8 bytes shorter"), (3, "24 bytes came for a buffer of 16")]
)
def test_uneven_counts_must_fit(launch, count, words):
    with pytest.raises(Exception, match=words):
        launch(gather_of_other_counts, 2, (count,))
