"""Checkpoints: files that hold all of a run, are complete or not there, and can be checked.

A checkpoint is written under another name, brought to the disk, read again, and then renamed: what
has the name ``step_*.h5`` was complete. Arrays stand in it as a whole, so that any number of ranks
can go on from it. Checksums (CRC-32) cover blocks of at most 4 MiB of them, and everything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.io import blocks
from parcompute.io.blocks import DamagedError, Part, checksum, compare
from parcompute.io.collective import errors_of_hdf5, on_root
from parcompute.io.layout import contiguous
from parcompute.io.pieces import sync
from parcompute.io.pwrite import PwriteStore
from parcompute.io.stores import Store, open_store

FORMAT = 1
FOLDER = "checkpoints"
_KEPT = 2

Tables = dict[str, NDArray[np.int64]]
"""For each array, a row for each block: where it begins and ends, and its checksum."""


def path_of(folder: Path, step: int) -> Path:
    """Return the name of the checkpoint at `step` of the run in `folder`."""
    return folder / FOLDER / f"step_{step:09d}.h5"


def found(folder: Path) -> list[Path]:
    """Return the checkpoints of the run in `folder`, the latest first."""
    return _by_step(folder / FOLDER)


def _by_step(folder: Path) -> list[Path]:
    names = (path for path in folder.glob("step_*.h5") if path.stem[5:].isdecimal())
    return sorted(names, key=lambda path: int(path.stem[5:]), reverse=True)


def last_step(folder: Path) -> int | None:
    """Return the step of the latest checkpoint of the run in `folder`, None if it has none."""
    return next((int(path.stem.removeprefix("step_")) for path in found(folder)), None)


def save(
    comm: Communicator,
    path: Path,
    parts: Sequence[Part],
    manifest: Mapping[str, Any],
    state: bytes,
    *,
    writer: str = "auto",
) -> None:
    """Write a checkpoint, check it, and remove all but the last two; collective.

    Parameters
    ----------
    path : Path
        From `path_of`.
    parts : sequence of Part
        This rank's parts of all arrays, the same arrays on every rank.
    manifest : mapping
        Plain values (JSON) to be kept with it.
    state : bytes
        Anything else, from rank 0.

    Raises
    ------
    ParcomputeError
        On every rank, if it cannot be written; earlier checkpoints stay as they are.
    """
    draft = path.with_name(f".{path.name}.part")
    try:
        on_root(comm, _prepare, draft)
        store = open_store(draft, lambda file: _define(file, parts), comm, writer=writer)
        tables = _write(comm, draft, store, parts)
        store.close()
        on_root(comm, _finish, draft, manifest, tables, state)
        if isinstance(store, PwriteStore):
            on_root(comm, _read_manifest, draft)  # the blocks have been read again
        else:
            verify(comm, draft)
        on_root(comm, _publish, draft, path)
    finally:
        if comm.Get_rank() == 0:
            with suppress(OSError):  # the error under way tells
                draft.unlink()


def _prepare(draft: Path) -> None:
    draft.parent.mkdir(exist_ok=True)
    draft.unlink(missing_ok=True)


def _define(file: Any, parts: Sequence[Part]) -> None:
    for part in parts:
        file.require_group(part.name.rpartition("/")[0])
        if 0 in part.shape:
            growing = (None,) * len(part.shape)  # not contiguous: there are no bytes to be placed
            file.create_dataset(part.name, part.shape, part.values.dtype, maxshape=growing)
        else:
            contiguous(file, part.name, part.shape, part.values.dtype)


def _write(
    comm: Communicator, path: Path, store: Store, parts: Sequence[Part]
) -> list[tuple[str, NDArray[np.int64]]]:
    """Write all parts; return the tables of all ranks on rank 0."""
    columns = {part.name: 2 * len(part.shape) + 1 for part in parts}
    tables = [
        (name, np.array(rows, np.int64).reshape(-1, columns[name]))
        for name, rows in blocks.write_all(comm, path, store, parts)
    ]
    gathered = comm.gather(tables)
    return [table for of_rank in gathered or [] for table in of_rank]


def _finish(
    draft: Path,
    manifest: Mapping[str, Any],
    tables: Sequence[tuple[str, NDArray[np.int64]]],
    state: bytes,
) -> None:
    """Add what was not known before, and bring the file to the disk; on rank 0."""
    import h5py

    with errors_of_hdf5(draft), h5py.File(draft, "r+", locking=False) as file:
        sums = {}
        for name in dict.fromkeys(name for name, _ in tables):
            rows = np.concatenate([table for n, table in tables if n == name])
            file[f"blocks/{name}"] = rows
            sums[name] = checksum(rows)
        file["state"] = np.frombuffer(state, np.uint8)
        arrays = {name: [file[name].dtype.str, list(file[name].shape)] for name in sums}
        text = json.dumps(
            {**manifest, "arrays": arrays, "blocks": sums, "state": checksum(state)}
        ).encode()
        file["manifest"] = np.frombuffer(text, np.uint8)
        file.attrs["format"] = FORMAT
        file.attrs["manifest_crc32"] = checksum(text)
    sync(draft)


def _publish(draft: Path, path: Path) -> None:
    draft.replace(path)
    sync(path.parent)
    tidy(path.parent)


def tidy(folder: Path) -> None:
    """Remove all but the last two checkpoints, and what a killed process began to write."""
    for old in _by_step(folder)[_KEPT:]:
        old.unlink()
    for left in folder.glob(".step_*.part"):
        left.unlink()


def verify(comm: Communicator, path: Path) -> dict[str, Any]:
    """Check a checkpoint, every rank a share of the blocks; return its manifest; collective.

    Raises
    ------
    DamagedError
        On every rank, saying what is wrong.
    """
    result: tuple[dict[str, Any], Tables] | str = ""
    if comm.Get_rank() == 0:
        result = _attempt(_read_manifest, path)
    result = comm.bcast(result)
    if isinstance(result, str):
        raise DamagedError(result)
    manifest, tables = result
    share = [
        (name, row)
        for name, table in tables.items()
        for row in table[comm.Get_rank() :: comm.Get_size()]
    ]
    _agree(comm, _attempt(blocks.check, path, share))
    return manifest


def _agree(comm: Communicator, outcome: Any) -> None:
    """Raise DamagedError on every rank if the outcome of any is a sentence."""
    problem = comm.allreduce(outcome if isinstance(outcome, str) else None, op=_either)
    if problem is not None:
        raise DamagedError(problem)


def _attempt(function: Any, *args: Any) -> Any:
    """Return the result, or a sentence about what is wrong with the file."""
    try:
        return function(*args)
    except DamagedError as error:
        return str(error)
    except Exception as error:  # damage may lead HDF5 and h5py to anything
        text = str(error).strip("'").strip('"') or type(error).__name__
        return f"it cannot be read ({text.splitlines()[0]})"


def _either(a: str | None, b: str | None) -> str | None:
    return b if a is None else a


def _read_manifest(path: Path) -> tuple[dict[str, Any], Tables]:
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        if file.attrs["format"] != FORMAT:
            raise DamagedError(
                f"it has format {file.attrs['format']}, this parcompute reads {FORMAT}"
            )
        text = file["manifest"][...].tobytes()
        compare("manifest", checksum(text), file.attrs["manifest_crc32"])
        manifest: dict[str, Any] = json.loads(text)
        compare("state", checksum(file["state"][...]), manifest["state"])
        tables = {name: file[f"blocks/{name}"][...] for name in manifest["blocks"]}
        for name, table in tables.items():
            compare(f"table of '{name}'", checksum(table), manifest["blocks"][name])
            got = [file[name].dtype.str, list(file[name].shape)]
            if got != manifest["arrays"][name]:
                raise DamagedError(f"'{name}' is {got}, not {manifest['arrays'][name]}")
    return manifest, tables


class Checkpoint:
    """A checkpoint that was found to be sound; every rank reads what it needs.

    Attributes
    ----------
    path : Path
        The file.
    manifest : dict
        As given to `save`, and ``arrays``: type and shape by name.
    state : bytes
        As given to `save`.

    Raises
    ------
    DamagedError
        On every rank, if it is damaged.
    """

    def __init__(self, comm: Communicator, path: Path) -> None:
        self.path = path
        self.manifest = verify(comm, path)
        self.state: bytes = on_root(comm, self._read_state)

    def _read_state(self) -> bytes:
        import h5py

        with h5py.File(self.path, "r", locking=False) as file:
            state: bytes = file["state"][...].tobytes()
            return state

    def shape(self, name: str) -> Index:
        """Return the shape of an array."""
        return tuple(self.manifest["arrays"][name][1])

    def dtype(self, name: str) -> str:
        """Return the name of the type of an array."""
        return str(np.dtype(self.manifest["arrays"][name][0]))

    def read(self, name: str, box: Box) -> NDArray[Any]:
        """Return the values of an array in `box`."""
        import h5py

        with h5py.File(self.path, "r", locking=False) as file:
            values: NDArray[Any] = file[name][box.slices]
            return values
