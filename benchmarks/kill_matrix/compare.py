"""Whether a run that was resumed has the results and the files of one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

_COMPLETE = {
    ".hydra",
    "checkpoints",
    "diagnostics.csv",
    "fields.h5",
    "log.txt",
    "preview.png",
    "run.json",
    "timings.json",
}
_HYDRA = {"config.yaml", "hydra.yaml", "overrides.yaml"}
_KEPT = 2  # checkpoints


def differences(folder: Path, reference: Path) -> list[str]:
    """Return what differs in ``fields.h5`` and ``diagnostics.csv``."""
    found = []
    ours, theirs = ((f / "diagnostics.csv").read_text() for f in (folder, reference))
    if ours != theirs:
        rows = zip(ours.splitlines(), theirs.splitlines(), strict=False)
        first = next(((a, b) for a, b in rows if a != b), ("another number of rows", ""))
        found.append(f"diagnostics.csv: {first[0]} | {first[1]}")
    try:
        with h5py.File(folder / "fields.h5") as a, h5py.File(reference / "fields.h5") as b:
            names = {*_datasets(a), *_datasets(b)}
            found += filter(None, (_difference(a, b, name) for name in sorted(names)))
    except OSError as error:
        found.append(f"fields.h5: {error}")
    return found


def _datasets(file: Any) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, node: names.append(name) if hasattr(node, "dtype") else None)
    return names


def _difference(a: Any, b: Any, name: str) -> str | None:
    if name not in a or name not in b:
        return f"{name}: only in the {'reference' if name not in a else 'resumed run'}"
    ours, theirs = a[name][()], b[name][()]
    if np.shape(ours) != np.shape(theirs) or a[name].dtype != b[name].dtype:
        return f"{name}: {np.shape(ours)} {a[name].dtype}, not {np.shape(theirs)} {b[name].dtype}"
    if a[name].dtype.kind == "O" or not np.ndim(ours):
        return None if np.array_equal(ours, theirs) else f"{name}: {ours} != {theirs}"
    bytes_ours, bytes_theirs = _bytes(ours), _bytes(theirs)
    unequal = np.flatnonzero(np.any(bytes_ours != bytes_theirs, axis=1))
    if not len(unequal):
        return None
    at = np.unravel_index(unequal[0], ours.shape)
    place = [int(i) for i in at]
    return f"{name}: {len(unequal)} values, first at {place}: {ours[at]} != {theirs[at]}"


def _bytes(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat.view(np.uint8).reshape(len(flat), values.dtype.itemsize)


def left_files(folder: Path) -> list[str]:
    """Return what does not belong into the directory of a complete run."""
    checkpoints = sorted(path.name for path in folder.glob("checkpoints/*"))
    good = [name for name in checkpoints if name.startswith("step_") and name.endswith(".h5")]
    return [
        *sorted({path.name for path in folder.iterdir()} - _COMPLETE),
        *sorted({path.name for path in folder.glob(".hydra/*")} - _HYDRA),
        *(name for name in checkpoints if name not in good[-_KEPT:]),
    ]
