"""Special ranks and tags of the serial and the process engine (mpi4py has its own values)."""

from __future__ import annotations

PROC_NULL = -1
"""A neighbour that does not exist: messages to and from it are complete at once."""

ANY_SOURCE = -2
"""Receive from whichever rank sends."""

ANY_TAG = -1
"""Receive a message of any tag."""

UNDEFINED = -32766
"""No such index, count or color."""

TAG_UB = 2**31 - 1
"""The largest tag."""

_CALLS = """
Accept Allgather Allgatherv Allreduce Alltoall Alltoallv Alltoallw Bsend Bsend_init Clone Connect
Create Create_cart Create_dist_graph Create_graph Create_group Exscan Gather Gatherv Iallgather
Iallreduce Ialltoall Ibarrier Ibcast Ibsend Idup Igather Ireduce Irsend Iscan Iscatter Reduce
Reduce_scatter Rsend Scan Scatter Scatterv Spawn Split Split_type exscan scan
"""

UNSUPPORTED = frozenset(_CALLS.split())
"""Calls of mpi4py's Intracomm that only ``backend=mpi`` has (so far)."""
