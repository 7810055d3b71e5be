"""How long waves take over a sea, without solving for the waves: Dijkstra's shortest paths."""

from __future__ import annotations

from math import gcd

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

_FAR = 3  # cells that a step goes at most along an axis
_STEPS = range(-_FAR, _FAR + 1)
_MOVES = [(y, x) for y in _STEPS for x in _STEPS if gcd(y, x) == 1]


def travel_times(depth: np.ndarray, spacing: tuple[float, ...], sources: np.ndarray) -> np.ndarray:
    """Return the shortest times from some cells to all at the speed sqrt(g depth); inf on land [s].

    Parameters
    ----------
    depth : ndarray
        Of the water, 0 on land [m].
    spacing : tuple of float
        Size of the cells [m].
    sources : ndarray
        Flat indices of the cells where waves begin.
    """
    (ny, nx), place = depth.shape, np.arange(depth.size).reshape(depth.shape)
    slowness = np.full((ny + 2 * _FAR, nx + 2 * _FAR), np.inf)
    inner = slowness[_FAR:-_FAR, _FAR:-_FAR]
    inner[depth > 0] = 1 / np.sqrt(9.81 * depth[depth > 0])
    begins, ends, times = [], [], []
    for y, x in _MOVES:
        parts = 2 * max(abs(y), abs(x))
        way = [(_FAR + round(y * k / parts), _FAR + round(x * k / parts)) for k in range(parts + 1)]
        time = np.mean([slowness[j : j + ny, i : i + nx] for j, i in way], axis=0)
        is_water = np.isfinite(time)
        begins.append(place[is_water])
        ends.append(place[is_water] + y * nx + x)
        times.append(time[is_water] * np.hypot(y * spacing[0], x * spacing[1]))
    edges = (np.concatenate(begins), np.concatenate(ends))
    graph = coo_array((np.concatenate(times), edges), shape=(ny * nx,) * 2)
    return dijkstra(graph.tocsr(), indices=sources, min_only=True).reshape(depth.shape)
