"""The exact solution of the Riemann problem of an ideal gas.

Two states meet at x = 0; the solution depends on x/t alone. E. F. Toro, "Riemann Solvers and
Numerical Methods for Fluid Dynamics", 3rd ed. (Springer 2009), chapter 4.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parcompute.errors import ConfigError

_ITERATIONS, _CLOSE = 100, 1e-14


class Gas(NamedTuple):
    """A uniform state: density, velocity and pressure."""

    rho: float
    u: float
    p: float


class RiemannProblem:
    """Two states of a gas that meet at x = 0 at time 0.

    Parameters
    ----------
    left, right : Gas
        The states; densities and pressures are positive.
    gamma : float
        Ratio of specific heats.

    Attributes
    ----------
    p, u : float
        Pressure and velocity between the two outer waves.

    Raises
    ------
    ConfigError
        If a density or pressure is not positive, or the states part so fast that a vacuum forms.
    """

    def __init__(self, left: Gas, right: Gas, gamma: float = 1.4) -> None:
        self.left, self.right, self.gamma = Gas(*left), Gas(*right), gamma
        for state in (self.left, self.right):
            if not (state.rho > 0 and state.p > 0):
                raise ConfigError(
                    f"Density and pressure of a gas must be positive, got {state.rho} and "
                    f"{state.p}."
                )
        fastest = 2 / (gamma - 1) * (self._sound(self.left) + self._sound(self.right))
        if right.u - left.u >= fastest:
            raise ConfigError(
                f"The gases part at the speed {right.u - left.u:.6g}, from {fastest:.6g} on a "
                f"vacuum forms between them: use less different velocities."
            )
        self.p = self._pressure()
        jumps = self._jump(self.p, self.right)[0] - self._jump(self.p, self.left)[0]
        self.u = 0.5 * (self.left.u + self.right.u + jumps)

    def __call__(
        self, speeds: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return density, velocity and pressure where x/t has these values."""
        s = np.asarray(speeds, dtype=np.float64)
        on_left = self._side(s, self.left, 1.0)
        on_right = self._side(-s, self.right, -1.0)
        rho, u, p = (np.where(s < self.u, a, b) for a, b in zip(on_left, on_right, strict=True))
        return rho, u, p

    @property
    def fastest(self) -> float:
        """The largest |velocity| + speed of sound of the solution."""
        speeds = []
        for state in (self.left, self.right):
            density = self._density(state)
            speeds += [abs(state.u) + self._sound(state)]
            speeds += [abs(self.u) + sqrt(self.gamma * self.p / density)]
        return max(speeds)

    def _sound(self, state: Gas) -> float:
        return sqrt(self.gamma * state.p / state.rho)

    def _pressure(self) -> float:
        """Solve for the pressure between the waves by Newton's method, from two rarefactions."""
        a, b, g = self.left, self.right, self.gamma
        z = (g - 1) / (2 * g)
        part = self._sound(a) + self._sound(b) - (g - 1) / 2 * (b.u - a.u)
        p = float((part / (self._sound(a) / a.p**z + self._sound(b) / b.p**z)) ** (1 / z))
        for _ in range(_ITERATIONS):
            (f_a, slope_a), (f_b, slope_b) = self._jump(p, a), self._jump(p, b)
            new = max(p - (f_a + f_b + b.u - a.u) / (slope_a + slope_b), 1e-3 * p)
            if abs(new - p) <= _CLOSE * new:
                return new
            p = new
        return p

    def _jump(self, p: float, state: Gas) -> tuple[float, float]:
        """Return the change of velocity across a wave up to the pressure `p`, and its slope."""
        g, c = self.gamma, self._sound(state)
        if p > state.p:  # a shock
            a, b = 2 / ((g + 1) * state.rho), (g - 1) / (g + 1) * state.p
            root = sqrt(a / (p + b))
            return (p - state.p) * root, root * (1 - 0.5 * (p - state.p) / (p + b))
        ratio = p / state.p
        change = 2 * c / (g - 1) * (ratio ** ((g - 1) / (2 * g)) - 1)
        return change, ratio ** (-(g + 1) / (2 * g)) / (state.rho * c)

    def _density(self, state: Gas) -> float:
        """Return the density between this side's wave and the contact."""
        g, ratio = self.gamma, self.p / state.p
        if ratio > 1:
            return state.rho * (ratio * (g + 1) + g - 1) / (ratio * (g - 1) + g + 1)
        return float(state.rho * ratio ** (1 / g))

    def _side(
        self, s: NDArray[np.float64], state: Gas, sign: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the solution on one side of the contact; `sign` -1 mirrors the right side."""
        g, c, u, ratio = self.gamma, self._sound(state), sign * state.u, self.p / state.p
        inner = (np.full_like(s, v) for v in (self._density(state), sign * self.u, self.p))
        rho_in, u_in, p_in = inner
        if ratio > 1:
            head = tail = u - c * sqrt((g + 1) / (2 * g) * ratio + (g - 1) / (2 * g))
        else:
            head, tail = u - c, sign * self.u - c * ratio ** ((g - 1) / (2 * g))
        sound = np.clip(2 / (g + 1) * (c + (g - 1) / 2 * (u - s)), 0.0, c)  # in the fan
        fan = (sound / c) ** (2 / (g - 1))
        inside, outside = s >= tail, s <= head
        rho = np.where(inside, rho_in, np.where(outside, state.rho, state.rho * fan))
        speed = np.where(inside, u_in, np.where(outside, u, s + sound))
        p = np.where(inside, p_in, np.where(outside, state.p, state.p * fan**g))
        return rho, sign * speed, p
