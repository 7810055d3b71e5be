"""A stencil with the fields and numbers that it is applied to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from parcompute.box import Index
from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.stencils.formula import Reach, Reduction

Number = bool | int | float
Scalar = Number | Sequence[Number] | Callable[[float], Number]
"""A number, one for each sweep, or a function of time."""
Plain = Number | list[Number] | Callable[[float], Number]
"""The same in Python's own types."""


@dataclass(frozen=True)
class Clock:
    """When sweeps happen: sweep k of a call at the time ``(step + k) dt``.

    Attributes
    ----------
    step : int
        Steps made before the call.
    dt : float
        Time of a step.
    """

    step: int
    dt: float

    def time(self, sweep: int) -> float:
        """Return the time of a sweep; the same bits however sweeps are divided over calls."""
        return (self.step + sweep) * self.dt


class Applicable:
    """What stencils and block stencils share: how they are applied to fields.

    Attributes
    ----------
    name : str
        Name of the user's function.
    field_names, scalar_names : tuple of str
        Its parameters.
    outputs : int
        Number of fields that it computes.
    reductions : tuple of Reduction
        What it reduces.
    corners : bool
        Whether it reads cells off the axes.
    """

    name: str
    field_names: tuple[str, ...]
    scalar_names: tuple[str, ...]
    outputs: int
    reductions: tuple[Reduction, ...]
    corners: bool

    def reaches(self, ndim: int) -> list[Reach]:
        """Return how far each input field is read below and above the cell."""
        raise NotImplementedError

    def radii(self, ndim: int) -> list[Index]:
        """Return the radius along each axis, for each input field."""
        return [
            tuple(max(pair) for pair in zip(*reach, strict=True)) for reach in self.reaches(ndim)
        ]

    def check(self, application: Application) -> None:
        """Raise if types of fields and scalars do not suit the function."""

    def on(
        self,
        *fields: Field,
        out: Field | Sequence[Field] | None = None,
        **scalars: Scalar,
    ) -> Application:
        """Return the stencil bound to fields and scalars, to be run by `parcompute.sweep`.

        Parameters
        ----------
        *fields : Field
            Input fields, in the order of the function's parameters; all on one grid.
        out : Field or sequence of Field, optional
            Where the results go; default the first input fields. An output that is also an input
            is replaced after all cells have been computed.
        **scalars : number, sequence or function
            The function's keyword-only parameters: a number, a number for each sweep, or a
            function of time.

        Raises
        ------
        ConfigError
            If fields, scalars or halo widths do not suit the stencil; the same on every rank.
        StencilError
            If their types do not; names the line.
        """
        _check_names(self, fields, scalars)
        plain = {name: _plain(self, name, value) for name, value in scalars.items()}
        application = Application(self, fields, _results(self, fields, out), plain)
        _check_fields(application)
        self.check(application)
        return application


