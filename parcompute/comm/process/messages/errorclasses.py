"""The error classes of MPI, numbered as in MPICH."""

from __future__ import annotations

_TEXTS = """
0 SUCCESS No MPI error
1 ERR_BUFFER Invalid buffer pointer
2 ERR_COUNT Invalid count
3 ERR_TYPE Invalid datatype
4 ERR_TAG Invalid tag
5 ERR_COMM Invalid communicator
6 ERR_RANK Invalid rank
7 ERR_ROOT Invalid root
8 ERR_GROUP Invalid group
9 ERR_OP Invalid MPI_Op
10 ERR_TOPOLOGY Invalid topology
11 ERR_DIMS Invalid dimension argument
12 ERR_ARG Invalid argument
13 ERR_UNKNOWN Unknown error
14 ERR_TRUNCATE Message truncated
15 ERR_OTHER Other MPI error
16 ERR_INTERN Internal MPI error
17 ERR_IN_STATUS See the MPI_ERROR field in MPI_Status for the error code
18 ERR_PENDING Pending request (no error)
19 ERR_REQUEST Invalid MPI_Request
28 ERR_INFO Invalid MPI_Info
29 ERR_INFO_KEY Invalid MPI_Info key
30 ERR_INFO_VALUE Invalid MPI_Info value
31 ERR_INFO_NOKEY No MPI_Info key
33 ERR_NAME Invalid service name
34 ERR_NO_MEM Out of memory
44 ERR_UNSUPPORTED_OPERATION Unsupported operation
48 ERR_KEYVAL Invalid keyval
77 ERR_VALUE_TOO_LARGE Value too large
"""


def _parts(line: str) -> tuple[int, str, str]:
    number, name, text = line.split(maxsplit=2)
    return int(number), name, text


_LINES = [_parts(line) for line in _TEXTS.strip().splitlines()]

CLASSES = {name: number for number, name, _ in _LINES}
"""Name to number."""

ERR_LASTCODE = 2**30 - 1
"""No error class is larger."""

_SENTENCES = {number: text for number, _, text in _LINES}


def sentence_of(ierr: int) -> str:
    """Return what an error class means, in the words of MPICH."""
    return _SENTENCES.get(ierr, f"Unknown error class {ierr}")
