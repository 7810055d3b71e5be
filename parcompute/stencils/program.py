"""A tile plan as words for the compiled driver, bound to the fields of one rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.field import Field
from parcompute.ghosts import SideFill
from parcompute.grid import Grid
from parcompute.native import address
from parcompute.stencils.driver import (
    ALIGNED,
    BOX,
    COPY,
    FILL,
    LINE,
    THREAD,
    argument_words,
    code_width,
)
from parcompute.stencils.formula import grow
from parcompute.stencils.loops import LoopKernel
from parcompute.stencils.shared import Shared
from parcompute.stencils.tiles import Instruction, Slot, TilePlan

Words = NDArray[np.int64]
_FAR = 1 << 40
BESIDE = 2 * LINE  # cells around a block whose place is known, for boxes that are aligned


class Frame:
    """Where cells are: owned cell 0 has the index `shift`, so that halo cells are not negative.

    Parameters
    ----------
    grid : Grid
        The grid.
    fields : sequence of Field
        All fields of a sequence.
    dtypes : sequence of str
        Their types, then those of intermediates.
    """

    def __init__(self, grid: Grid, fields: Sequence[Field], dtypes: Sequence[str]) -> None:
        self.grid, self.fields = grid, fields
        self.itemsizes = [np.dtype(dtype).itemsize for dtype in dtypes]
        self.halos = [field.halo for field in fields]
        self.shift: Index = tuple(max(h[a] for h in self.halos) for a in range(grid.ndim))
        shape = grid.shape_local
        self.owned = Box.of_shape(shape).shift(self.shift)
        self.clip = [
            (s if low else -_FAR, s + n if high else _FAR)
            for s, n, (low, high) in zip(self.shift, shape, grid.walls, strict=True)
        ]
        self.indices = [self._indices(a) for a in range(grid.ndim)]
        self.positions = [grid.coordinates_global(a)[i] for a, i in enumerate(self.indices)]

    def _indices(self, axis: int) -> Words:
        """Return the global index of each padded cell, wrapped or held at the ends."""
        n, w = self.grid.shape_global[axis], self.shift[axis] + BESIDE
        cells = np.arange(-w, self.grid.shape_local[axis] + w) + self.grid.box.start[axis]
        if self.grid.periods[axis]:
            return np.ascontiguousarray(cells % n)
        return np.clip(cells, 0, n - 1)

    def slot(self, field: int) -> list[int]:
        """Return the words of a whole array, without its address."""
        halo, ndim = self.halos[field], self.grid.ndim
        padded = self.fields[field].padded
        strides = [s // padded.itemsize for s in padded.strides]
        origin = sum((h - s) * t for h, s, t in zip(halo, self.shift, strides, strict=True))
        return [1, -1, origin, *strides[:-1], *(0,) * ndim]


@dataclass(frozen=True)
class BoundKernel:
    """A compiled kernel and what its arrays are.

    Attributes
    ----------
    function : int
        Address of its machine code.
    kernel : LoopKernel
        The kernel.
    inputs : tuple of int
        The field of each input.
    """

    function: int
    kernel: LoopKernel
    inputs: tuple[int, ...]

    def slots(self, instruction: Instruction) -> list[Slot]:
        """Return the slot of each array."""
        outputs = len(self.kernel.typed.outputs)
        return [
            instruction.outputs[a] if a < outputs else instruction.inputs[self.inputs[a - outputs]]
            for a in self.kernel.arrays
        ]


class Program:
    """Instructions in words.

    Parameters
    ----------
    frame : Frame
        The cells.
    plan : TilePlan
        What to do.
    kernels : sequence of BoundKernel
        The kernel of each use of the plan.
    shared : Shared
        What all stencils share.
    tile : tuple of int
        Shape of a tile.
    rows : int
        Rows that go through all instructions together.
    streaming : sequence of BoundKernel
        Kernels for instructions that write to whole arrays only; none: `kernels`.
    """

    def __init__(
        self,
        frame: Frame,
        plan: TilePlan,
        kernels: Sequence[BoundKernel],
        shared: Shared,
        tile: Index,
        rows: int,
        streaming: Sequence[BoundKernel] = (),
    ) -> None:
        self.frame, self.plan, self.kernels, self.shared = frame, plan, kernels, shared
        self.tile, self.rows, self._streaming = tile, rows, streaming
        self.ndim = frame.grid.ndim
        self.sizes: list[int] = []  # bytes of each version
        self.scalars = [
            np.zeros((plan.sweeps, max(1, len(k.kernel.typed.formula.scalars))), np.int64)
            for k in kernels
        ]
        self._kept: list[Any] = [frame]
        self._varying: list[Callable[[Sequence[float]], None]] = []
        self._slots = np.array(self._slot_table(), np.int64)
        self._arrays = max((len(k.kernel.arrays) for k in kernels), default=0)
        self._width = code_width(self.ndim, self._arrays)
        rows_of_codes = [row for i in plan.instructions for row in self._codes(i)]
        self._codes_table = np.zeros((len(rows_of_codes), self._width), np.int64)
        for row, words in zip(self._codes_table, rows_of_codes, strict=True):
            row[: len(words)] = words
        self.words = self._head()

    @property
    def count(self) -> int:
        """Rows of the table of instructions."""
        return len(self._codes_table)

    @property
    def slot_count(self) -> int:
        """Arrays that instructions may name: before and after for each field, then versions."""
        return 2 * len(self.frame.fields) + len(self.plan.versions)

    def thread(self) -> Words:
        """Return words of a thread, in which arrays have no address yet."""
        arguments = np.zeros(argument_words(self.ndim, self._arrays), np.int64)
        self._kept.append(arguments)
        words = np.zeros(THREAD + 2 * self.slot_count, np.int64)
        words[2] = address(arguments)
        return words

    def number(self, slot: Slot) -> int:
        """Return the number of a slot."""
        if slot.kind == "version":
            return 2 * len(self.frame.fields) + slot.number
        return 2 * slot.field + (slot.kind == "out")

    def region(self, box: Box) -> tuple[Words, int]:
        """Return the words of a box of cells (as the frame counts), and its number of tiles."""
        counts = [-(-n // t) for n, t in zip(box.shape, self.tile, strict=True)]
        return np.array([*box.start, *box.stop, *counts], np.int64), int(np.prod(counts))

    def set_scalars(self, use: int, sweep: int, values: Sequence[float | int]) -> None:
        """Set the scalars of a kernel in one sweep."""
        table = self.scalars[use][sweep]
        typed = self.kernels[use].kernel.typed
        for k, (name, value) in enumerate(zip(typed.formula.scalars, values, strict=True)):
            if typed.scalars[name] == "float":
                table.view(np.float64)[k] = value
            else:
                table[k] = value

    def set_times(self, times: Sequence[float]) -> None:
        """Set what boundaries have at the time of each sweep."""
        for update in self._varying:
            update(times)

    def _head(self) -> Words:
        frame = self.frame
        low, high = self.plan.margins
        return np.array(
            [
                *(len(self._codes_table), self.rows, self.plan.lag),
                *(address(self._codes_table), address(self._slots), 0),
                *(self.slot_count, self._width),
                *self.tile,
                *(a for a, _ in frame.clip),
                *(b for _, b in frame.clip),
                *(address(p) + 8 * BESIDE for p in frame.positions),
                *(address(i) + 8 * BESIDE for i in frame.indices),
                *(low[0], high[0]),
            ],
            np.int64,
        )

    def _slot_table(self) -> list[list[int]]:
        table = [self.frame.slot(k) for k in range(len(self.frame.fields)) for _ in range(2)]
        for version in self.plan.versions:
            table.append(self._version(version.field, version.margins, version.span))
        return table

    def _version(self, field: int, margins: tuple[Index, Index], span: int) -> list[int]:
        """Return the words of a version; note its size."""
        low, high = margins
        low = (*low[:-1], -(-low[-1] // LINE) * LINE + LINE)  # for boxes that are aligned
        shape = [t + a + b for t, a, b in zip(self.tile, low, high, strict=True)]
        shape[-1] = -(-shape[-1] // LINE) * LINE + 2 * LINE
        mask = -1
        if self.ndim > 1:
            shape[0] = 1 << (min(span + self.rows, shape[0]) - 1).bit_length()
            mask = shape[0] - 1
        strides = [int(np.prod(shape[a + 1 :])) for a in range(self.ndim - 1)]
        self.sizes.append(int(np.prod(shape)) * self.frame.itemsizes[field])
        return [0, mask, 0, *strides, *low]

    def _kernel(self, instruction: Instruction) -> BoundKernel:
        """Return the kernel, past the cache where it writes to whole arrays only."""
        past = self._streaming and all(slot.kind == "out" for slot in instruction.outputs)
        return (self._streaming if past else self.kernels)[instruction.use]

    def _may_align(self, instruction: Instruction) -> bool:
        """Return whether cells beside those that are needed may be computed, too.

        What they hold does not matter, as long as only versions are read and written: whole arrays
        end where other tiles begin, and reductions are of the cells of the tile.
        """
        slots = [*instruction.outputs, *instruction.inputs.values()]
        writes = bool(instruction.outputs)
        return self.ndim > 1 and writes and all(slot.kind == "version" for slot in slots)

    def _codes(self, instruction: Instruction) -> list[list[int]]:
        """Return the words of an instruction: one row, or one for each wall that is filled."""
        low, high = instruction.margins
        around = [*low, *high, *instruction.beyond[0], *instruction.beyond[1]]
        if instruction.op == "box":
            bound = self._kernel(instruction)
            scalars = address(self.scalars[instruction.use][instruction.sweep])
            op = ALIGNED if self._may_align(instruction) else BOX
            head = [op, bound.function, instruction.lag, scalars, *around]
            slots = [self.number(s) for s in bound.slots(instruction)]
            return [[*head, len(slots), *slots]]
        slot = instruction.outputs[0]
        field = self.frame.fields[slot.field]
        dtype = field.dtype.name
        if instruction.op == "copy":
            (source,) = instruction.inputs.values()
            function = self.shared.copy(dtype)
            head = [COPY, function, instruction.lag, 0, *around]
            return [[*head, 2, self.number(slot), self.number(source)]]
        rows = []
        sides = field.ghosts.sides
        faces = any(layer.target < 0 for side in sides for layer in side.layers)
        again = instruction.again and (faces or any(side.boundary.varies for side in sides))
        for side in sides:
            words = self._fill(field, side, instruction)
            if words:
                function = self.shared.fill(dtype, side.axis)
                head = [FILL, function, instruction.lag, int(again), *around]
                rows.append([*head, self.number(slot), *words])
        return rows

    def _fill(self, field: Field, side: SideFill, instruction: Instruction) -> list[int]:
        """Return the words of the fill of one wall; none if nothing beyond it is read."""
        depth = grow(instruction.reach, instruction.beyond)[0 if side.low else 1][side.axis]
        reach = [list(cells) for cells in instruction.reach]
        chosen = [k for k, layer in enumerate(side.layers) if layer.target < depth]
        if not chosen:
            return []
        if any(side.layers[k].target < 0 for k in chosen):
            reach[0][side.axis] += 1  # the face on the wall is read as an owned cell
        layers = np.zeros((len(chosen), 4), np.int64)
        factors = np.zeros((len(chosen), 2), field.dtype)
        for row, k in enumerate(chosen):
            terms = side.layers[k].terms
            layers[row, :2] = side.layers[k].target, len(terms)
            for t, (factor, source) in enumerate(terms):
                layers[row, 2 + t], factors[row, t] = source, factor
        constants, base = self._constants(field, side, chosen, instruction.sweep)
        self._kept += [layers, factors, constants]
        strides = [s // field.dtype.itemsize for s in constants.strides]
        across = strides[1:]
        across.insert(side.axis, 0)
        return [
            *(side.axis, int(side.low), *reach[0], *reach[1]),
            *(cells + 1 for inside in instruction.images for cells in inside),
            *(len(chosen), address(layers), address(factors), base, strides[0], *across),
        ]

    def _constants(
        self, field: Field, side: SideFill, chosen: Sequence[int], sweep: int
    ) -> tuple[NDArray[Any], int]:
        """Return the constants of the chosen layers, and the address of those at cell 0."""
        cross = [n for a, n in enumerate(field.padded.shape) if a != side.axis]

        def now(time: float) -> NDArray[Any]:
            constants = side.constants(time)
            return np.broadcast_to(constants, (len(side.layers), *cross))[
                chosen[0] : chosen[-1] + 1
            ]

        if side.boundary.varies:
            array = np.zeros((len(chosen), *cross), field.dtype)

            def update(times: Sequence[float]) -> None:
                array[...] = now(times[sweep])

            self._varying.append(update)
        else:
            array = now(0.0)
        offset = 0
        others = [a for a in range(self.ndim) if a != side.axis]
        for a, stride in zip(others, array.strides[1:], strict=True):
            offset += (field.halo[a] - self.frame.shift[a]) * stride
        return array, address(array) + offset
