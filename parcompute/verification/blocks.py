"""Where cells lie among the blocks of the ranks: whose they are, how far from a border."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Index
from parcompute.decomposition import Decomposition, block

Cells = NDArray[np.int64]
"""Global indices, shape (n, number of axes); along one axis, shape (n,)."""


class Border(NamedTuple):
    """The border between blocks that is nearest to a cell.

    Attributes
    ----------
    distance : int
        Cells between; 0: the cell is the last one of its block.
    axis : int
        The axis along which the border is crossed.
    neighbour : int
        The rank behind it.
    """

    distance: int
    axis: int
    neighbour: int


def nearest_border(blocks: Decomposition, cell: Index) -> Border | None:
    """Return the border that is nearest to `cell`, None if there is none."""
    rank = blocks.owner(cell)
    box = blocks.box(rank)
    found = []
    for axis, i in enumerate(cell):
        for side, distance in ((-1, i - box.start[axis]), (1, box.stop[axis] - 1 - i)):
            direction = tuple(side * (a == axis) for a in range(blocks.ndim))
            peer = blocks.topology.neighbour(rank, direction)
            if peer not in (None, rank):
                found.append(Border(distance, axis, peer))
    return min(found, default=None)


def to_borders(blocks: Decomposition, cells: Cells) -> NDArray[np.float64]:
    """Return the distance of each cell to the nearest border between blocks; infinity: none."""
    along = [_borders_along(blocks, axis, cells[:, axis]) for axis in range(blocks.ndim)]
    nearest: NDArray[np.float64] = np.min(along, axis=0)
    return nearest


def depth(blocks: Decomposition, rank: int) -> float:
    """Return the largest distance of a cell of `rank` to the nearest border; infinity: none."""
    box = blocks.box(rank)
    spans = enumerate(zip(box.start, box.stop, strict=True))
    return min(float(_borders_along(blocks, axis, np.arange(*ab)).max()) for axis, ab in spans)


def owners(blocks: Decomposition, cells: Cells) -> list[int]:
    """Return the ranks that own any of the cells."""
    boxes = [(rank, blocks.box(rank)) for rank in range(blocks.topology.size)]
    return [
        rank for rank, box in boxes if ((cells >= box.start) & (cells < box.stop)).all(axis=1).any()
    ]


def _borders_along(blocks: Decomposition, axis: int, cells: Cells) -> NDArray[np.float64]:
    """Return the distance to the nearest border that is crossed along `axis`."""
    low, high = _to_ends(blocks, axis, cells).astype(np.float64)
    wraps = blocks.topology.periods[axis] and blocks.topology.dims[axis] > 1
    if not wraps:  # the outermost ends are walls, or the block's own other end
        low[low == cells] = np.inf
        high[high == blocks.shape_global[axis] - 1 - cells] = np.inf
    nearest: NDArray[np.float64] = np.minimum(low, high)
    return nearest


def to_edges(blocks: Decomposition, cells: Cells) -> NDArray[np.int64]:
    """Return the distance to the end of the block along each axis, a border or not; as `cells`."""
    ends = [_to_ends(blocks, axis, cells[:, axis]).min(axis=0) for axis in range(blocks.ndim)]
    return np.stack(ends, axis=1)


def _to_ends(blocks: Decomposition, axis: int, cells: Cells) -> Cells:
    """Return the distances to the low and to the high end of the block, shape (2, n)."""
    parts, extent = blocks.topology.dims[axis], blocks.shape_global[axis]
    ends = np.array([block(part, parts, extent) for part in range(parts)])
    start, stop = ends[np.searchsorted(ends[:, 1], cells, side="right")].T
    return np.array([cells - start, stop - 1 - cells])
