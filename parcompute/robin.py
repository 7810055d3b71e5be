"""The boundary that mixes value and derivative."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from parcompute.boundary import Boundary, check_value
from parcompute.errors import ConfigError
from parcompute.walls import Layer, Rule, Side, Value


@dataclass(frozen=True, eq=False)
class Robin(Boundary):
    """On the wall a u + b du/dn = c, with du/dn along the outward normal; second order.

    Heat loss to surroundings of temperature T is a = transfer coefficient, b = conductivity,
    c = a T. With d the distance of a ghost from its mirror image,

    - centres: (a/2 + b/d) ghost = c + (b/d - a/2) mirror;
    - faces: ghost = mirror + (c - a wall) d/b, where the face on the low wall is computed like any
      other and that on the high wall solves (a + 3b/2h) wall = c + (4 f - g) b/2h with f and g the
      two faces before it. With b = 0 it is ``Dirichlet(c / a)``.

    Parameters
    ----------
    a, b : number
        Coefficients of the value and of the derivative [b is a times a length].
    c : number, ndarray or function
        As the value of `Dirichlet`.

    Raises
    ------
    ConfigError
        If a and b are both 0, or cancel out: a/2 + b/d = 0, or a + 3b/2h = 0 on faces.
    """

    a: float
    b: float
    c: Value = 0.0

    def __post_init__(self) -> None:
        check_value(self, "c", self.c)
        for name, number in (("a", self.a), ("b", self.b)):
            if callable(number) or np.ndim(number) or np.asarray(number).dtype.kind not in "biuf":
                raise ConfigError(
                    f"Robin(a, b, c) expected a real number for {name}, got {number!r}: only c may "
                    f"vary along the wall."
                )
        if self.a == 0 and self.b == 0:
            raise ConfigError("Robin(a, b, c) expected a or b to differ from 0, got a = b = 0.")

    def homogeneous(self) -> Robin:
        """Return the boundary with c = 0."""
        return replace(self, c=0.0)

    def _value(self) -> Value:
        return self.c

    def _rules(self, side: Side) -> list[Rule]:
        if side.integral:
            raise ConfigError(
                "Robin is not for fields of integers or booleans: make the field with dtype=float."
            )
        if self.b == 0:
            return side.odd(2.0 / self.a, 1.0 / self.a)
        if not side.face:
            return [self._at_centres(side, target) for target in side.beyond]
        wall = [] if side.low else [self._on_high_wall(side)]
        return wall + [self._beyond_face(side, target) for target in side.beyond]

    def _at_centres(self, side: Side, target: int) -> Rule:
        slope = self.b / side.distance(target)
        total = self._nonzero(slope + self.a / 2, side)
        return Layer(target, (((slope - self.a / 2) / total, side.mirror(target)),)), 1.0 / total

    def _on_high_wall(self, side: Side) -> Rule:
        slope = self.b / (2 * side.spacing)
        total = self._nonzero(3 * slope + self.a, side)
        return Layer(0, ((4 * slope / total, 0), (-slope / total, 1))), 1.0 / total

    def _beyond_face(self, side: Side, target: int) -> Rule:
        ratio = side.distance(target) / self.b
        terms = ((1.0, side.mirror(target)), (-self.a * ratio, side.from_wall))
        return Layer(target, terms), ratio

    def _nonzero(self, total: float, side: Side) -> float:
        if total == 0:
            raise ConfigError(
                f"Robin(a={self.a}, b={self.b}, c) expected coefficients that give a ghost cell, "
                f"but they cancel out for cells of size {side.spacing}: change a, b or the grid."
            )
        return total
