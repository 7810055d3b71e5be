"""What users call: `stencil`, `block_stencil`, and `sweep` for several in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from parcompute import settings
from parcompute.errors import ConfigError, StencilError
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.stencils.application import Applicable, Application, Clock, Scalar
from parcompute.stencils.formula import Reach
from parcompute.stencils.numpy_engine import numpy_function, uses_places
from parcompute.stencils.parse import parse
from parcompute.stencils.sequence import BoundSequence
from parcompute.stencils.typing import FIELD_TYPES, TypedFormula, typed
from parcompute.stencils.works import ReferenceWork

Reduced = float | int | tuple[Any, ...] | None


def sweep(
    applications: Sequence[Application], *, sweeps: int = 1, clock: Clock | None = None
) -> Reduced:
    """Run applications in turn, the whole sequence `sweeps` times; collective.

    Each kernel sees what those before it have computed. The sequence is tiled in time as a whole.

    Parameters
    ----------
    applications : sequence of Application
        Made by ``stencil.on(…)``, on fields of one grid.
    sweeps : int
        How many times.
    clock : Clock, optional
        When the sweeps happen; needed where boundaries or scalars are functions of time.

    Returns
    -------
    None, number or tuple
        What the stencils reduce, in the last sweep; a tuple if there are several reductions.

    Raises
    ------
    ConfigError
        If the applications do not belong together, or `sweeps` is no whole number from 0 on.
    """
    _check_sweeps(applications, sweeps)
    chosen = settings.current()
    grid = applications[0].fields[0].grid
    key = ("sweep", chosen, *(a.key for a in applications))
    if key not in grid.plans:
        grid.plans[key] = BoundSequence(applications, chosen)
    bound: BoundSequence = grid.plans[key]
    numbers = [n for part in bound.run(applications, sweeps, clock) for n in part]
    if not numbers:
        return None
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def described(grids: Iterable[Grid]) -> list[str]:
    """Return how the stencils on these grids have been computed, a line for each sequence."""
    lines = [
        bound.describe()
        for grid in grids
        for bound in grid.plans.values()
        if isinstance(bound, BoundSequence)
    ]
    return list(dict.fromkeys(lines))


def _check_sweeps(applications: Sequence[Application], sweeps: int) -> None:
    if not isinstance(sweeps, int | np.integer) or isinstance(sweeps, bool) or sweeps < 0:
        raise ConfigError(f"sweeps must be a whole number from 0 on, got {sweeps!r}.")
    if not applications or not all(isinstance(a, Application) for a in applications):
        raise ConfigError(
            f"pc.sweep takes a list of stencil.on(…), at least one, got {applications!r}."
        )
    for application in applications:
        application.check_sweeps(sweeps)
    if sweeps == 0 and any(a.stencil.reductions for a in applications):
        raise ConfigError("A stencil that reduces needs at least one sweep, got sweeps=0.")
    grids = {a.fields[0].grid for a in applications}
    if len(grids) > 1:
        raise ConfigError("pc.sweep takes stencils on fields of one grid, got several grids.")


class _Callable(Applicable):
    """Stencils that can be called at once."""

    def __call__(
        self,
        *fields: Field,
        out: Field | Sequence[Field] | None = None,
        sweeps: int = 1,
        clock: Clock | None = None,
        **scalars: Scalar,
    ) -> Reduced:
        """Compute new values of `out` on all cells, `sweeps` times; collective.

        See `on` for fields, `out` and scalars, and `sweep` for `sweeps`, `clock` and what is
        returned.
        """
        return sweep([self.on(*fields, out=out, **scalars)], sweeps=sweeps, clock=clock)


class Stencil(_Callable):
    """A function of relative offsets, compiled for the engine in force (see `stencil`)."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.formula = parse(function)
        self.name = self.formula.name
        self.field_names, self.scalar_names = self.formula.fields, self.formula.scalars
        self.outputs = len(self.formula.results)
        self.reductions = self.formula.reductions
        self.corners = self.formula.corners
        self._typed: dict[Any, TypedFormula] = {}

    def reaches(self, ndim: int) -> list[Reach]:
        """Return how far each input field is read below and above the cell."""
        return [self.formula.reach[name] for name in self.field_names]

    def check(self, application: Application) -> None:
        """Raise if types of fields and scalars do not suit the formula."""
        self.typed(application)

    def typed(self, application: Application) -> TypedFormula:
        """Return the formula for the types of these fields and scalars."""
        fields = {
            name: field.dtype.name
            for name, field in zip(self.field_names, application.fields, strict=True)
        }
        outputs = [(field.name, field.dtype.name) for field in application.results]
        for name in (*fields.values(), *(dtype for _, dtype in outputs)):
            if name not in FIELD_TYPES:
                raise ConfigError(
                    f"Stencil '{self.name}' takes fields of type {', '.join(FIELD_TYPES)}, "
                    f"got {name}."
                )
        kinds = application.scalar_kinds()
        key = (*fields.values(), *kinds.values(), *outputs)
        if key not in self._typed:
            self._typed[key] = typed(self.formula, fields, kinds, outputs)
        return self._typed[key]

    def whole(self, application: Application) -> tuple[bool, ...]:
        """Return for each reduction whether it is of whole numbers."""
        return self.typed(application).whole

    def work(self, application: Application) -> ReferenceWork:
        """Return the application on the numpy engine."""
        formula = self.typed(application)
        reads = [
            (self.field_names.index(field), tuple(-o for o in offset), offset)
            for field, offset in self.formula.offsets
        ]
        function = numpy_function(formula)
        places = uses_places(formula)
        zeros = () if places else (0,) * (2 * self.formula.ndim)

        def kernel(*arguments: Any) -> Sequence[Any]:
            results: Sequence[Any] = function(*arguments, *zeros)
            return results

        return ReferenceWork(application, kernel, reads, places=places)


