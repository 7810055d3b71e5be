"""The compiled kernels of a sequence of applications: one for each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from parcompute.field import Field
from parcompute.native.compiled import CompiledSource, Run, prepare
from parcompute.stencils.application import Application
from parcompute.stencils.formula import Reach, grow, hull
from parcompute.stencils.loops import LoopKernel
from parcompute.stencils.program import BoundKernel
from parcompute.stencils.shared import Shared
from parcompute.stencils.stages import Stage, split
from parcompute.stencils.tiles import Use
from parcompute.stencils.typing import TypedFormula
from parcompute.stencils.works import has_wall_faces, reaches_of

_LARGE = 1 << 26  # bytes of fields that are more than the cache of a core


@dataclass(frozen=True, eq=False)
class Kernel:
    """A stage with what it reads and writes, as numbers: fields first, then intermediates.

    Attributes
    ----------
    stage : Stage
        What is computed.
    application : int
        The application that it is a stage of.
    inputs, outputs : tuple of int
        What it reads, in the order of its formula, and what it writes.
    """

    stage: Stage
    application: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


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
    dtypes : list of str
        Types of the fields, then of the intermediates.
    stages : list of Kernel
        The loops over cells that a sweep is made of.
    uses : list of Use
        What they do with fields and intermediates.
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
        self.dtypes = [field.dtype.name for field in self.fields]
        self.shared = Shared(sorted(set(self.dtypes)), self.grid.ndim)
        self.stages = [
            kernel
            for number, pair in enumerate(zip(applications, formulas, strict=True))
            for kernel in self._stages(number, *pair)
        ]
        self.uses = [self._use(kernel) for kernel in self.stages]
        self.in_place = any(any(self._in_place(a)) for a in applications)
        self._kernels: dict[tuple[Any, ...], LoopKernel] = {}
        self._sources: dict[LoopKernel, CompiledSource] = {}
        self._prepared: set[LoopKernel] = set()

    def _stages(self, number: int, application: Application, typed: TypedFormula) -> list[Kernel]:
        names = application.stencil.field_names
        known = {n: self.fields.index(f) for n, f in zip(names, application.fields, strict=True)}
        found = []
        for stage in split(typed):
            inputs = tuple(known[name] for name in stage.typed.formula.fields)
            outputs = tuple(self.fields.index(result) for result in application.results)
            if stage.makes:
                first = len(self.dtypes)
                outputs = tuple(range(first, first + len(stage.makes)))
                known |= dict(zip(stage.makes, outputs, strict=True))
                self.dtypes += stage.typed.outputs
            found.append(Kernel(stage, number, inputs, outputs))
        return found

    def _use(self, kernel: Kernel) -> Use:
        reaches: dict[int, Reach] = {}
        formula, beyond = kernel.stage.typed.formula, kernel.stage.beyond
        inner = bool(kernel.stage.makes)
        for name, f in zip(formula.fields, kernel.inputs, strict=True):
            reach = formula.extent(name) if inner else formula.reach[name]
            reaches[f] = hull(reaches[f], reach) if f in reaches else reach
        images = {
            f: self.fields[f].ghosts.images(*grow(reach, beyond))
            for f, reach in reaches.items()
            if f < len(self.fields)
        }
        return Use(reaches, kernel.outputs, images, beyond, kernel.application)

    def of(self, application: int) -> list[int]:
        """Return the numbers of the stages of an application."""
        return [k for k, kernel in enumerate(self.stages) if kernel.application == application]

    def name(self, number: int) -> str:
        """Return the name of a field or an intermediate."""
        made = {f: n for k in self.stages for f, n in zip(k.outputs, k.stage.makes, strict=False)}
        return made[number] if number in made else self.fields[number].name

    @property
    def inner(self) -> frozenset[int]:
        """The numbers of the intermediates."""
        return frozenset(range(len(self.fields), len(self.dtypes)))

    @staticmethod
    def _in_place(application: Application) -> list[bool]:
        """Return for each result whether it is read at the cell itself only."""
        reaches = reaches_of(application)
        return [r in reaches and not any(map(any, reaches[r])) for r in application.results]

    def kernel(
        self, number: int, *, in_place: bool, reduce: bool = False, stream: bool = False
    ) -> LoopKernel:
        """Return the loop of a stage: on whole arrays in place where that is possible.

        It is made at the first request for its pattern of arrays.
        """
        kernel = self.stages[number]
        inner = bool(kernel.stage.makes)
        application = self.applications[kernel.application]
        inputs: list[Any] = [self.fields[f] if f < len(self.fields) else f for f in kernel.inputs]
        results: list[Any] = [object() for _ in kernel.outputs]
        if in_place and not inner:
            for k, same in enumerate(self._in_place(application)):
                results[k] = application.results[k] if same else results[k]
        arrays = [*results, *inputs]
        pattern = tuple(arrays.index(array) for array in arrays)
        typed = kernel.stage.typed
        key = typed, pattern, reduce and not inner, stream and not inner
        if key not in self._kernels:
            self._kernels[key] = LoopKernel(*key)
        return self._kernels[key]

    def bound(
        self, number: int, *, in_place: bool, reduce: bool = False, stream: bool = False
    ) -> BoundKernel:
        """Return a loop with its machine code and its fields; collective at the first request."""
        kernel = self.kernel(number, in_place=in_place, reduce=reduce, stream=stream)
        if kernel not in self._prepared:
            prepare([self.source(kernel)], self.grid.comm)
            self._prepared.add(kernel)
        return BoundKernel(self.source(kernel).address(), kernel, self.stages[number].inputs)

    def source(self, kernel: LoopKernel) -> CompiledSource:
        """Return the source of a kernel of this sequence, and where its machine code is."""
        if kernel not in self._sources:
            self._sources[kernel] = CompiledSource(kernel.typed.formula.name, kernel.source())
        return self._sources[kernel]

    @property
    def texts(self) -> list[str]:
        """Source of the kernels of a sweep."""
        kernels = [self.kernel(k, in_place=True) for k in range(len(self.stages))]
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
