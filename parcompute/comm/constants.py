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
Accept Ack_failed Agree Allgather_init Allgatherv_init Allreduce_init Alltoall_init Alltoallv_init
Alltoallw_init Attach_buffer Barrier_init Bcast_init Bsend_init Call_errhandler Cart_map Connect
Create_dist_graph Create_dist_graph_adjacent Create_errhandler Create_from_group Create_graph
Create_intercomm Detach_buffer Exscan_init Flush_buffer Gather_init Gatherv_init Get_failed
Get_info Graph_map Iagree Idup Idup_with_info Iflush_buffer Is_revoked Isendrecv Isendrecv_replace
Ishrink Join Neighbor_allgather_init Neighbor_allgatherv_init Neighbor_alltoall_init
Neighbor_alltoallv_init Neighbor_alltoallw_init Precv_init Psend_init Reduce_init
Reduce_scatter_block_init Reduce_scatter_init Revoke Scan_init Scatter_init Scatterv_init Set_info
Shrink Spawn Spawn_multiple f2py free fromhandle fromint handle info py2f toint
"""

UNSUPPORTED = frozenset(_CALLS.split())
"""Calls of mpi4py's Intracomm and Cartcomm that only ``backend=mpi`` has."""

_NAMES = """
Add_error_class Add_error_code Add_error_string Aint_add Aint_diff BFLOAT16_T BOTTOM
BSEND_OVERHEAD BUFFER_AUTOMATIC BottomType BufferAutomaticType COMPLEX4 COMPLEX32 Close_port
DISPLACEMENT_CURRENT DISP_CUR DIST_GRAPH Distgraphcomm ERRHANDLER_NULL FILE_NULL F_ERROR F_SOURCE
F_STATUS_SIZE F_TAG File Flush_buffer GRAPH Get_abi_fortran_info Get_abi_info Get_abi_version
Get_hw_resource_info Graphcomm Grequest INFO_ENV INTEGER16 Iflush_buffer InPlaceType Intercomm
LASTUSEDCODE LOGICAL16 Lookup_name MESSAGE_NO_PROC MESSAGE_NULL Open_port Pcontrol Pickle
Publish_name REAL16 ROOT Register_datarep Remove_error_class Remove_error_code Remove_error_string
SESSION_NULL Session UNWEIGHTED Unpublish_name WEIGHTS_EMPTY Win buffer memory pickle
"""

UNSUPPORTED_NAMES = frozenset(_NAMES.split())
"""Names of mpi4py's ``MPI`` that only ``backend=mpi`` has."""

UNSUPPORTED_PREFIXES = (
    *("COMBINER_", "COMM_TYPE_", "DISTRIBUTE_", "ERR_", "LOCK_", "MAX_", "MODE_", "SEEK_"),
    *("TYPECLASS_", "WIN_"),
)
"""How further such names begin."""
