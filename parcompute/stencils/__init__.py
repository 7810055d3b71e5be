"""Stencils: from the formula of one cell to sweeps over a grid.

`parse` reads offsets and operations from the user's function, `typing` adds types, and two engines
compute it: `numpy_engine` on whole blocks, the reference, and `loops` with `driver` as compiled
loops. `tiles` plans several sweeps at once, `program` binds the plan to fields, `sequence` runs it.
"""

from parcompute.stencils.application import Application, Clock
from parcompute.stencils.apply import (
    BlockStencil,
    Stencil,
    block_stencil,
    described,
    stencil,
    sweep,
)
from parcompute.stencils.language import (
    index,
    position,
    reduce_max,
    reduce_min,
    reduce_sum,
    where,
)

__all__ = [
    "Application",
    "BlockStencil",
    "Clock",
    "Stencil",
    "block_stencil",
    "described",
    "index",
    "position",
    "reduce_max",
    "reduce_min",
    "reduce_sum",
    "stencil",
    "sweep",
    "where",
]
