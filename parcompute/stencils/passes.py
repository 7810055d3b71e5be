"""What compiled kernels do with the blocks of a rank: passes of one sweep or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.native import address
from parcompute.native.threads import team
from parcompute.stencils import fused
from parcompute.stencils.application import Number
from parcompute.stencils.compiled_sequence import CompiledSequence
from parcompute.stencils.driver import THREAD
from parcompute.stencils.formula import Reduction
from parcompute.stencils.program import BoundKernel, Frame, Program, Words
from parcompute.stencils.shapes import plain_shape
from parcompute.stencils.tiles import TilePlan, plan
from parcompute.stencils.works import Partials, Traffic

_LINE = 64  # bytes of a cache line
_FEW = 1 << 15  # cells times sweeps that are not worth waking threads for


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
        frame = Frame(fields[0].grid, fields, sequence.dtypes)
        self.plan, self.fields, self.threads = plan, fields, threads
        self._run = sequence.run
        self._program = Program(frame, plan, kernels, sequence.shared, tile, rows, streaming)
        self._custom = [fields[f] for f in sequence.custom if any(map(any, plan.load.get(f, ())))]
        loaded = {fields[f]: margins for f, margins in plan.load.items()}
        self.traffic = Traffic(frame.grid, loaded, corners=corners)
        self._core = self._region(self.traffic.core)
        self._rim = [self._region(box) for box in self.traffic.rim]
        self._again = corners and bool(self.traffic.moving)
        self._faces = [fields[f] for f in sequence.wall_faces if f in plan.load]
        self._swapped = [fields[f] for f in self._spares()]
        self._arrays = [(field, field in self._swapped) for field in fields]
        self._reductions = list(reductions)
        self._work = max(1, frame.owned.size * plan.sweeps)
        outputs = max((len(k.kernel.typed.outputs) for k in streaming), default=0)
        self._row_buffers = max(len(reductions), outputs)
        self._threads = self._thread_words(frame.owned.shape[-1])
        self._words, self._first = address(self._program.words), address(self._threads)
        self._held: dict[int, Sequence[float | int]] = {}
        self._seen: dict[int, tuple[ref[NDArray[Any]], int]] = {}
        self._bound: list[int] = []

    def _region(self, box: Box) -> tuple[Words, int, int]:
        """Return the words of a box of owned cells, their address, and the number of tiles."""
        words, tiles = self._program.region(box.shift(self._program.frame.shift))
        return words, address(words), tiles

    def _spares(self) -> list[int]:
        """Return the fields that need a second array: outputs that other tiles still read."""
        read = {f for i in self.plan.instructions for f, s in i.inputs.items() if s.kind == "in"}
        written = {s.field for i in self.plan.instructions for s in i.outputs if s.kind == "out"}
        plan = self.plan
        kept = any(version.field < len(self.fields) for version in plan.versions)
        alone = len({use.application for use in plan.uses}) == plan.sweeps == 1 and not kept
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

    def set_scalars(self, application: int, sweep: int, values: Sequence[float | int]) -> None:
        """Set the scalars of an application in one of the sweeps."""
        self._held.pop(application, None)
        for k, use in enumerate(self.plan.uses):
            if use.application == application:
                self._program.set_scalars(k, sweep, values)

    def hold_scalars(self, application: int, values: Sequence[float | int]) -> None:
        """Set the scalars of an application in all sweeps, unless they are what they were."""
        if self._held.get(application) != values:
            for sweep in range(self.plan.sweeps):
                self.set_scalars(application, sweep, values)
            self._held[application] = values

    def __call__(self, times: Sequence[float]) -> Partials:
        """Make the sweeps, with boundaries as at these times; return what is reduced."""
        for field in self._faces:
            field.ghosts.set_faces(field.padded, times[0])
        self._program.set_times(times)
        self._bind()
        self.traffic.start()
        self._fill(times[0])
        self._compute(*self._core)
        self.traffic.finish()
        if self._again:  # ghosts beside a halo may follow from cells that have only now arrived
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

    def _place(self, array: NDArray[Any]) -> int:
        """Return the address of an array, which NumPy takes microseconds to tell."""
        known = self._seen.get(id(array))
        if known is None or known[0]() is not array:
            known = self._seen[id(array)] = ref(array), address(array)
        return known[1]

    def _fill(self, time: float) -> None:
        """Call the user's functions; all other ghosts are filled by instructions."""
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


class CompiledWork:
    """An application on the numba engine.

    Parameters
    ----------
    sequence : CompiledSequence
        The sequence that it is part of.
    application : int
        Its number there.
    threads : int
        Threads that share the cells.
    """

    def __init__(self, sequence: CompiledSequence, application: int, threads: int) -> None:
        self._sequence, self._application, self._threads = sequence, application, threads
        self._passes: dict[tuple[bool, bool], Pass] = {}

    def sweep(
        self, scalars: Sequence[Number], time: float, *, reduce: bool, stream: bool
    ) -> Partials:
        """Replace the results once; return this rank's part of the reductions if asked for."""
        chosen = self._pass(reduce, stream and not reduce)
        chosen.hold_scalars(self._application, scalars)
        return chosen([time])

    def _pass(self, reduce: bool, stream: bool) -> Pass:
        if (reduce, stream) not in self._passes:
            self._passes[reduce, stream] = self._made(reduce=reduce, stream=stream)
        return self._passes[reduce, stream]

    def _made(self, *, reduce: bool, stream: bool) -> Pass:
        sequence, grid = self._sequence, self._sequence.grid
        stencil = sequence.applications[self._application].stencil
        stages = sequence.of(self._application)
        uses = [sequence.uses[k] for k in stages]
        faces, custom, inner = sequence.wall_faces, sequence.custom, sequence.inner
        shape = plain_shape(grid.shape_local, self._threads, staged=len(stages) > 1)
        return Pass(
            sequence,
            plan(uses, 1, grid.ndim, faces, custom, inner),
            [sequence.bound(k, in_place=True, reduce=reduce, stream=stream) for k in stages],
            streaming=[sequence.bound(k, in_place=True, stream=True) for k in stages]
            if stream
            else (),
            tile=shape.tile,
            rows=shape.rows,
            threads=self._threads,
            corners=stencil.corners,
            reductions=stencil.reductions if reduce else (),
        )
