"""Change an HDF5 file so that a killed process leaves its old contents or the new, never a mix.

In a `transaction` h5py writes through an object that touches no byte of the old contents:

* what lies beyond the old end (chunks, mostly) goes to the file at once; the old superblock ends
  before it, so that HDF5 takes it for a dead tail and the next writer writes over it;
* what changes old bytes is kept in memory, and h5py reads it from there.

When h5py has closed the file, the changes go to a journal, ``.{name}.journal``, and then to their
places. `replay` completes what a killed process began: the journal is either complete, and writing
it again leads to the new contents, or it is not, and the old contents were never touched.

The journal is also the lock among writers, held from the begin of a transaction to its end. Whoever
opens such a file in another way, to change it or after its writer was killed, calls `replay` first.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from parcompute.io.overlay import Changes, Overlay, allocated_end, read_at
from parcompute.io.pieces import write_at

_MAGIC = b"pcjrnl1\n"
_HEADER = struct.Struct("<8sQQI")  # magic, length of the data file, of the payload, crc32 of it
_CHANGE = struct.Struct("<QQ")  # offset, length; the bytes follow
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # a file system without locks

_synchronize = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


@contextmanager
def transaction(path: Path, *, durable: bool = False) -> Iterator[Any]:
    """Open the HDF5 file to change it; all changes take effect when the block ends, or none.

    Readers may open the file meanwhile: they see the old contents. Who still has it open at the
    commit may read a mix afterwards, and has to open it again.

    It must not be called where the handler of a signal may raise: HDF5 can take no exception from
    the functions that it calls. Other threads than the main one have no such handlers.

    Parameters
    ----------
    path : Path
        An existing file.
    durable : bool
        Whether the guarantee also covers a crash of the machine (four synchronisations).

    Yields
    ------
    h5py.File
        Open for reading and writing; closed at the end of the block.

    Raises
    ------
    BlockingIOError
        If another process has the file open to change it.
    OSError
        If it cannot be written; the old contents stay.
    """
    with _opened(path, os.O_RDWR) as data, _journal(path) as journal, _naming(path):
        _complete(data, journal, durable)
        overlay = Overlay(data, allocated_end(data))
        try:
            with _h5py_file(overlay) as file:
                yield file
            _commit(path, overlay, journal, durable)
        except BaseException:
            if not _size(journal):  # else the journal will be replayed
                with suppress(OSError):
                    os.ftruncate(data, overlay.base)
            if overlay.failure is None:
                raise
            raise overlay.failure from None  # not what h5py makes of it
        finally:
            overlay.close()  # should an object of h5py be left


def replay(path: Path) -> bool:
    """Complete what a killed process began to write to the file; return whether there was any.

    Does nothing, and returns False, while a living process has the file open to change it.
    """
    if not _journal_of(path).exists():
        return False
    if not path.exists():
        _journal_of(path).unlink(missing_ok=True)
        return False
    with (
        suppress(BlockingIOError),
        _opened(path, os.O_RDWR) as data,
        _journal(path) as journal,
        _naming(path),
    ):
        return _complete(data, journal, durable=True)
    return False


@contextmanager
def _h5py_file(overlay: Overlay) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(overlay, "r+") as file:
            try:
                yield file
                file.flush()  # should an object that is still open keep HDF5 from closing the file
            except BaseException:
                overlay.active = False  # what HDF5 writes when it closes the file is in vain
                raise
        if overlay.failure:
            raise overlay.failure
    finally:
        overlay.active = False


def _commit(path: Path, overlay: Overlay, journal: int, durable: bool) -> None:
    """Write the changes to the journal, then to their places."""
    file = overlay.file
    changes = [(at, new) for at, new in overlay.changes() if _bytes_at(file, at, len(new)) != new]
    if durable:
        _synchronize(file)
    if changes:
        try:
            _write_journal(path, journal, _packed(changes, _size(file)), durable)
        except BaseException:
            os.ftruncate(journal, 0)
            raise
        _apply(file, changes, durable)
        os.ftruncate(journal, 0)
    if overlay.end < overlay.base:
        os.ftruncate(file, overlay.end)


def _complete(data: int, journal: int, durable: bool) -> bool:
    """Apply the journal if it is complete and belongs to this file; then empty it."""
    changes = _unpacked(_bytes_at(journal, 0, _size(journal)), _size(data))
    _apply(data, changes, durable and bool(changes))
    os.ftruncate(journal, 0)
    return bool(changes)


def _apply(file: int, changes: Changes, durable: bool) -> None:
    for offset, data in changes:
        write_at(file, offset, data)
    if durable:
        _synchronize(file)


def _write_journal(path: Path, journal: int, data: bytes, durable: bool) -> None:
    write_at(journal, 0, data)
    if durable:
        os.fsync(journal)
        with _opened(_journal_of(path).parent, os.O_RDONLY) as directory:
            os.fsync(directory)


def _packed(changes: Changes, length: int) -> bytes:
    payload = b"".join(_CHANGE.pack(at, len(data)) + data for at, data in changes)
    return _HEADER.pack(_MAGIC, length, len(payload), zlib.crc32(payload)) + payload


def _unpacked(journal: bytes, length: int) -> Changes:
    """Return the changes; none if the journal is damaged or of a file of another length."""
    if len(journal) < _HEADER.size:
        return []
    payload = journal[_HEADER.size :]
    if _HEADER.unpack_from(journal) != (_MAGIC, length, len(payload), zlib.crc32(payload)):
        return []
    changes, position = [], 0
    while position < len(payload):
        offset, size = _CHANGE.unpack_from(payload, position)
        position += _CHANGE.size
        changes.append((offset, payload[position : position + size]))
        position += size
    return changes


def _journal_of(path: Path) -> Path:
    real = path.resolve()  # a link to the file has the same journal
    return real.with_name(f".{real.name}.journal")


@contextmanager
def _journal(path: Path) -> Iterator[int]:
    """Open the journal, made if need be, and lock it; remove it unless it is to be replayed."""
    name = _journal_of(path)
    while True:
        with _opened(name, os.O_RDWR | os.O_CREAT) as journal:
            _lock(journal, fcntl.LOCK_EX, path)
            if not _is_at(journal, name):
                continue  # another writer removed it after we opened it, before we locked it
            try:
                yield journal
            finally:
                if _size(journal) == 0:
                    name.unlink(missing_ok=True)
            return


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags, 0o666)
    try:
        yield file
    finally:
        os.close(file)


def _lock(file: int, kind: int, path: Path) -> None:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        reason = "another process has it open to change it"
        raise BlockingIOError(error.errno, reason, str(path)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Give an error of a call that knows only the descriptor the name of the file."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise


def _size(file: int) -> int:
    return os.fstat(file).st_size


def _bytes_at(file: int, offset: int, size: int) -> bytes:
    data = bytearray(size)
    read_at(file, memoryview(data), offset)
    return bytes(data)
