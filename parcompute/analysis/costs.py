"""What a sweep of a stencil costs by the numbers: bytes moved and operations, for one cell.

The model is the roofline of Williams, Waterman and Patterson (Comm. ACM 52(4), 2009): a sweep is as
fast as memory delivers its arrays, or as the processor calculates, whichever is slower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parcompute.field import Field
from parcompute.stencils import Stencil
from parcompute.stencils.application import Application
from parcompute.stencils.expression import operation_count
from parcompute.stencils.stages import Stage, split
from parcompute.stencils.works import reaches_of


@dataclass(frozen=True)
class Rates:
    """What the machine can do.

    Attributes
    ----------
    traffic : float
        Bytes per second that memory moves, with those that stores load.
    arithmetic : dict
        Operations per second, by the type of the numbers; empty where it is not measured.
    """

    traffic: float
    arithmetic: dict[str, float]


@dataclass(frozen=True)
class Cost:
    """One sweep of one stencil, per cell; neighbours are read from the caches.

    Attributes
    ----------
    read, written : tuple of Field
        The different arrays that are read and written, each once.
    allocated : tuple of Field
        Those of `written` whose cache lines a store loads first, as nothing has read them.
    operations : int or None
        Operations on numbers; None for a function that is not compiled.
    dtype : str
        Type in which it calculates.
    """

    read: tuple[Field, ...]
    written: tuple[Field, ...]
    allocated: tuple[Field, ...]
    operations: int | None
    dtype: str

    @property
    def moved(self) -> int:
        """Bytes read and written."""
        return _bytes(self.read) + _bytes(self.written)

    @property
    def traffic(self) -> int:
        """Bytes moved with those that stores load."""
        return self.moved + _bytes(self.allocated)

    @property
    def intensity(self) -> float | None:
        """Operations per byte read and written."""
        if self.operations is None or not self.moved:
            return None
        return self.operations / self.moved

    def memory_limit(self, rates: Rates) -> float:
        """Return the cells per second that memory allows, sweep by sweep."""
        return rates.traffic / self.traffic if self.traffic else np.inf

    def arithmetic_limit(self, rates: Rates) -> float:
        """Return the cells per second that the processor allows; infinite where not measured."""
        if not self.operations or self.dtype not in rates.arithmetic:
            return np.inf
        return rates.arithmetic[self.dtype] / self.operations

    def limit(self, rates: Rates) -> float:
        """Return the cells per second that both allow."""
        return min(self.memory_limit(rates), self.arithmetic_limit(rates))


def cost(application: Application) -> Cost:
    """Return what one sweep of an application costs."""
    stencil = application.stencil
    formula = getattr(stencil, "formula", None)
    names = stencil.field_names if formula is None else {name for name, _ in formula.offsets}
    stages = stages_of(application)
    pairs = zip(stencil.field_names, application.fields, strict=True)
    read = tuple(dict.fromkeys(field for name, field in pairs if name in names))
    here = {f for f, reach in reaches_of(application).items() if not any(map(any, reach))}
    fresh = tuple(f for f in application.results if f not in here.intersection(read))
    types = [f.dtype for f in (*read, *application.results)]
    return Cost(
        read,
        application.results,
        fresh,
        sum(operation_count(s.typed.formula.roots) for s in stages) if stages else None,
        np.result_type(*types).name,
    )


def stages_of(application: Application) -> tuple[Stage, ...]:
    """Return the loops that an application is compiled to; none if it is not compiled."""
    stencil = application.stencil
    return split(stencil.typed(application)) if isinstance(stencil, Stencil) else ()


def _bytes(fields: tuple[Field, ...]) -> int:
    return sum(field.dtype.itemsize for field in fields)
