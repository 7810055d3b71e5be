"""Conjugate gradients on fields, without a matrix (Hestenes & Stiefel, J. Res. NBS 49, 1952).

The numbers have the same bits on any number of ranks, since the dot products have.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from parcompute.field import Field
from parcompute.stencils import stencil, sweep
from parcompute.stencils.apply import Stencil


@cache
def _updates(ndim: int) -> tuple[Stencil, Stencil]:
    """Return u + a p with r - a q, and z + b p."""
    here = (0,) * ndim

    @stencil
    def advance(u: Any, r: Any, p: Any, q: Any, *, a: Any) -> Any:
        return u[here] + a * p[here], r[here] - a * q[here]

    @stencil
    def turn(p: Any, z: Any, *, b: Any) -> Any:
        return z[here] + b * p[here]

    return advance, turn


class ConjugateGradients:
    """Solves A u = f for a symmetric positive definite A, an iteration at a time.

    Parameters
    ----------
    apply : callable
        ``apply(p, q)`` sets q to A p; p has the homogeneous boundaries of u.
    residual : callable
        ``residual(r)`` sets r to f - A u.
    u : Field
        The unknown; it holds the first guess.
    precondition : callable, optional
        ``precondition(r, z)`` sets z to an approximation of the solution of A z = r, by a symmetric
        positive definite operation.

    Attributes
    ----------
    r, p : Field
        Residual and direction of search. With u they are all that an iteration depends on.

    Examples
    --------
    >>> import parcompute as pc
    >>> from parcompute.algorithms import ConjugateGradients
    >>> @pc.stencil
    ... def operator(u):
    ...     return 2.0 * u[0] - u[-1] - u[1]
    >>> grid = pc.Grid((4,), comm=pc.serial())
    >>> u, f = grid.field("u", boundary=pc.Fixed(0.0)), grid.field("f")
    >>> f[...] = [1.0, 0.0, 0.0, 1.0]
    >>> def residual(r):
    ...     operator(u, out=r)
    ...     r.owned[...] = f.owned - r.owned
    >>> solver = ConjugateGradients(lambda p, q: operator(p, out=q), residual, u)
    >>> solver.start()
    >>> solver.step()
    >>> solver.step()
    >>> u[...].round(12).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        apply: Callable[[Field, Field], None],
        residual: Callable[[Field], None],
        u: Field,
        precondition: Callable[[Field, Field], None] | None = None,
    ) -> None:
        self.u = u
        self.r, self.p = (u.like(name, homogeneous=True) for name in ("r", "p"))
        self._q = u.like("q")
        self._z = self.r if precondition is None else u.like("z", homogeneous=True)
        self._apply, self._residual, self._precondition = apply, residual, precondition
        self._rho: float | None = None
        self._advance, self._turn = _updates(u.grid.ndim)

    def start(self) -> None:
        """Begin from what u holds."""
        self._residual(self.r)
        self._improved()
        self.p.owned[...] = self._z.owned
        self._rho = None  # which the first step finds from r, whether set here or by a restart

    def step(self) -> None:
        """Make one iteration; nothing changes once the residual is 0."""
        rho = self._improved() if self._rho is None else self._rho
        self._apply(self.p, self._q)
        curvature = self.p.dot(self._q)
        if not curvature:
            return
        a = rho / curvature
        sweep([self._advance.on(self.u, self.r, self.p, self._q, a=a)])
        self._rho = self._improved()
        self._turn(self.p, self._z, b=self._rho / rho)

    def _improved(self) -> float:
        """Apply the preconditioner to r; return the dot product of both."""
        if self._precondition is not None:
            self._precondition(self.r, self._z)
        rho: float = self.r.dot(self._z)
        return rho
