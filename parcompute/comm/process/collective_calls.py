"""The collective calls of a communicator, blocking and non-blocking, by mpi4py's names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from parcompute.comm.process import buffer_collectives as buffers
from parcompute.comm.process import buffer_reductions as reductions
from parcompute.comm.process import collectives as objects
from parcompute.comm.process.channel import Channel, Steps, Task
from parcompute.comm.process.ops import SUM

_P = ParamSpec("_P")
_Algorithm = Callable[Concatenate[Channel, _P], Steps]


def _blocking(steps: _Algorithm[_P]) -> Callable[Concatenate[Any, _P], Any]:
    """Return the method that runs a collective call to its end."""

    @wraps(steps)
    def call(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> Any:
        channel = self._hidden
        return channel.run(steps(channel, *args, **kwargs))

    return call


def _starting(steps: _Algorithm[_P]) -> Callable[Concatenate[Any, _P], Task]:
    """Return the method that starts a collective call; its request is complete when the call is."""

    @wraps(steps)
    def call(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> Task:
        channel: Channel = self._hidden
        return channel.start(steps(channel, *args, **kwargs))

    return call


class CollectiveCalls:
    """What all ranks of a communicator call together, in the same order.

    Lowercase calls move objects, uppercase ones buffers; those that begin with ``I`` return a
    `Request`, and go on whenever the rank waits for anything. The arguments are those of the
    functions that they are made of.
    """

    _hidden: Channel

    barrier = _blocking(objects.barrier)
    bcast = _blocking(objects.bcast)
    scatter = _blocking(objects.scatter)
    gather = _blocking(objects.gather)
    allgather = _blocking(objects.allgather)
    alltoall = _blocking(objects.alltoall)
    reduce = _blocking(objects.reduce)

    def allreduce(self, sendobj: Any, op: objects.Combine = SUM) -> Any:
        """Return the objects combined in rank order on every rank."""
        channel = self._hidden
        if channel.size == 2:
            return objects.allreduce_of_two(channel, sendobj, op)
        return channel.run(objects.allreduce(channel, sendobj, op))

    scan = _blocking(objects.scan)
    exscan = _blocking(objects.exscan)

    Barrier = _blocking(objects.barrier)
    Ibarrier = _starting(objects.barrier)
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
    Allreduce = _blocking(reductions.allreduce)
    Iallreduce = _starting(reductions.allreduce)
    Scan = _blocking(reductions.scan)
    Iscan = _starting(reductions.scan)
    Exscan = _blocking(reductions.exscan)
    Iexscan = _starting(reductions.exscan)
    Reduce_scatter = _blocking(reductions.reduce_scatter)
    Ireduce_scatter = _starting(reductions.reduce_scatter)
    Reduce_scatter_block = _blocking(reductions.reduce_scatter_block)
    Ireduce_scatter_block = _starting(reductions.reduce_scatter_block)
