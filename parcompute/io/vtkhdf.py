"""What makes the netCDF file a VTKHDF file as well: the group ``/VTKHDF``, of links and numbers.

The fields are linked, not copied: ``ImageData`` with a time step for each snapshot, whose cell
data are (time, z, y, x), (time, y, x) or (time, x), and one axis more for components.

The reader of VTK (9.3 to 9.7) wants three things that are not obvious (measured):

- ``Steps/Values`` must not be longer than ``NSteps``: it copies all values into memory for
  ``NSteps`` of them. Times must not decrease, nor be NaN. So ``/time``, which is NaN for snapshots
  to come, cannot be linked.
- With one step the file is not temporal, and the axis of time is taken for an axis of space.
- An axis that descends has a negative spacing. ``Direction`` is for this in theory, but VTK 9.3 to
  9.5 mirror the image or crash at the second step, and filters of 9.7 overlook it. Volume rendering
  of such an image is wrong; slices, surfaces, contours and probes are right.

So there are always as many steps as snapshots, at least 2, and steps to come repeat the last
snapshot, which ``CellDataOffsets`` allows. What changes while a run goes on are the numbers in two
contiguous datasets, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Put = Callable[[Any, slice, NDArray[Any]], None]
"""Writes values to a dataset, in the way of the file."""

GROUP = "VTKHDF"
VALUES = f"/{GROUP}/Steps/Values"
OFFSETS = f"/{GROUP}/Steps/Offsets"
_VERSION = (2, 0)  # the first with time steps


def link(
    file: Any, axes: Mapping[str, tuple[tuple[float, float], int]], names: Sequence[str]
) -> None:
    """Make the group in the open h5py `file`, which has ``/time`` and the fields already.

    In a parallel file every rank makes the same calls with the same values.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    axes : mapping of str to ((float, float), int)
        Where each axis begins and ends, in the order of its indices (it may descend), and how many
        cells it has; in [z, y, x] order.
    names : sequence of str
        The fields to show; each has one value, or one row of components, for each cell.
    """
    group = file.create_group(GROUP, track_order=True)
    group.attrs["Type"] = np.bytes_("ImageData")  # fixed length, ASCII
    group.attrs["Version"] = np.array(_VERSION, np.int64)
    walls, cells = zip(*axes.values(), strict=True)
    for key, value in _geometry(cells, walls).items():
        group.attrs[key] = value
    _link(group.create_group("CellData", track_order=True), {name: f"/{name}" for name in names})
    offsets = group.create_group("Steps/CellDataOffsets", track_order=True)
    _make_steps(file, max(2, len(file["time"])))
    _link(offsets, dict.fromkeys(names, OFFSETS))


def _make_steps(file: Any, count: int) -> None:
    file[f"{GROUP}/Steps"].attrs["NSteps"] = np.int64(count)
    values = file.create_dataset(VALUES, data=np.zeros(count))
    values.make_scale("Values")  # readers of netCDF want a name for every dimension
    offsets = file.create_dataset(OFFSETS, data=np.zeros(count, np.int64))
    offsets.dims[0].attach_scale(values)


def steps_done(file: Any, put: Put, n: int) -> None:
    """Let readers see the first `n` snapshots, whose times are in ``/time``.

    Nothing but the bytes of two contiguous datasets changes. In a parallel file every rank makes
    the same call, after ``/time`` was written.
    """
    if GROUP in file:
        count = len(file[VALUES])
        for name, values in zip((VALUES, OFFSETS), steps(file["time"][:n], count), strict=True):
            put(file[name], slice(0, count), values)


def steps(times: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the `count` times of the steps, and the snapshot that belongs to each.

    Parameters
    ----------
    times : ndarray
        Times of the snapshots that are complete; without any, all steps have the time 0.
    count : int
        How many steps there are in the file.
    """
    if not len(times):
        return np.zeros(count), np.zeros(count, np.int64)
    offsets = np.minimum(np.arange(count), len(times) - 1)
    return times[offsets], offsets


def _link(group: Any, targets: Mapping[str, str]) -> None:
    import h5py

    for name, target in targets.items():
        group[name] = h5py.SoftLink(target)


def _geometry(
    cells: Sequence[int], walls: Sequence[tuple[float, float]]
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """Return the attributes of the image, in [x, y, z] order; axes that are not there are flat."""
    flat = 3 - len(cells)
    counts = np.array([*reversed(cells), *(0,) * flat], np.int64)
    ends = np.array([*reversed(walls), *((0.0, 1.0),) * flat], np.float64)
    return {
        "WholeExtent": np.stack([np.zeros_like(counts), counts], axis=1).ravel(),
        "Origin": ends[:, 0],
        "Spacing": (ends[:, 1] - ends[:, 0]) / np.maximum(counts, 1),  # negative: descends
        "Direction": np.eye(3).ravel(),
    }
