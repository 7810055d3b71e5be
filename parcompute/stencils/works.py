"""One application, one sweep: exchange beside the core, then ghosts and rim.

This is the numpy engine; `passes` has the compiled one, which makes several sweeps at once, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.halo import HaloExchanger, HaloPlan
from parcompute.stencils import fused
from parcompute.stencils.application import Application, Number
from parcompute.stencils.formula import Reach

Partials = list[fused.Partial]
Function = Callable[..., Sequence[Any]]
"""``function(*views, *scalars, *indices, *positions)`` returns values, then what is reduced."""


def reaches_of(application: Application) -> dict[Field, Reach]:
    """Return how far each different input field is read."""
    found: dict[Field, Reach] = {}
    ndim = application.fields[0].grid.ndim
    for field, (low, high) in zip(
        application.fields, application.stencil.reaches(ndim), strict=True
    ):
        if field in found:
            low = tuple(map(max, low, found[field][0]))
            high = tuple(map(max, high, found[field][1]))
        found[field] = low, high
    return found


def has_wall_faces(field: Field) -> bool:
    """Return whether a boundary of this rank sets owned faces of a field."""
    return any(layer.target < 0 for side in field.ghosts.sides for layer in side.layers)


class Traffic:
    """The halos of some fields, moved together.

    Parameters
    ----------
    reaches : dict
        How many cells of each field's halo are needed, below and above along each axis.
    corners : bool
        Whether cells off the axes are.
    """

    def __init__(self, grid: Grid, reaches: dict[Field, Reach], *, corners: bool) -> None:
        self.moving: list[tuple[Field, HaloExchanger]] = []
        for field, (low, high) in reaches.items():
            reach = tuple(map(max, low, high))
            if any(reach):
                lane = len(self.moving)
                exchanger = grid.exchanger(field.halo, corners=corners, lane=lane, reach=reach)
                if exchanger.plan.transfers:
                    self.moving.append((field, exchanger))
        self.corners = corners
        radius = tuple(
            max((max(r[0][a], r[1][a]) for r in reaches.values()), default=0)
            for a in range(grid.ndim)
        )
        plans = [exchanger.plan for _, exchanger in self.moving]
        self.core, self.rim = core_and_rim(grid, plans, radius)

    def start(self) -> None:
        """Send."""
        for field, exchanger in self.moving:
            exchanger.start(field.padded)

    def finish(self) -> None:
        """Receive."""
        for _, exchanger in self.moving:
            exchanger.finish()


def core_and_rim(grid: Grid, plans: Sequence[HaloPlan], reach: Index) -> tuple[Box, list[Box]]:
    """Cut the owned cells into those that need no message, and the rest."""
    owned = Box.of_shape(grid.shape_local)
    sides = [plan.remote_sides() for plan in plans]  # they differ where a halo has no width
    low = tuple(-r if any(s[axis][0] for s in sides) else 0 for axis, r in enumerate(reach))
    high = tuple(-r if any(s[axis][1] for s in sides) else 0 for axis, r in enumerate(reach))
    core = owned.grow(low, high).intersect(owned)
    return core, owned.minus(core)


class ReferenceWork:
    """An application on the numpy engine, or of a block stencil.

    Parameters
    ----------
    application : Application
        What is applied to which fields.
    function : callable
        The kernel on whole NumPy blocks.
    reads : sequence of (int, tuple of int, tuple of int)
        For each view: which input, and how far it reaches below and above the box.
    places : bool
        Whether the function takes indices and positions.
    """

    def __init__(
        self,
        application: Application,
        function: Function,
        reads: Sequence[tuple[int, Index, Index]],
        *,
        places: bool,
    ) -> None:
        self.application, self._function, self._reads = application, function, reads
        self.grid = application.fields[0].grid
        self.reaches = reaches_of(application)
        self.traffic = Traffic(self.grid, self.reaches, corners=application.stencil.corners)
        self._places = self._coordinates() if places else []
        self._faces = [field for field in self.reaches if has_wall_faces(field)]
        self._ghosts = [f for f, reach in self.reaches.items() if any(map(any, reach))]
        self._buffered = [result for result in application.results if result in self._ghosts]

    def _coordinates(self) -> list[list[NDArray[Any]]]:
        """Return the indices and positions along each axis, broadcastable to the owned cells."""
        box, ndim = self.grid.box, self.grid.ndim
        indices = [
            np.arange(a, b).reshape((-1, *(1,) * (ndim - 1 - axis)))
            for axis, (a, b) in enumerate(zip(box.start, box.stop, strict=True))
        ]
        return [indices, self.grid.coordinates_local()]

    def sweep(
        self, scalars: Sequence[Number], time: float, *, reduce: bool, stream: bool = False
    ) -> Partials:
        """Replace the results once; return this rank's part of the reductions if asked for."""
        results = self.application.results
        for field in self._faces:
            field.ghosts.set_faces(field.padded, time)
        self.traffic.start()
        self._fill(time)
        outputs = [r.spare() if r in self._buffered else r.padded for r in results]
        partials = [self._compute(outputs, scalars, self.traffic.core, reduce=reduce)]
        self.traffic.finish()
        if self.traffic.corners and self.traffic.moving:
            self._fill(time)  # ghosts beside a halo mirror cells that have only now arrived
        for box in self.traffic.rim:
            partials.append(self._compute(outputs, scalars, box, reduce=reduce))
        for result in self._buffered:
            result.swap()
        return self._combined(partials) if reduce else []

    def _fill(self, time: float) -> None:
        for field in self._ghosts:
            field.fill_ghosts(time)

    def _compute(
        self, outputs: Sequence[NDArray[Any]], scalars: Sequence[Number], box: Box, *, reduce: bool
    ) -> Partials:
        fields = self.application.fields
        views = [
            fields[k].padded[box.grow(low, high).shift(fields[k].halo).slices]
            for k, low, high in self._reads
        ]
        places = [
            array[box.slices[axis]] for arrays in self._places for axis, array in enumerate(arrays)
        ]
        with np.errstate(all="ignore"):  # both branches of a selection are evaluated
            values = self._function(*views, *scalars, *places)
        for output, result, value in zip(outputs, self.application.results, values, strict=False):
            output[box.shift(result.halo).slices] = value
        if not reduce:
            return []
        reduced = [np.broadcast_to(v, box.shape) for v in values[len(outputs) :]]
        wanted = self.application.stencil.reductions
        return [fused.of_array(r, v) for r, v in zip(wanted, reduced, strict=True)]

    def _combined(self, partials: Sequence[Partials]) -> Partials:
        total = partials[0]
        for other in partials[1:]:
            wanted = self.application.stencil.reductions
            total = [fused.combine(*parts) for parts in zip(wanted, total, other, strict=True)]
        return total
