"""Apply a stencil to fields: halo exchange beside the core, then ghosts and rim, then swap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from parcompute import settings
from parcompute.box import Box, Index
from parcompute.errors import ConfigError, StencilError
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.halo import HaloExchanger, HaloPlan
from parcompute.stencils.kernels import BlockKernel, Kernel, numba_kernel, numpy_kernel
from parcompute.stencils.parse import parse

Radii = Sequence[Index]


class Applicable:
    """What stencils and block stencils share: the way they run over fields.

    Attributes
    ----------
    name : str
        Name of the user's function.
    field_names, scalar_names : tuple of str
        Its parameters.
    outputs : int
        Number of fields that it computes.
    corners : bool
        Whether it reads cells off the axes.
    """

    name: str
    field_names: tuple[str, ...]
    scalar_names: tuple[str, ...]
    outputs: int
    corners: bool

    def radii(self, ndim: int) -> Radii:
        """Return the radius along each axis, for each input field."""
        raise NotImplementedError

    def kernel(self, outputs: Sequence[Field], inputs: Sequence[Field]) -> Kernel:
        """Return the kernel for these fields; collective."""
        raise NotImplementedError

    def __call__(
        self,
        *fields: Field,
        out: Field | Sequence[Field] | None = None,
        sweeps: int = 1,
        **scalars: float,
    ) -> None:
        """Compute new values of `out` on all cells, `sweeps` times; collective.

        Parameters
        ----------
        *fields : Field
            Input fields, in the order of the function's parameters; all on one grid.
        out : Field or sequence of Field, optional
            Where the results go; default the first input fields. An output that is also an input
            is replaced after all cells have been computed.
        sweeps : int
            How many times.
        **scalars : float
            The function's keyword-only parameters.

        Raises
        ------
        ConfigError
            If fields, scalars or halo widths do not suit the stencil; the same on every rank.
        """
        self._check_call(fields, scalars)
        results = self._results(fields, out)
        work = self._work(fields, results)
        values = [work.dtype.type(scalars[name]) for name in self.scalar_names]
        for _ in range(sweeps):
            work.sweep(values)

    def _check_call(self, fields: Sequence[Field], scalars: dict[str, float]) -> None:
        if len(fields) != len(self.field_names):
            raise ConfigError(
                f"Stencil '{self.name}' takes {len(self.field_names)} fields "
                f"{self.field_names}, got {len(fields)}."
            )
        if set(scalars) != set(self.scalar_names):
            raise ConfigError(
                f"Stencil '{self.name}' takes the keywords {list(self.scalar_names)}, "
                f"got {list(scalars)}."
            )

    def _results(
        self, fields: Sequence[Field], out: Field | Sequence[Field] | None
    ) -> tuple[Field, ...]:
        results = (out,) if isinstance(out, Field) else tuple(fields if out is None else out)
        if out is None:
            results = results[: self.outputs]
        if len(results) != self.outputs:
            raise ConfigError(
                f"Stencil '{self.name}' computes {self.outputs} fields, but {len(results)} are "
                f"given for its results: pass as many with out=."
            )
        if len(set(results)) < len(results):
            raise ConfigError(
                f"Stencil '{self.name}' computes {self.outputs} fields, but its results are to go "
                f"to {[r.name for r in results]}: pass different fields with out=."
            )
        return results

    def _work(self, fields: Sequence[Field], results: Sequence[Field]) -> _Work:
        engine = settings.current().engine
        grid = fields[0].grid
        key = (self, engine, *(id(f) for f in fields), *(id(f) for f in results))
        if key not in grid.plans:
            grid.plans[key] = _Work(self, grid, fields, results)
        work: _Work = grid.plans[key]
        return work


class _Work:
    """One stencil bound to its fields: boxes, exchangers and kernel, made once."""

    def __init__(
        self, stencil: Applicable, grid: Grid, fields: Sequence[Field], results: Sequence[Field]
    ) -> None:
        radii = stencil.radii(grid.ndim)
        _check_fields(stencil.name, grid, [*fields, *results])
        _check_radii(stencil.name, fields, radii)
        self.dtype = fields[0].dtype
        self.fields, self.results = fields, results
        self.corners = stencil.corners
        self.moving: list[tuple[Field, HaloExchanger]] = []
        for field, radius in zip(fields, radii, strict=True):
            if any(radius) and field not in [f for f, _ in self.moving]:
                exchanger = grid.exchanger(field.halo, corners=self.corners, lane=len(self.moving))
                self.moving.append((field, exchanger))
        reach = tuple(max(r[axis] for r in radii) for axis in range(grid.ndim))
        self.core, self.rim = _core_and_rim(grid, [e.plan for _, e in self.moving], reach)
        self.kernel = stencil.kernel(results, fields)

    def sweep(self, scalars: Sequence[Any]) -> None:
        """Replace the results once."""
        for field, exchanger in self.moving:
            exchanger.start(field.padded)
            field.fill_ghosts()
        inputs = [field.padded for field in self.fields]
        outputs = [r.spare() if r in self.fields else r.padded for r in self.results]
        self.kernel(outputs, inputs, scalars, self.core)
        for field, exchanger in self.moving:
            exchanger.finish()
            if self.corners:  # ghosts beside a halo mirror cells that have only now arrived
                field.fill_ghosts()
        for box in self.rim:
            self.kernel(outputs, inputs, scalars, box)
        for result in self.results:
            if result in self.fields:
                result.swap()


def _core_and_rim(grid: Grid, plans: Sequence[HaloPlan], reach: Index) -> tuple[Box, list[Box]]:
    """Cut the owned cells into those that need no message, and the rest."""
    owned = Box.of_shape(grid.shape_local)
    sides = [plan.remote_sides() for plan in plans]  # they differ where a halo has no width
    low = tuple(-r if any(s[axis][0] for s in sides) else 0 for axis, r in enumerate(reach))
    high = tuple(-r if any(s[axis][1] for s in sides) else 0 for axis, r in enumerate(reach))
    core = owned.grow(low, high).intersect(owned)
    return core, owned.minus(core)


def _check_fields(name: str, grid: Grid, fields: Sequence[Field]) -> None:
    if any(field.grid is not grid for field in fields):
        raise ConfigError(f"Stencil '{name}' takes fields of one grid, got fields of several.")
    dtypes = {str(field.dtype) for field in fields}
    if len(dtypes) > 1 or not dtypes <= {"float32", "float64"}:
        raise ConfigError(
            f"Stencil '{name}' takes fields of one type, float32 or float64, got {sorted(dtypes)}."
        )


def _check_radii(name: str, fields: Sequence[Field], radii: Radii) -> None:
    for field, radius in zip(fields, radii, strict=True):
        if len(radius) != field.grid.ndim:
            raise ConfigError(
                f"Stencil '{name}' has {len(radius)} axes, field '{field.name}' has "
                f"{field.grid.ndim}."
            )
        if any(r > w for r, w in zip(radius, field.halo, strict=True)):
            raise ConfigError(
                f"Stencil '{name}' reads field '{field.name}' up to {radius} cells away, but its "
                f"halo is {field.halo} wide: make the field with halo={max(radius)}."
            )


def _halos(outputs: Sequence[Field], inputs: Sequence[Field]) -> list[Index]:
    return [field.halo for field in (*outputs, *inputs)]


class Stencil(Applicable):
    """A function of relative offsets, compiled for the engine in force (see `stencil`)."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.formula = parse(function)
        self.name = self.formula.name
        self.field_names, self.scalar_names = self.formula.fields, self.formula.scalars
        self.outputs = len(self.formula.results)
        self.corners = self.formula.corners

    def radii(self, ndim: int) -> Radii:
        """Return the radius along each axis, for each input field."""
        return [self.formula.radius[name] for name in self.field_names]

    def kernel(self, outputs: Sequence[Field], inputs: Sequence[Field]) -> Kernel:
        """Return the kernel of the engine in force; collective."""
        halos, grid, dtype = _halos(outputs, inputs), inputs[0].grid, inputs[0].dtype
        if settings.current().engine == "numpy":
            return numpy_kernel(self.formula, dtype, halos)
        return numba_kernel(self.formula, dtype, grid.shape_local, halos, grid.comm)


