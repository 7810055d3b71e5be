"""What a padded array must hold, by `numpy.pad`."""

from __future__ import annotations

import numpy as np

from parcompute import Dirichlet, Neumann


def padded(array, width, sides, spacing):
    """Pad a global array axis by axis: wrap periodic axes, mirror at walls.

    Parameters
    ----------
    array : ndarray
        Owned cells of the whole grid.
    width : tuple of int
        Cells to add on both sides of each axis.
    sides : sequence of (Boundary, Boundary), or None
        None for an axis that wraps around.
    spacing : sequence of float
        Cell size along each axis.
    """
    for axis, (pair, w, h) in enumerate(zip(sides, width, spacing, strict=True)):
        ends = [(0, 0)] * array.ndim
        ends[axis] = (w, w)
        array = np.pad(array, ends, mode="wrap" if pair is None else "symmetric")
        if pair is not None and w:
            whole = np.moveaxis(array, axis, 0)
            _apply(pair[0], whole[:w][::-1], h)
            _apply(pair[1], whole[-w:], h)
    return array


def _apply(boundary, ghosts, spacing):
    """Turn mirror images, the nearest to the wall first, into ghosts."""
    for k in range(len(ghosts)):
        if isinstance(boundary, Dirichlet):
            ghosts[k] = 2 * boundary.value - ghosts[k]
        elif isinstance(boundary, Neumann):
            ghosts[k] += boundary.gradient * ((2 * k + 1) * spacing)
