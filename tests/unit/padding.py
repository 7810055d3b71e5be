"""What a padded array must hold: `numpy.pad`, then the formula of each boundary, cell by cell."""

from __future__ import annotations

import inspect

import numpy as np

import parcompute as pc


def padded(array, width, sides, spacing, *, extent=None, faces=None, time=0.0):
    """Pad a global array axis by axis: wrap periodic axes, fill the ghosts of walls.

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
    extent : sequence of (float, float), optional
        Positions of the walls; default unit cells.
    faces : sequence of bool, optional
        The axes along which the values lie on lower faces.
    time : float
        For boundaries that vary.
    """
    cells = array.shape
    extent = extent or [(0.0, float(n)) for n in cells]
    faces = faces or [False] * array.ndim
    wraps = [pair is None for pair in sides]
    lines = [line(*case) for case in zip(extent, cells, faces, strict=True)]
    for axis, (pair, w, h) in enumerate(zip(sides, width, spacing, strict=True)):
        ends = [(0, 0)] * array.ndim
        ends[axis] = (w, w)
        array = np.pad(array, ends, mode="wrap" if pair is None else "constant")
        for low in (True, False) if pair is not None and w else ():
            wall = extent[axis][not low]
            done = [w if a < axis else 0 for a, w in enumerate(width)]
            value = _on_wall(pair[not low], axis, wall, lines, done, wraps, extent, faces, time)
            whole = np.moveaxis(array, axis, 0)[:: 1 if low else -1]
            _apply(pair[not low], whole[:w][::-1], whole[w:-w], faces[axis], low, h, value, time)
    return array


def line(extent, cells, face):
    """Return the positions of centres or lower faces along an axis."""
    low, high = extent
    return low + (np.arange(cells) + (0 if face else 0.5)) * ((high - low) / cells)


def value_of(boundary):
    """Return what the user gave: a number, an array or a function."""
    for name in ("value", "gradient", "c"):
        if hasattr(boundary, name):
            return getattr(boundary, name)
    return 0.0


def _on_wall(boundary, axis, wall, lines, done, wraps, extent, faces, time):
    """Return a value on the wall, extended along the axes that are padded already."""
    value = value_of(boundary)
    across = [a for a in range(len(lines)) if a != axis]
    if not callable(value):
        value = np.asarray(value)
        for k, a in enumerate(across if value.ndim else ()):
            ends = [(0, 0)] * value.ndim
            ends[k] = (done[a], done[a])
            value = np.pad(value, ends, mode="wrap" if wraps[a] else "edge")
        return value
    beside = []
    for a, points in enumerate(lines):
        beside.append(np.pad(points, done[a], mode="wrap" if wraps[a] else "edge"))
        if faces[a] and done[a] and not wraps[a]:
            beside[a][-done[a] :] = extent[a][1]
    beside[axis] = np.array([wall])
    mesh = np.meshgrid(*beside, indexing="ij")
    timed = {"t": time} if "t" in inspect.signature(value).parameters else {}
    return np.broadcast_to(value(*mesh, **timed), mesh[0].shape).squeeze(axis)


def _apply(boundary, ghosts, inner, face, low, h, value, time):
    """Fill the ghosts (the nearest to the wall first) of one side."""
    if isinstance(boundary, pc.Custom):
        boundary.function(ghosts, inner, time)
        return
    if isinstance(boundary, pc.Extrapolating):
        slope = inner[0] - inner[1] if boundary.order else 0 * inner[0]
        for k in range(len(ghosts)):
            ghosts[k] = inner[0] + (k + 1) * slope
        return
    on_wall = None
    if face and low:
        on_wall, inner = inner[0, ...], inner[1:]
    elif face:
        on_wall, ghosts = ghosts[0, ...], ghosts[1:]
    if on_wall is not None:
        _set_wall(boundary, on_wall, inner, low, h, value)
    for k in range(len(ghosts)):
        distance = 2 * (k + 1) * h if face else (2 * k + 1) * h
        ghosts[k] = _ghost(boundary, on_wall, inner[k], distance, value)


def _set_wall(boundary, wall, inner, low, h, value):
    if isinstance(boundary, pc.Dirichlet | pc.Fixed):
        wall[...] = value
    elif isinstance(boundary, pc.Robin) and boundary.b == 0:
        wall[...] = value / boundary.a
    elif isinstance(boundary, pc.Reflecting) and boundary.parity == "odd":
        wall[...] = 0
    elif not low:  # a u + b (3 u - 4 i + j) / 2h = c
        a, b = (boundary.a, boundary.b) if isinstance(boundary, pc.Robin) else (0, 1)
        wall[...] = (2 * h * value + b * (4 * inner[0] - inner[1])) / (2 * h * a + 3 * b)


def _ghost(boundary, wall, mirror, distance, value):
    match boundary:
        case pc.Dirichlet():
            return 2 * value - mirror
        case pc.Fixed():
            return value
        case pc.Neumann():
            return mirror + value * distance
        case pc.Reflecting(parity="even"):
            return mirror
        case pc.Reflecting(parity="odd"):
            return -mirror
        case pc.Robin(a=a, b=0):
            return 2 * value / a - mirror
        case pc.Robin(a=a, b=b) if wall is None:  # a (g + m) / 2 + b (g - m) / d = c
            return (value + mirror * (b / distance - a / 2)) / (b / distance + a / 2)
        case pc.Robin(a=a, b=b):
            return mirror + distance * (value - a * wall) / b
    raise AssertionError(boundary)


def by_layers(filler, array, time=0.0):
    """Fill the ghosts of an array cell by cell, as the layers and constants of a filler say."""
    kind = array.dtype.type
    with np.errstate(over="ignore"):
        for side in filler.sides:
            lines = np.moveaxis(array, side.axis, 0)
            n = side._wall.shape[side.axis]
            w = (len(lines) - n) // 2
            constants = np.broadcast_to(side.constants(time), (len(side.layers), *lines.shape[1:]))
            for layer, constant in zip(side.layers, constants, strict=True):
                target = w - layer.target - 1 if side.low else w + n + layer.target
                for index in np.ndindex(lines.shape[1:]):
                    terms = [
                        kind(factor) * lines[(w + s if side.low else w + n - 1 - s, *index)]
                        for factor, s in layer.terms
                    ]
                    total = kind(terms[0] + terms[1]) if len(terms) == 2 else (terms or [None])[0]
                    value = constant[index] if total is None else total + constant[index]
                    lines[(target, *index)] = value
    return array
