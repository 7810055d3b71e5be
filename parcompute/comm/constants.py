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


class InPlace:
    """The type of `IN_PLACE`."""

    def __repr__(self) -> str:
        return "IN_PLACE"

    def __reduce__(self) -> str:
        return "IN_PLACE"


IN_PLACE = InPlace()
"""Instead of a send buffer: the data are in the receive buffer already."""

IDENT, CONGRUENT, SIMILAR, UNEQUAL = range(4)
"""How communicators and groups compare."""

CART = 2
"""The topology of a Cartesian communicator."""

ORDER_C, ORDER_FORTRAN = 56, 57
"""Which axis of an array varies fastest: the last, the first."""

COMM_TYPE_SHARED = 1
"""Split_type: by shared memory."""

SELF_CONTEXT = -4
"""Context of the messages in COMM_SELF; -3 is that of its collective calls."""

_CALLS = """
Accept Bsend Bsend_init Connect Create_dist_graph Create_graph Ibsend Idup Irsend Rsend Spawn
"""

UNSUPPORTED = frozenset(_CALLS.split())
"""Calls of mpi4py's Intracomm that only ``backend=mpi`` has (so far)."""

_NAMES = """
BOTTOM BSEND_OVERHEAD BUFFER_AUTOMATIC DISPLACEMENT_CURRENT DISP_CUR DIST_GRAPH Distgraphcomm
FILE_NULL File GRAPH Graphcomm Grequest Intercomm LASTUSEDCODE MESSAGE_NO_PROC MESSAGE_NULL OP_NULL
Pickle ROOT SESSION_NULL Session UNWEIGHTED WEIGHTS_EMPTY Win
"""

UNSUPPORTED_NAMES = frozenset(_NAMES.split())
"""Names of mpi4py's ``MPI`` that only ``backend=mpi`` has."""

UNSUPPORTED_PREFIXES = ("MODE_", "WIN_", "LOCK_", "SEEK_", "DISTRIBUTE_")
"""How further such names begin."""