class BlockStencil(_Callable):
    """An ordinary function of NumPy blocks (see `block_stencil`)."""

    def __init__(self, function: Callable[..., Any], radius: int, corners: bool) -> None:
        update_wrapper(self, function)
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.function, self.radius, self.corners = function, radius, corners
        self.name, self.outputs = function.__name__, 1
        self.field_names = names[: code.co_argcount]
        self.scalar_names = names[code.co_argcount :]
        self.reductions = ()

    def reaches(self, ndim: int) -> list[Reach]:
        """Return how far each input field is read below and above the cell."""
        radius = (self.radius,) * ndim
        return [(radius, radius) for _ in self.field_names]

    def work(self, application: Application) -> ReferenceWork:
        """Return the application: the function itself, on blocks."""
        count = len(application.fields)
        reach = (self.radius,) * application.fields[0].grid.ndim

        def function(*arguments: Any) -> tuple[Any]:
            blocks, scalars = arguments[:count], arguments[count:]
            result = self.function(*blocks, **dict(zip(self.scalar_names, scalars, strict=True)))
            expected = tuple(n - 2 * self.radius for n in blocks[0].shape)
            if np.shape(result) != expected:
                raise StencilError(
                    f"Block stencil '{self.name}' must return an array of shape {expected} for "
                    f"blocks of shape {blocks[0].shape} (radius {self.radius}), got "
                    f"{np.shape(result)}."
                )
            return (result,)

        reads = [(k, reach, reach) for k in range(count)]
        return ReferenceWork(application, function, reads, places=False)


def stencil(function: Callable[..., Any]) -> Stencil:
    """Make a stencil of a function that computes one cell from its neighbours.

    Positional parameters are fields, read at constant offsets in [z, y, x] order; keyword-only
    parameters are numbers. The function returns the new value, or a tuple of them. What it may
    say is described in ``docs/stencils.md``.

    Raises
    ------
    StencilError
        If the function uses anything else; names its file and line.

    Examples
    --------
    >>> import parcompute as pc
    >>> @pc.stencil
    ... def diffuse(u, *, r):
    ...     return u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])
    >>> diffuse.formula.radius, diffuse.corners
    ({'u': (1, 1)}, False)
    """
    return Stencil(function)


def block_stencil(
    *, radius: int = 1, corners: bool = True
) -> Callable[[Callable[..., Any]], BlockStencil]:
    """Make a stencil of an ordinary function of NumPy blocks.

    The function gets one block for each field, `radius` cells larger on every side than the
    array that it returns. It is called on boxes of any shape and must compute every cell alike.

    Parameters
    ----------
    radius : int
        How far it reads.
    corners : bool
        Whether it reads cells off the axes.

    Examples
    --------
    >>> import parcompute as pc
    >>> @pc.block_stencil(radius=1, corners=False)
    ... def diffuse(u, *, r):
    ...     c = u[1:-1, 1:-1]
    ...     return c + r * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * c)
    """

    def decorate(function: Callable[..., Any]) -> BlockStencil:
        return BlockStencil(function, radius, corners)

    return decorate
