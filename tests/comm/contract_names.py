"""What the module ``MPI`` has besides communicators."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from tests.comm.common import left, names, right

_WANTED = """
ANY_SOURCE ANY_TAG PROC_NULL UNDEFINED IN_PLACE COMM_WORLD COMM_SELF COMM_NULL GROUP_EMPTY
GROUP_NULL REQUEST_NULL DATATYPE_NULL INFO_NULL IDENT CONGRUENT SIMILAR UNEQUAL SUM PROD MAX MIN
LAND LOR LXOR BAND BOR BXOR MAXLOC MINLOC REPLACE NO_OP Comm Intracomm Cartcomm Topocomm Group
Request Prequest Status Message Datatype Op Exception Errhandler ERRORS_RETURN ERRORS_ARE_FATAL
Info BYTE CHAR SHORT INT LONG LONG_LONG FLOAT DOUBLE LONG_DOUBLE UNSIGNED UNSIGNED_LONG C_BOOL
BOOL INT8_T INT16_T INT32_T INT64_T UINT8_T UINT16_T UINT32_T UINT64_T COMPLEX DOUBLE_COMPLEX
C_FLOAT_COMPLEX C_DOUBLE_COMPLEX FLOAT_INT DOUBLE_INT INT_INT TWOINT INTEGER REAL DOUBLE_PRECISION
PACKED AINT OFFSET COUNT Wtime Wtick Get_processor_name Get_version Get_library_version Init
Init_thread Finalize Is_initialized Is_finalized Query_thread Is_thread_main Compute_dims
Get_error_class Get_error_string Alloc_mem Free_mem get_vendor Get_address THREAD_SINGLE
THREAD_FUNNELED THREAD_SERIALIZED THREAD_MULTIPLE ORDER_C ORDER_FORTRAN ORDER_F COMM_TYPE_SHARED
CART MAX_PROCESSOR_NAME MAX_ERROR_STRING MAX_LIBRARY_VERSION_STRING MAX_OBJECT_NAME TAG_UB
WTIME_IS_GLOBAL UNIVERSE_SIZE VERSION SUBVERSION KEYVAL_INVALID SUCCESS ERR_COMM ERR_RANK ERR_TAG
ERR_TYPE ERR_COUNT ERR_ROOT ERR_OP ERR_ARG ERR_TRUNCATE ERR_BUFFER ERR_GROUP ERR_TOPOLOGY ERR_DIMS
ERR_REQUEST ERR_UNKNOWN ERR_OTHER ERR_INTERN ERR_LASTCODE
"""


def check_names_that_programs_use(comm: Any) -> None:
    mpi = names(comm)
    assert [name for name in _WANTED.split() if not hasattr(mpi, name)] == []


def check_clock(comm: Any) -> None:
    mpi = names(comm)
    start = mpi.Wtime()
    time.sleep(0.01)
    assert 0.01 <= mpi.Wtime() - start < 5
    assert 0 < mpi.Wtick() < 0.01


def check_what_runs(comm: Any) -> None:
    mpi = names(comm)
    assert 0 < len(mpi.Get_processor_name()) <= mpi.MAX_PROCESSOR_NAME
    assert mpi.Get_version() >= (3, 0)
    assert mpi.get_vendor()[0] in mpi.Get_library_version()
    assert (mpi.Is_initialized(), mpi.Is_finalized()) == (True, False)
    assert mpi.Query_thread() >= mpi.THREAD_SINGLE
    assert mpi.Is_thread_main()


def check_error_classes(comm: Any) -> None:
    mpi = names(comm)
    assert mpi.SUCCESS == 0
    assert mpi.Get_error_class(mpi.ERR_RANK) == mpi.ERR_RANK
    assert "rank" in mpi.Get_error_string(mpi.ERR_RANK)
    error = mpi.Exception(mpi.ERR_TAG)
    assert error.Get_error_class() == error.error_class == mpi.ERR_TAG
    assert error.Get_error_code() == error.error_code == mpi.ERR_TAG
    assert str(error) == error.Get_error_string() == error.error_string
    assert "tag" in str(error)
    assert issubclass(mpi.Exception, RuntimeError)


def check_null_request(comm: Any) -> None:
    mpi, told = names(comm), names(comm).Status()
    null = mpi.REQUEST_NULL
    assert not null
    assert null.Wait(told)
    assert null.Test()
    assert (told.source, told.tag) == (mpi.ANY_SOURCE, mpi.ANY_TAG)
    requests = [null, comm.isend("one", right(comm), 1), null]
    assert comm.recv(source=left(comm), tag=1) == "one"
    assert mpi.Request.Waitall(requests)
    assert mpi.Request.Waitany([null, null]) == mpi.UNDEFINED


def check_kinds_of_things(comm: Any) -> None:
    mpi = names(comm)
    assert isinstance(mpi.DOUBLE, mpi.Datatype)
    assert isinstance(mpi.SUM, mpi.Op)
    assert isinstance(comm.group, mpi.Group)
    assert isinstance(comm.Send_init(b"", mpi.PROC_NULL), mpi.Prequest)
    assert isinstance(comm.Irecv(np.zeros(1), mpi.PROC_NULL), mpi.Request)
    assert isinstance(mpi.REQUEST_NULL, mpi.Request)


def check_memory(comm: Any) -> None:
    mpi = names(comm)
    memory = mpi.Alloc_mem(16)
    view = np.frombuffer(memory, np.uint8)
    view[:] = 3
    assert len(memory) == 16
    del view
    mpi.Free_mem(memory)
    array = np.zeros(2)
    assert mpi.Get_address(array) == array.ctypes.data


def check_hints(comm: Any) -> None:
    mpi = names(comm)
    hints = mpi.Info.Create()
    hints.Set("key", "value")
    hints["other"] = "more"
    assert (hints.Get("key"), hints.Get("missing"), hints.Get_nkeys()) == ("value", None, 2)
    assert dict(hints.items()) == {"key": "value", "other": "more"}
    assert (hints["key"], "other" in hints, len(hints)) == ("value", True, 2)
    hints.Delete("key")
    assert list(hints) == ["other"]
    twin = comm.Dup(hints)
    twin.Free()
    hints.Free()
    assert hints == mpi.INFO_NULL
    assert not hints


def check_names_that_nobody_has(comm: Any) -> None:
    mpi = names(comm)
    assert not hasattr(mpi, "No_such_name")
    with pytest.raises(AttributeError, match="No_such_name"):
        mpi.No_such_name()
