"""From a formula to a kernel that computes a box of cells, on the numpy or the numba engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.stencils.compiled import CompiledSource
from parcompute.stencils.emit import numba_source, numpy_source
from parcompute.stencils.parse import Formula

Arrays = Sequence[NDArray[Any]]


class Kernel(Protocol):
    """Computes the output cells of a box."""

    def __call__(self, outputs: Arrays, inputs: Arrays, scalars: Sequence[Any], box: Box) -> None:
        """Compute `box` (in owned cells) of padded `outputs` from padded `inputs`."""


class BlockKernel:
    """Runs a function on whole NumPy blocks: one view for each read of `offsets`.

    Parameters
    ----------
    function : callable
        ``function(*views, *scalars)`` returns one array of the box's shape for each output.
    reads : sequence of (int, tuple of int, tuple of int)
        For each view: which input, and how far it reaches below and above the box.
    halos : sequence of tuple of int
        Halo widths of the outputs, then of the inputs.
    """

    def __init__(
        self,
        function: Callable[..., Sequence[Any]],
        reads: Sequence[tuple[int, Index, Index]],
        halos: Sequence[Index],
    ) -> None:
        self._function = function
        self._reads = reads
        self._halos = halos

    def __call__(self, outputs: Arrays, inputs: Arrays, scalars: Sequence[Any], box: Box) -> None:
        """Compute `box` of `outputs`."""
        count = len(outputs)
        views = [
            inputs[k][box.grow(low, high).shift(self._halos[count + k]).slices]
            for k, low, high in self._reads
        ]
        with np.errstate(all="ignore"):  # both branches of a selection are evaluated
            results = self._function(*views, *scalars)
        for output, halo, result in zip(outputs, self._halos, results, strict=False):
            output[box.shift(halo).slices] = result


def numpy_kernel(formula: Formula, dtype: np.dtype[Any], halos: Sequence[Index]) -> BlockKernel:
    """Return the reference kernel: one NumPy operation for each operation of the formula."""
    module: dict[str, Any] = {}
    exec(compile(numpy_source(formula, dtype.name), f"<{formula.name}>", "exec"), module)
    reads = [
        (formula.fields.index(field), tuple(-o for o in offset), offset)
        for field, offset in formula.offsets
    ]
    return BlockKernel(module["kernel"], reads, halos)


class NumbaKernel:
    """Runs the compiled loop of `numba_source`.

    Parameters
    ----------
    function : callable
        The machine code: ``kernel(*outputs, *inputs, *scalars, low, high, layout)``, with
        addresses for arrays.
    shape : tuple of int
        Owned cells of this rank.
    halos : sequence of tuple of int
        Halo widths of the outputs, then of the inputs.
    """

    def __init__(self, function: Callable[..., None], shape: Index, halos: Sequence[Index]) -> None:
        self._function = function
        rows = [_layout(shape, halo) for halo in halos]
        self._layout = np.array(rows, np.uint64)
        self._bounds: dict[Box, tuple[NDArray[Any], NDArray[Any]]] = {}

    def __call__(self, outputs: Arrays, inputs: Arrays, scalars: Sequence[Any], box: Box) -> None:
        """Compute `box` of `outputs`."""
        bounds = self._bounds.get(box)
        if bounds is None:
            bounds = np.array(box.start, np.uint64), np.array(box.stop, np.uint64)
            self._bounds[box] = bounds
        addresses = [array.ctypes.data for array in (*outputs, *inputs)]
        low, high = bounds
        self._function(
            *addresses, *scalars, low.ctypes.data, high.ctypes.data, self._layout.ctypes.data
        )


def _layout(shape: Index, halo: Index) -> list[int]:
    """Return the strides of a padded block but the last, then the index of its first owned cell."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * (shape[axis + 1] + 2 * halo[axis + 1])
    return [*strides[:-1], sum(s * w for s, w in zip(strides, halo, strict=True))]


def numba_kernel(
    formula: Formula,
    dtype: np.dtype[Any],
    shape: Index,
    halos: Sequence[Index],
    comm: Communicator,
) -> NumbaKernel:
    """Return the compiled kernel; collective."""
    source = numba_source(formula, dtype.name)
    arrays = len(formula.results) + len(formula.fields)
    code = CompiledSource(formula.name, source, dtype.name, arrays, len(formula.scalars))
    return NumbaKernel(code.load(comm), shape, halos)
