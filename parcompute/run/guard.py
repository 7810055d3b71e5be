"""Stop a run whose fields are no longer finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from parcompute.errors import DivergenceError
from parcompute.field import Field


def guard(field: Field, step: int, finite: int | None = None) -> None:
    """Raise DivergenceError on every rank if `field` holds NaN or infinity; collective.

    Parameters
    ----------
    field : Field
        The field to search.
    step : int
        Steps that have been made.
    finite : int, optional
        The step at which it was last found to be finite.
    """
    # the sum finds them in one pass over memory; only then is the cell searched for
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(np.add.reduce(field.owned, axis=None))
    found: tuple[tuple[int, ...], float] | None = None
    if suspicious:
        cells = np.argwhere(~np.isfinite(field.owned))
        if len(cells):
            local = tuple(int(i) for i in cells[0])
            index = tuple(i + o for i, o in zip(local, field.grid.box.start, strict=True))
            found = (index, float(field.owned[local]))
    first = field.grid.comm.allreduce(found, op=_first)
    if first is not None:
        before = "" if finite is None else f" (still finite at step {finite})"
        raise DivergenceError(
            f"Field '{field.name}' is {first[1]} at step {step}{before}, global index "
            f"{list(first[0])}: the computation has diverged; a smaller time step may help."
        )


def _first(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b, key=lambda found: found[0])
