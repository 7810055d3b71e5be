"""Take a file of a run back to the snapshots that it had at a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parcompute.box import Box
from parcompute.errors import ConfigError
from parcompute.io.filters import Filters
from parcompute.io.journal import replay, transaction
from parcompute.io.layout import Layout, define
from parcompute.io.pieces import cut
from parcompute.io.pwrite import put
from parcompute.io.vtkhdf import steps_done

_AT_A_TIME = 64 * 2**20  # bytes that are copied


def rewind(path: Path, layout: Layout, filters: Filters | None, kept: Sequence[int]) -> None:
    """Keep the snapshots of the steps `kept` and no others, with room for all of `layout`.

    Raises
    ------
    ConfigError
        If the file cannot be read, or lacks one of them.
    """
    import h5py

    try:
        replay(path)
        with h5py.File(path, "r", locking=False) as file:
            steps = file["step"][:].tolist()
            same = len(steps) == layout.snapshots and steps[: len(kept)] == list(kept)
    except (OSError, KeyError) as error:
        raise ConfigError(
            f"'{path}', to which the run would add, cannot be read: {error}."
        ) from None
    missing = [step for step in kept if step not in steps]
    if missing:
        raise ConfigError(
            f"'{path}' has no snapshot of step {missing[0]}, which the run had written: it cannot "
            f"go on without."
        )
    if same:
        with transaction(path) as file:
            _forget(file, layout, len(kept))
            _tell(file, layout.attributes)
    else:
        _rebuild(path, layout, filters, [steps.index(step) for step in kept])


def _forget(file: Any, layout: Layout, count: int) -> None:
    """Mark the snapshots from `count` on as not written."""
    for name in ("time", *layout.series):
        file[name][count:] = np.nan
    file["step"][count:] = -1
    for particles in layout.particles:
        file[particles.count][count:] = 0
        rows = int(file[particles.count][:].sum())
        for name in (particles.name, *map(particles.dataset, particles.columns)):
            file[name].resize(rows, axis=0)
    steps_done(file, put, count)


def _tell(file: Any, attributes: Mapping[str, str]) -> None:
    """Add a line to the history, and say how the run is made now."""
    lines = [str(file.attrs.get("history", "")), attributes.get("history", "")]
    file.attrs.update(attributes)
    if "history" in attributes:
        file.attrs["history"] = "\n".join(filter(None, lines))


def _rebuild(path: Path, layout: Layout, filters: Filters | None, kept: Sequence[int]) -> None:
    """Make the file anew, with copies of its snapshots number `kept`."""
    import h5py

    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)
    try:
        with (
            h5py.File(path, "r", locking=False) as old,
            h5py.File(draft, "w-", track_order=True, locking=False) as new,
        ):
            define(new, layout, filters)
            history = {"history": str(old.attrs.get("history", ""))}
            new.attrs.update(history)
            _tell(new, layout.attributes)
            for index, source in enumerate(kept):
                _copy(old, new, layout, source, index)
            steps_done(new, put, len(kept))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _copy(old: Any, new: Any, layout: Layout, source: int, index: int) -> None:
    for variable in layout.variables:
        shape = layout.shape_of(variable)[1:]
        for box in cut(Box.of_shape(shape), variable.dtype.itemsize, _AT_A_TIME):
            new[variable.name][(index, *box.slices)] = old[variable.name][(source, *box.slices)]
    for particles in layout.particles:
        begin = int(old[particles.count][:source].sum())
        count = int(old[particles.count][source])
        size = len(new[particles.name])
        for name in (particles.name, *map(particles.dataset, particles.columns)):
            new[name].resize(size + count, axis=0)
            new[name][size:] = old[name][begin : begin + count]
        new[particles.name][size:] = index
        new[particles.count][index] = count
    for name in ("time", *layout.series, "step"):
        new[name][index] = old[name][source]
