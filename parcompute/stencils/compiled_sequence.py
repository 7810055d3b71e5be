"""The compiled kernels of a sequence of applications, and the passes that they make over blocks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.field import Field
from parcompute.stencils import fused
from parcompute.stencils.application import Application
from parcompute.stencils.compiled import CompiledSource, Run, prepare
from parcompute.stencils.driver import THREAD
from parcompute.stencils.formula import Reduction
from parcompute.stencils.loops import LoopKernel
from parcompute.stencils.program import BoundKernel, Frame, Program, Words, address
from parcompute.stencils.shared import Shared
from parcompute.stencils.threads import team
from parcompute.stencils.tiles import TilePlan, Use, ghosts
from parcompute.stencils.typing import TypedFormula
from parcompute.stencils.works import Partials, Traffic, has_wall_faces, reaches_of

_LINE = 64  # bytes of a cache line
_LARGE = 1 << 26  # bytes of fields that are more than the cache of a core
_FEW = 1 << 15  # cells times sweeps that are not worth waking threads for


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
    def wall_faces(self) -> frozenset[int]:
        """Fields of which a boundary sets owned cells."""
        return frozenset(k for k, f in enumerate(self.fields) if has_wall_faces(f))


class Pass:
    """A tile plan over the blocks of one rank: messages beside the core, then the rim.

    Parameters
    ----------
    sequence : CompiledSequence
        The kernels.
    plan : TilePlan
        What is done to a tile.
    kernels : sequence of BoundKernel
        The kernel of each use.
    streaming : sequence of BoundKernel
        Kernels that write to whole arrays past the cache; none: the same as within tiles.
    tile : tuple of int
        Shape of a tile.
    rows : int
        Rows that go through all instructions together.
    threads : int
        Threads that share the tiles.
    corners : bool
        Whether cells off the axes are read.
    reductions : sequence of Reduction
        What is reduced.
    """

    def __init__(
        self,
        sequence: CompiledSequence,
        plan: TilePlan,
        kernels: Sequence[BoundKernel],
        *,
        streaming: Sequence[BoundKernel] = (),
        tile: Index,
        rows: int,
        threads: int,
        corners: bool,
        reductions: Sequence[Reduction] = (),
    ) -> None:
        fields = sequence.fields
        frame = Frame(fields[0].grid, fields)
        faces = sequence.wall_faces
        self.plan, self.fields, self.threads = plan, fields, threads
        self._run = sequence.run
        whole = frame.owned.shape
        self._program = Program(frame, plan, kernels, sequence.shared, tile, rows, streaming)
        custom = frozenset(k for k, f in enumerate(fields) if not _linear(f))
        filled = ghosts(plan, faces, custom)
        self._ghosts = Program(frame, filled, kernels, sequence.shared, whole, 1 << 40)
        self._custom = [fields[f] for f in custom if any(map(any, plan.load.get(f, ())))]
        loaded = {fields[f]: margins for f, margins in plan.load.items()}
        self.traffic = Traffic(frame.grid, loaded, corners=corners)
        self._core = self._region(self.traffic.core)
        self._rim = [self._region(box) for box in self.traffic.rim]
        self._ghosts_again = corners and bool(self.traffic.moving)
        self._faces = [fields[f] for f in faces if f in plan.load]
        self._swapped = [fields[f] for f in self._spares()]
        self._arrays = [(field, field in self._swapped) for field in fields]
        self._reductions = list(reductions)
        self._work = max(1, frame.owned.size * plan.sweeps)
        outputs = max((len(k.kernel.typed.outputs) for k in streaming), default=0)
        self._row_buffers = max(len(reductions), outputs)
        self._threads = self._thread_words(whole[-1])
        self._ghost_words = self._ghosts.thread()
        self._owned = self._ghosts.region(frame.owned)[0]
        self._words, self._first = address(self._program.words), address(self._threads)
        everything = (self._ghosts.words, self._owned, self._ghost_words)
        self._ghost_call = address(everything[0]), address(everything[1]), address(everything[2])
        self._held: dict[int, Sequence[float | int]] = {}
        self._seen: dict[int, tuple[NDArray[Any], int]] = {}
        self._bound: list[int] = []

    def _region(self, box: Box) -> tuple[Words, int, int]:
        """Return the words of a box of owned cells, their address, and the number of tiles."""
        words, tiles = self._program.region(box.shift(self._program.frame.shift))
        return words, address(words), tiles

    def _spares(self) -> list[int]:
        """Return the fields that need a second array: outputs that other tiles still read."""
        read = {f for i in self.plan.instructions for f, s in i.inputs.items() if s.kind == "in"}
        written = {s.field for i in self.plan.instructions for s in i.outputs if s.kind == "out"}
        alone = len(self.plan.uses) == self.plan.sweeps == 1 and not self.plan.versions
        zero = {f for f, load in self.plan.load.items() if alone and not any(map(any, load))}
        return sorted((read & written) - zero)

    def _thread_words(self, length: int) -> Words:
        """Return the words of each thread: accumulators, row, addresses, origins of arrays."""
        words = np.array([self._program.thread() for _ in range(self.threads)])
        self._kept: list[NDArray[np.int64]] = []
        self._sums: list[NDArray[np.int64]] = []
        for row in words:
            buffer = np.zeros(self._row_buffers * length, np.int64)
            self._kept.append(buffer)
            row[1] = address(buffer)
            if self._reductions:
                sums = fused.accumulators(self._reductions)
                places = np.array([address(s) for s in sums], np.int64)
                self._sums.append(sums)
                self._kept.append(places)
                row[0] = address(places)
            first = THREAD + 2 * len(self.fields)
            for k, size in enumerate(self._program.sizes):
                memory = np.zeros(size // 8 + 2 * _LINE // 8, np.int64)
                self._kept.append(memory)
                row[first + k] = -(-address(memory) // _LINE) * _LINE
        return words

    @property
    def scratch(self) -> int:
        """Bytes that the threads keep versions in."""
        return self.threads * sum(self._program.sizes)

    def set_scalars(self, use: int, sweep: int, values: Sequence[float | int]) -> None:
        """Set the scalars of a kernel in one of the sweeps."""
        self._held.pop(use, None)
        self._program.set_scalars(use, sweep, values)

    def hold_scalars(self, use: int, values: Sequence[float | int]) -> None:
        """Set the scalars of a kernel in all sweeps, unless they are what they were."""
        if self._held.get(use) != values:
            for sweep in range(self.plan.sweeps):
                self._program.set_scalars(use, sweep, values)
            self._held[use] = values

    def __call__(self, times: Sequence[float]) -> Partials:
        """Make the sweeps, with boundaries as at these times; return what is reduced."""
        for field in self._faces:
            field.ghosts.set_faces(field.padded, times[0])
        self._program.set_times(times)
        self._ghosts.set_times(times)
        self._bind()
        self.traffic.start()
        self._fill(times[0])
        self._compute(*self._core)
        self.traffic.finish()
        if self._ghosts_again:  # ghosts beside a halo mirror cells that have only now arrived
            self._fill(times[0])
        for region in self._rim:
            self._compute(*region)
        for field in self._swapped:
            field.swap()
        return self._reduced() if self._reductions else []

    def _bind(self) -> None:
        """Note where the arrays are now."""
        places: list[int] = []
        for field, swapped in self._arrays:
            place = self._place(field.padded)
            places += (place, self._place(field.spare()) if swapped else place)
        if places != self._bound:
            self._bound = places
            self._threads[:, THREAD : THREAD + len(places)] = places
            self._ghost_words[THREAD : THREAD + len(places)] = places

    def _place(self, array: NDArray[Any]) -> int:
        """Return the address of an array, which NumPy takes microseconds to tell."""
        known = self._seen.get(id(array))
        if known is None or known[0] is not array:
            known = self._seen[id(array)] = array, address(array)
        return known[1]

    def _fill(self, time: float) -> None:
        if self._ghosts.count:
            self._run(*self._ghost_call, 0, 1)
        for field in self._custom:
            field.fill_ghosts(time)

    def _compute(self, region: Words, place: int, tiles: int) -> None:
        if not tiles:
            return
        words, first, step = self._words, self._first, self._threads.strides[0]
        if self.threads == 1 or tiles == 1 or self._work < _FEW:
            self._run(words, place, first, 0, tiles)
            return

        def work(thread: int, begin: int, end: int) -> None:
            self._run(words, place, first + thread * step, begin, end)

        team(self.threads).run(work, tiles)

    def _reduced(self) -> Partials:
        """Return what the threads have reduced, and begin anew."""
        results: Partials = []
        for k, reduction in enumerate(self._reductions):
            parts = [fused.partial(reduction, sums[k]) for sums in self._sums]
            total = parts[0]
            for part in parts[1:]:
                total = fused.combine(reduction, total, part)
            results.append(total)
        for sums in self._sums:
            sums[...] = fused.accumulators(self._reductions)
        return results


def _linear(field: Field) -> bool:
    """Return whether compiled code can fill all ghosts of a field on this rank."""
    return all(side.boundary.linear for side in field.ghosts.sides)