class BlockStencil(Applicable):
    """An ordinary function of NumPy blocks (see `block_stencil`)."""

    def __init__(self, function: Callable[..., Any], radius: int, corners: bool) -> None:
        update_wrapper(self, function)
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.function, self.radius, self.corners = function, radius, corners
        self.name, self.outputs = function.__name__, 1
        self.field_names = names[: code.co_argcount]
        self.scalar_names = names[code.co_argcount :]

    def radii(self, ndim: int) -> Radii:
        """Return the radius along each axis, for each input field."""
        return [(self.radius,) * ndim for _ in self.field_names]

    def kernel(self, outputs: Sequence[Field], inputs: Sequence[Field]) -> Kernel:
        """Return the kernel: the function itself, on blocks."""
        reach = (self.radius,) * inputs[0].grid.ndim
        reads = [(k, reach, reach) for k in range(len(inputs))]

        def function(*arguments: Any) -> tuple[Any]:
            blocks, scalars = arguments[: len(inputs)], arguments[len(inputs) :]
            result = self.function(*blocks, **dict(zip(self.scalar_names, scalars, strict=True)))
            expected = tuple(n - 2 * self.radius for n in blocks[0].shape)
            if np.shape(result) != expected:
                raise StencilError(
                    f"Block stencil '{self.name}' must return an array of shape {expected} for "
                    f"blocks of shape {blocks[0].shape} (radius {self.radius}), got "
                    f"{np.shape(result)}."
                )
            return (result,)

        return BlockKernel(function, reads, _halos(outputs, inputs))


def stencil(function: Callable[..., Any]) -> Stencil:
    """Make a stencil of a function that computes one cell from its neighbours.

    Positional parameters are fields, read at constant offsets in [z, y, x] order; keyword-only
    parameters are numbers. The function returns the new value, or a tuple of them. It may assign
    local variables and use ``+ - * /``, ``**2``, comparisons, ``a if c else b``, ``pc.where``,
    ``min``, ``max``, ``abs``, ``sqrt`` and elementary functions.

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