@dataclass(frozen=True, eq=False)
class Application:
    """A stencil bound to fields and scalars.

    Attributes
    ----------
    stencil : Applicable
        The stencil.
    fields, results : tuple of Field
        Input and output fields.
    scalars : mapping
        The function's keyword-only parameters.
    """

    stencil: Applicable
    fields: tuple[Field, ...]
    results: tuple[Field, ...]
    scalars: Mapping[str, Plain]

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What plans and kernels depend on."""
        fields = [*map(id, self.fields), -1, *map(id, self.results)]
        return (self.stencil, *fields, *self.scalar_kinds().values())

    def scalar_kinds(self) -> dict[str, str]:
        """Return "bool", "int" or "float" for each scalar; whole numbers are float among floats."""
        whole = any(field.dtype.kind != "f" for field in (*self.fields, *self.results))
        names = self.stencil.scalar_names
        return {name: _kind(self.scalars[name], whole) for name in names}

    def check_sweeps(self, sweeps: int) -> None:
        """Raise ConfigError if a scalar has fewer values than there are sweeps."""
        for name, scalar in self.scalars.items():
            if isinstance(scalar, list) and len(scalar) < sweeps:
                raise ConfigError(
                    f"Stencil '{self.stencil.name}': {name} has {len(scalar)} values for "
                    f"{sweeps} sweeps: give one for each sweep."
                )

    @cached_property
    def steady(self) -> list[Number] | None:
        """The scalars, if they are the same in all sweeps."""
        if any(callable(s) or isinstance(s, list) for s in self.scalars.values()):
            return None
        return self.values(0, None)

    def values(self, sweep: int, time: float | None) -> list[Number]:
        """Return the scalars of a sweep, in the order of the parameters."""
        return [
            self._value(name, self.scalars[name], sweep, time) for name in self.stencil.scalar_names
        ]

    def _value(self, name: str, scalar: Plain, sweep: int, time: float | None) -> Number:
        if callable(scalar):
            if time is None:
                raise ConfigError(
                    f"Stencil '{self.stencil.name}': {name} is a function of time, so that the "
                    f"call needs clock=pc.Clock(step, dt) (in an experiment clock=self.clock)."
                )
            return scalar(time)
        return scalar[sweep] if isinstance(scalar, list) else scalar


def _kind(scalar: Plain, whole: bool) -> str:
    if callable(scalar):
        return "float"
    kind = np.asarray(scalar).dtype.kind
    if kind == "b":
        return "bool"
    return "int" if whole and kind in "iu" else "float"


def _check_names(
    stencil: Applicable, fields: Sequence[Field], scalars: Mapping[str, Scalar]
) -> None:
    if len(fields) != len(stencil.field_names):
        raise ConfigError(
            f"Stencil '{stencil.name}' takes {len(stencil.field_names)} fields "
            f"{stencil.field_names}, got {len(fields)}."
        )
    if set(scalars) != set(stencil.scalar_names):
        raise ConfigError(
            f"Stencil '{stencil.name}' takes the keywords {list(stencil.scalar_names)}, "
            f"got {list(scalars)}."
        )


def _plain(stencil: Applicable, name: str, value: Scalar) -> Plain:
    """Return a scalar as Python's number, a list of them, or a function."""
    if callable(value):
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" or array.ndim > 1 or array.dtype == np.uint64:
        raise ConfigError(
            f"Stencil '{stencil.name}' takes a number for {name}, one for each sweep or a "
            f"function of time, got {value!r}."
        )
    plain: Plain = array.tolist()
    return plain


def _results(
    stencil: Applicable, fields: Sequence[Field], out: Field | Sequence[Field] | None
) -> tuple[Field, ...]:
    results = (out,) if isinstance(out, Field) else tuple(fields if out is None else out)
    if out is None:
        results = results[: stencil.outputs]
    if len(results) != stencil.outputs:
        raise ConfigError(
            f"Stencil '{stencil.name}' computes {stencil.outputs} fields, but {len(results)} are "
            f"given for its results: pass as many with out=."
        )
    if len(set(results)) < len(results):
        raise ConfigError(
            f"Stencil '{stencil.name}' computes {stencil.outputs} fields, but its results are to "
            f"go to {[r.name for r in results]}: pass different fields with out=."
        )
    return results


def _check_fields(application: Application) -> None:
    name, fields = application.stencil.name, application.fields
    grid = fields[0].grid
    if any(field.grid is not grid for field in (*fields, *application.results)):
        raise ConfigError(f"Stencil '{name}' takes fields of one grid, got fields of several.")
    radii = application.stencil.radii(grid.ndim)
    for field, radius in zip(fields, radii, strict=True):
        if len(radius) != grid.ndim:
            raise ConfigError(
                f"Stencil '{name}' has {len(radius)} axes, field '{field.name}' has {grid.ndim}."
            )
        if any(r > w for r, w in zip(radius, field.depth, strict=True)):
            raise ConfigError(
                f"Stencil '{name}' reads field '{field.name}' up to {radius} cells away, but its "
                f"halo is {field.depth} wide: make the field with halo={max(radius)}."
            )
