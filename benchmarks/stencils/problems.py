"""The problems that every peer solves: parameters and initial values, in NumPy alone.

Arrays have the index order [z, y, x] and unit spacing. Initial values are smooth and nowhere near
zero, so that no peer computes with denormal numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEAT2D = 0.2  # alpha dt / h^2 [-]
HEAT3D = 0.15
GRAY_SCOTT = {"du": 0.1, "dv": 0.05, "f": 0.04, "k": 0.06}
SHALLOW = {"depth": 10.0, "g": 0.05, "cor": 0.001, "s": 0.2}
"""Depth [m], gravity x dt/h, Coriolis parameter x dt, dt/h."""
LAPLACE8 = (-2.84722222, 1.6, -0.2, 2.53968254e-2, -1.78571429e-3)
"""Weights of the second derivative of order 8 at distances 0 to 4, to the 9 digits of Devito."""

Box = tuple[slice, ...]

_VALUES = {  # field: (mean, amplitude, phase)
    "u": (1.0, 0.5, 0.0),
    "prev": (1.0, 0.5, 0.0),
    "m": (0.06, 0.03, 1.0),  # dt^2 v^2 / h^2, stable below 0.2
    "v": (0.5, 0.2, 0.5),
    "eta": (0.2, 0.1, 0.0),  # height above the sea level [m]
    "east": (0.02, 0.01, 0.7),  # velocity through the face to the next cell
    "north": (0.02, 0.01, 1.4),
}


def plane(name: str, shape: tuple[int, ...], index: int, box: Box = ()) -> NDArray[np.float64]:
    """Return the initial values of a field at `index` along axis 0.

    Parameters
    ----------
    name : str
        Name of the field.
    shape : tuple of int
        Cells of the whole grid.
    index : int
        Global index along axis 0.
    box : tuple of slice
        The part that is wanted along the other axes; default all.
    """
    mean, amplitude, phase = _VALUES[name]
    value: Any = amplitude * math.sin(2 * math.pi * (index + 0.5) / shape[0] + phase)
    for axis, n in enumerate(shape[1:]):
        wanted = box[axis] if box else slice(None)
        wave = np.sin(2 * np.pi * (np.arange(n)[wanted] + 0.5) / n + phase)
        value = value * wave.reshape((-1, *(1,) * (len(shape) - 2 - axis)))
    return np.asarray(mean + value)


def fill(array: NDArray[np.float64], name: str, shape: tuple[int, ...], box: Box) -> None:
    """Put the initial values of the cells `box` into `array`, plane by plane."""
    for row, index in enumerate(range(box[0].start, box[0].stop)):
        array[row] = plane(name, shape, index, box[1:])
