"""The exact solution of the dam break over a flat bed, wet (Stoker) or dry (Ritter) downstream.

J. J. Stoker, "Water Waves" (1957), section 10.8; A. Ritter, Z. Ver. Deut. Ing. 36 (1892) 947; O.
Delestre et al., Int. J. Numer. Meth. Fluids 72 (2013) 269, section 4.1.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parcompute.errors import ConfigError

_HALVINGS = 200


class DamBreak:
    """Still water of two depths, parted at x = 0 until time 0.

    Parameters
    ----------
    left, right : float
        Depths [m]; left > right >= 0.
    gravity : float
        Acceleration [m/s^2].

    Attributes
    ----------
    middle, u, shock : float
        Depth [m] and velocity [m/s] behind the bore, and speed of the bore [m/s]. Over a dry bed
        the depth is 0, and both speeds are those of the front.

    Raises
    ------
    ConfigError
        If the depths are not as they should be.
    """

    def __init__(self, left: float, right: float, gravity: float = 9.81) -> None:
        if not left > right >= 0:
            raise ConfigError(
                f"A dam needs more water on the left than on the right, and no negative depth; got "
                f"{left} and {right}."
            )
        self.left, self.right, self.gravity = left, right, gravity
        self.middle = self._middle() if right > 0 else 0.0
        self.u = 2 * (sqrt(gravity * left) - sqrt(gravity * self.middle))
        self.shock = self.u * self.middle / (self.middle - right) if right > 0 else self.u

    @property
    def fastest(self) -> float:
        """The largest |velocity| + sqrt(gravity depth) of the solution [m/s]."""
        return max(sqrt(self.gravity * self.left), self.u + sqrt(self.gravity * self.middle))

    def _middle(self) -> float:
        """Find by bisection the depth for which the rarefaction and the bore have one velocity."""
        low, high, g = self.right, self.left, self.gravity
        for _ in range(_HALVINGS):
            h = 0.5 * (low + high)
            bore = (h - self.right) * sqrt(0.5 * g * (h + self.right) / (h * self.right))
            if 2 * (sqrt(g * self.left) - sqrt(g * h)) > bore:
                low = h
            else:
                high = h
        return 0.5 * (low + high)

    def __call__(self, speeds: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return depth and velocity where x/t has these values."""
        s, c = np.asarray(speeds, dtype=np.float64), sqrt(self.gravity * self.left)
        tail = self.u - sqrt(self.gravity * self.middle)
        places = [s <= -c, s < tail, s < self.shock]
        fan = (2 * c - np.clip(s, -c, 2 * c)) ** 2 / (9 * self.gravity)
        depth = np.select(places, [np.full_like(s, self.left), fan, self.middle], self.right)
        velocity = np.select(places, [np.zeros_like(s), 2 / 3 * (c + s), self.u], 0.0)
        return depth, velocity
