"""The collective calls of a communicator, blocking and non-blocking, by mpi4py's names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from parcompute.comm.process.collective import buffer_collectives as buffers
from parcompute.comm.process.collective import buffer_reductions as reductions
from parcompute.comm.process.collective import collectives as objects
from parcompute.comm.process.collective import neighbours
from parcompute.comm.process.collective.channel import Channel, Steps, Task

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Algorithm = Callable[Concatenate[Channel, _P], Steps]


def _plain(function: Callable[Concatenate[Channel, _P], _R]) -> Callable[Concatenate[Any, _P], _R]:
    """Return the method that does what a function does."""

    @wraps(function)
    def call(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return function(self._hidden, *args, **kwargs)

    return call


def _blocking(steps: _Algorithm[_P]) -> Callable[Concatenate[Any, _P], Any]:
    """Return the method that runs a collective call to its end."""

    @wraps(steps)
    def call(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> Any:
        running = steps(self._hidden, *args, **kwargs)
        try:
            while True:  # as in `Channel.run`, whose frame `Calls.begin` would count
                request = next(running)
                if not request.done:
                    request.engine.wait(request)
        except StopIteration as end:
            return end.value

    return call


def _starting(steps: _Algorithm[_P]) -> Callable[Concatenate[Any, _P], Task]:
    """Return the method that starts a collective call; its request is complete when the call is."""

    @wraps(steps)
    def call(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> Task:
        channel: Channel = self._hidden
        running = steps(channel, *args, **kwargs)
        return channel.start(running, next(running, None))

    return call


# In all three, the caller of ``begin`` is called by `call`, which the program of the user calls:
# `Calls.begin` counts these frames.


class CollectiveCalls:
    """What all ranks of a communicator call together, in the same order.

    Lowercase calls move objects, uppercase ones buffers; those that begin with ``I`` return a
    `Request`, and go on whenever the rank waits for anything. The arguments are those of the
    functions that they are made of.
    """

    barrier = _plain(objects.barrier)
    bcast = _blocking(objects.bcast)
    scatter = _blocking(objects.scatter)
    gather = _blocking(objects.gather)
    allgather = _plain(objects.allgather)
    alltoall = _blocking(objects.alltoall)
    reduce = _plain(objects.reduce)
    allreduce = _plain(objects.allreduce)
    scan = _plain(objects.scan)
    exscan = _plain(objects.exscan)

    Barrier = _plain(objects.barrier)
    Ibarrier = _starting(objects.barrier_in_steps)
    Bcast = _blocking(buffers.bcast)
    Ibcast = _starting(buffers.bcast)
    Scatter = _blocking(buffers.scatter)
    Iscatter = _starting(buffers.scatter)
    Scatterv = _blocking(buffers.scatterv)
    Iscatterv = _starting(buffers.scatterv)
    Gather = _blocking(buffers.gather)
    Igather = _starting(buffers.gather)
    Gatherv = _blocking(buffers.gatherv)
    Igatherv = _starting(buffers.gatherv)
    Allgather = _blocking(buffers.allgather)
    Iallgather = _starting(buffers.allgather)
    Allgatherv = _blocking(buffers.allgatherv)
    Iallgatherv = _starting(buffers.allgatherv)
    Alltoall = _blocking(buffers.alltoall)
    Ialltoall = _starting(buffers.alltoall)
    Alltoallv = _blocking(buffers.alltoallv)
    Ialltoallv = _starting(buffers.alltoallv)
    Alltoallw = _blocking(buffers.alltoallw)
    Ialltoallw = _starting(buffers.alltoallw)
    Reduce = _blocking(reductions.reduce)
    Ireduce = _starting(reductions.reduce)
    Allreduce = _plain(reductions.allreduce_now)
    Iallreduce = _starting(reductions.allreduce)
    Scan = _blocking(reductions.scan)
    Iscan = _starting(reductions.scan)
    Exscan = _blocking(reductions.exscan)
    Iexscan = _starting(reductions.exscan)
    Reduce_scatter = _blocking(reductions.reduce_scatter)
    Ireduce_scatter = _starting(reductions.reduce_scatter)
    Reduce_scatter_block = _blocking(reductions.reduce_scatter_block)
    Ireduce_scatter_block = _starting(reductions.reduce_scatter_block)


class NeighbourCalls:
    """What all ranks of a Cartesian communicator call together, to exchange with neighbours."""

    neighbor_allgather = _blocking(neighbours.allgather_objects)
    neighbor_alltoall = _blocking(neighbours.alltoall_objects)

    Neighbor_allgather = _blocking(neighbours.allgather)
    Neighbor_allgatherv = _blocking(neighbours.allgatherv)
    Neighbor_alltoall = _blocking(neighbours.alltoall)
    Neighbor_alltoallv = _blocking(neighbours.alltoallv)
    Neighbor_alltoallw = _blocking(neighbours.alltoallw)

    Ineighbor_allgather = _starting(neighbours.allgather)
    Ineighbor_allgatherv = _starting(neighbours.allgatherv)
    Ineighbor_alltoall = _starting(neighbours.alltoall)
    Ineighbor_alltoallv = _starting(neighbours.alltoallv)
    Ineighbor_alltoallw = _starting(neighbours.alltoallw)
