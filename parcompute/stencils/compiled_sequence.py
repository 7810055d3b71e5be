"""The compiled kernels of a sequence of applications."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from parcompute.field import Field
from parcompute.native.compiled import CompiledSource, Run, prepare
from parcompute.stencils.application import Application
from parcompute.stencils.loops import LoopKernel
from parcompute.stencils.program import BoundKernel
from parcompute.stencils.shared import Shared
from parcompute.stencils.tiles import Use
from parcompute.stencils.typing import TypedFormula
from parcompute.stencils.works import has_wall_faces, reaches_of

_LARGE = 1 << 26  # bytes of fields that are more than the cache of a core


class CompiledSequence:
    """The compiled kernels of a sequence.

    Parameters
    ----------
    applications : sequence of Application
        The kernels of one sweep.
    formulas : sequence of TypedFormula
        Their formulas.

    Attributes
    ----------
    fields : list of Field
        All different fields.
    uses : list of Use
        What the applications do with them.
    in_place : bool
        Whether a result is computed in place, sweep by sweep.
    """

    def __init__(
        self, applications: Sequence[Application], formulas: Sequence[TypedFormula]
    ) -> None:
        self.applications = list(applications)
        every = [f for a in applications for f in (*a.results, *a.fields)]
        self.fields: list[Field] = list(dict.fromkeys(every))
        self.grid = self.fields[0].grid
        self.shared = Shared(sorted({f.dtype.name for f in self.fields}), self.grid.ndim)
        self.uses = [self._use(a) for a in applications]
        self.in_place = any(any(self._in_place(a)) for a in applications)
        self._formulas = list(formulas)
        self._kernels: dict[tuple[Any, ...], LoopKernel] = {}
        self._sources: dict[LoopKernel, CompiledSource] = {}
        self._prepared: set[LoopKernel] = set()

    def _use(self, application: Application) -> Use:
        number = self.fields.index
        reaches = reaches_of(application)
        return Use(
            {number(f): reach for f, reach in reaches.items()},
            tuple(number(r) for r in application.results),
            {number(f): f.ghosts.images(*reach) for f, reach in reaches.items()},
        )

    @staticmethod
    def _in_place(application: Application) -> list[bool]:
        """Return for each result whether it is read at the cell itself only."""
        reaches = reaches_of(application)
        return [r in reaches and not any(map(any, reaches[r])) for r in application.results]

    def kernel(
        self, use: int, *, in_place: bool, reduce: bool = False, stream: bool = False
    ) -> LoopKernel:
        """Return the kernel of an application: on whole arrays in place where that is possible.

        It is made at the first request for its pattern of arrays.
        """
        application, typed = self.applications[use], self._formulas[use]
        results = [
            field if same and in_place else object()
            for field, same in zip(application.results, self._in_place(application), strict=True)
        ]
        arrays = [*results, *application.fields]
        pattern = tuple(arrays.index(array) for array in arrays)
        key = typed, pattern, reduce, stream
        if key not in self._kernels:
            self._kernels[key] = LoopKernel(typed, pattern, reduce, stream)
        return self._kernels[key]

    def bound(
        self, use: int, *, in_place: bool, reduce: bool = False, stream: bool = False
    ) -> BoundKernel:
        """Return a kernel with its machine code and its fields; collective at the first request."""
        kernel = self.kernel(use, in_place=in_place, reduce=reduce, stream=stream)
        if kernel not in self._prepared:
            prepare([self.source(kernel)], self.grid.comm)
            self._prepared.add(kernel)
        inputs = tuple(self.fields.index(f) for f in self.applications[use].fields)
        return BoundKernel(self.source(kernel).address(), kernel, inputs)

    def source(self, kernel: LoopKernel) -> CompiledSource:
        """Return the source of a kernel of this sequence, and where its machine code is."""
        if kernel not in self._sources:
            self._sources[kernel] = CompiledSource(kernel.typed.formula.name, kernel.source())
        return self._sources[kernel]

    @property
    def texts(self) -> list[str]:
        """Source of the kernels of a sweep."""
        kernels = [self.kernel(k, in_place=True) for k in range(len(self.uses))]
        return [self.source(kernel).source for kernel in kernels]

    @cached_property
    def run(self) -> Run:
        """The driver; collective at the first request."""
        return self.shared.prepare(self.grid.comm)

    def streams(self, cells: int) -> bool:
        """Whether results may go past the cache: floats, in arrays that no cache holds.

        Parameters
        ----------
        cells : int
            Cells of a block.
        """
        outputs = [field for a in self.applications for field in a.results]
        size = cells * sum(field.dtype.itemsize for field in self.fields)
        floats = all(field.dtype.name in ("float32", "float64") for field in outputs)
        return floats and not self.in_place and size > _LARGE

    @property
    def custom(self) -> frozenset[int]:
        """Fields with a boundary that is the user's own function."""
        sides = enumerate(field.sides for field in self.fields)
        return frozenset(k for k, pairs in sides if not all(s.linear for p in pairs for s in p))

    @property
    def wall_faces(self) -> frozenset[int]:
        """Fields of which a boundary sets owned cells."""
        return frozenset(k for k, f in enumerate(self.fields) if has_wall_faces(f))
