"""Poisson's equation -div grad u = f on cells: residual, Jacobi, red-black Gauss-Seidel and SOR.

With h the cell size along each axis,

    (A u)[i] = sum over axes of (2 u[i] - u[i-1] - u[i+1]) / h^2

where ghosts beyond walls come from the boundaries of u. The diagonal of A includes them, so that
sweeps are those of the matrix, which is symmetric and positive definite (or semidefinite, where all
walls are of Neumann's kind or periodic). See Briggs, Henson & McCormick, "A Multigrid Tutorial",
2000, chapters 2 and 4.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache, cached_property
from math import pi, sin
from typing import Any, NamedTuple

import numpy as np

from parcompute.field import Field
from parcompute.stencils import index, stencil, sweep
from parcompute.stencils.application import Application
from parcompute.stencils.apply import Stencil


class Stencils(NamedTuple):
    """Stencils for so many axes; `wz`, `wy`, `wx` are 1/h^2, of which only the last are used.

    Attributes
    ----------
    apply, residual : Stencil
        A u and f - A u.
    relax, jacobi : Stencil
        u + omega (f - A u) / diagonal for cells of one colour, and for all.
    """

    apply: Stencil
    residual: Stencil
    relax: Stencil
    jacobi: Stencil


@cache
def stencils(ndim: int) -> Stencils:
    """Return the stencils for `ndim` axes."""
    axes = range(ndim)
    here = (0,) * ndim
    up = [tuple(int(a == axis) for a in axes) for axis in axes]
    down = [tuple(-step for step in steps) for steps in up]

    def applied(u: Any, *weights: Any) -> Any:
        total = 0.0
        for axis in axes:
            total += weights[axis - ndim] * (2.0 * u[here] - u[down[axis]] - u[up[axis]])
        return total

    @stencil
    def apply(u: Any, *, wz: Any, wy: Any, wx: Any) -> Any:
        return applied(u, wz, wy, wx)

    @stencil
    def residual(u: Any, f: Any, *, wz: Any, wy: Any, wx: Any) -> Any:
        return f[here] - applied(u, wz, wy, wx)

    @stencil
    def relax(
        u: Any, f: Any, inverse: Any, *, wz: Any, wy: Any, wx: Any, omega: Any, colour: Any
    ) -> Any:
        new = u[here] + omega * inverse[here] * (f[here] - applied(u, wz, wy, wx))
        place = 0
        for axis in axes:
            place += index(axis)
        return new if place % 2 == int(colour) else u[here]

    @stencil
    def jacobi(u: Any, f: Any, inverse: Any, *, wz: Any, wy: Any, wx: Any, omega: Any) -> Any:
        return u[here] + omega * inverse[here] * (f[here] - applied(u, wz, wy, wx))

    return Stencils(apply, residual, relax, jacobi)


class Poisson:
    """-div grad u = f for a field u at cell centres.

    Parameters
    ----------
    u : Field
        The unknown, whose boundaries belong to the equation.
    f : Field
        The right-hand side, on the same grid.
    """

    def __init__(self, u: Field, f: Field) -> None:
        self.u, self.f = u, f
        grid = u.grid
        self._stencils = stencils(grid.ndim)
        weights = [0.0] * (3 - grid.ndim) + [h**-2 for h in grid.spacing]
        self._bound: dict[Hashable, list[Application]] = {}
        self._weights = dict(zip(("wz", "wy", "wx"), weights, strict=True))

    def apply(self, p: Field, out: Field) -> None:
        """Set `out` to A p; p has the boundaries of u, or their homogeneous form."""
        self._run("apply", (p,), out)

    def residual(self, r: Field) -> None:
        """Set r to f - A u."""
        self._run("residual", (self.u, self.f), r)

    def scale(self, r: Field, z: Field) -> None:
        """Set z to r / diagonal: Jacobi's preconditioner."""
        np.multiply(r.owned, self.inverse.owned, out=z.owned)

    def jacobi(self, sweeps: int, *, omega: float = 1.0) -> None:
        """Make sweeps of damped Jacobi."""
        self._run("jacobi", (self.u, self.f, self.inverse), self.u, sweeps, omega=omega)

    def sor(self, sweeps: int, *, omega: float) -> None:
        """Make red-black sweeps of successive over-relaxation, 0 < omega < 2."""
        fields = self.u, self.f, self.inverse
        self._run("relax", fields, self.u, sweeps, [0, 1], omega=omega)

    def _run(
        self,
        name: str,
        fields: tuple[Field, ...],
        out: Field,
        sweeps: int = 1,
        colours: Sequence[int] = (),
        **scalars: float,
    ) -> None:
        """Apply a stencil; what is bound is kept, since on few cells binding takes longest."""
        key = (name, *fields, out, *scalars.values())
        if key not in self._bound:
            bind = getattr(self._stencils, name).on
            scalars |= self._weights
            turns = [{"colour": colour} for colour in colours] or [{}]
            self._bound[key] = [bind(*fields, out=out, **scalars, **turn) for turn in turns]
        sweep(self._bound[key], sweeps=sweeps)

    def smooth(self, sweeps: int) -> None:
        """Make red-black Gauss-Seidel sweeps."""
        self.sor(sweeps, omega=1.0)

    def solve(self) -> None:
        """Solve by SOR on few cells: the error falls by 10^-8 or more."""
        longest = max(self.u.grid.shape_global)
        self.sor(1 if longest == 1 else 4 * longest, omega=self.best_omega)

    @property
    def best_omega(self) -> float:
        """The factor for which SOR is fastest in a square or cube of as many cells."""
        longest = max(2, *self.u.grid.shape_global)
        return 2.0 / (1.0 + sin(pi / longest))

    @cached_property
    def inverse(self) -> Field:
        """1 / diagonal of A; 0 where that is 0.

        A applied to 1 on cells of one colour and 0 on the others gives the diagonal on the former,
        whatever the boundaries are.
        """
        inverse = self.u.like("inverse diagonal", homogeneous=True)
        trial, image = self.u.like("trial", homogeneous=True), self.u.like("image")
        box = self.u.grid.box
        places = np.ogrid[tuple(slice(a, b) for a, b in zip(box.start, box.stop, strict=True))]
        for colour in (0, 1):
            ours = sum(places) % 2 == colour
            trial.owned[...] = ours
            self.apply(trial, image)
            np.divide(1.0, image.owned, out=inverse.owned, where=ours & (image.owned != 0))
        return inverse
