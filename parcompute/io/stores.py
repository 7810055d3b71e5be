"""Ways for the ranks to write one ordinary HDF5 file; `open_store` takes the best.

``mpio``
    All ranks write through parallel HDF5, collectively. Needs the MPI engine and an h5py that was
    built with MPI.
``pwrite``
    Rank 0 makes the file with its datasets allocated, and closes it; then every rank writes its
    rows at their place. Sound only for contiguous, unfiltered, native, allocated datasets, with
    all ranks on one host.
``chunks``
    Compressed data without parallel HDF5: every rank compresses a share of the chunks, and rank 0
    adds them to the file.
``gathered``
    Rank 0 gathers slabs and writes them.

A snapshot is *prepared* by the main thread of every rank together, *written* by another thread
while the run goes on, and *committed* by all together: only then does it have a step.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from parcompute.comm import Communicator
from parcompute.comm.mpi import is_mpi
from parcompute.errors import ConfigError
from parcompute.io.commit import Commit
from parcompute.io.filters import Filters
from parcompute.io.pieces import Piece
from parcompute.reductions import all_true

WRITERS = ("auto", "mpio", "pwrite", "gathered")

Define = Callable[[Any], None]
"""Makes everything in a new file, which h5py has open."""


class Store(Protocol):
    """A file to which all ranks write.

    Attributes
    ----------
    name : str
        How it writes, for the user.
    overlaps : bool
        Whether `write` may be called by another thread than the main one.
    """

    name: str
    overlaps: bool

    def prepare(self, pieces: Sequence[Piece]) -> Any:
        """Return what `write` needs of the pieces, which must not change before it; collective."""

    def write(self, prepared: Any) -> None:
        """Write; it may raise OSError on any rank."""

    def commit(self, commit: Commit) -> None:
        """Complete a snapshot; collective."""

    def sync(self) -> None:
        """Bring everything to the disk; collective."""

    def close(self) -> None:
        """Bring everything to the disk, and close the file; collective."""


def open_store(
    path: Path,
    define: Define | None,
    comm: Communicator,
    *,
    writer: str = "auto",
    filters: Filters | None = None,
) -> Store:
    """Make the file at `path` with `define`, or open it if that is None; collective.

    Raises
    ------
    ConfigError
        If the forced `writer` cannot be used here.
    ParcomputeError
        On every rank, if the file cannot be made.
    """
    from parcompute.io import chunks, gathered, mpio, pwrite

    collective = filters is None or filters.is_collective
    if writer in ("auto", "mpio") and collective and all_true(comm, _is_parallel(comm)):
        return mpio.MpioStore(path, define, comm)
    if writer == "mpio":
        if not collective:
            raise ConfigError("output.writer=mpio compresses with gzip only: use that, or no mpio.")
        raise ConfigError(
            "output.writer=mpio needs MPI ranks and an h5py that was built with parallel HDF5; "
            "leave it out, or see 'Parallel HDF5' in docs/cluster.md."
        )
    if filters is not None:
        return chunks.ChunkStore(path, define, comm, filters)
    one_host = all_true(comm, _host() == comm.bcast(_host()))
    if writer == "pwrite" or (writer == "auto" and one_host):
        return pwrite.PwriteStore(path, define, comm)
    return gathered.GatheredStore(path, define, comm)


def _is_parallel(comm: Communicator) -> bool:
    import h5py

    return bool(h5py.get_config().mpi) and is_mpi(comm)


def _host() -> str:
    return os.environ.get("SLURMD_NODENAME", "") + platform.node()
