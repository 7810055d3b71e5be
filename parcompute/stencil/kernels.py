"""From a formula to a kernel that computes a box of cells, on the numpy or the numba engine."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.stencil.emit import numba_source, numpy_source
from parcompute.stencil.parse import Formula

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
    """Runs the compiled loop of `numba_source` on flat arrays.

    Parameters
    ----------
    function : callable
        The compiled ``kernel(*outputs, *inputs, *scalars, low, high, layout)``.
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
        flat = [array.reshape(-1) for array in (*outputs, *inputs)]
        self._function(*flat, *scalars, *bounds, self._layout)


def _layout(shape: Index, halo: Index) -> list[int]:
    """Return the strides of a padded block in elements, then the index of its first owned cell."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * (shape[axis + 1] + 2 * halo[axis + 1])
    return [*strides, sum(s * w for s, w in zip(strides, halo, strict=True))]


def numba_kernel(
    formula: Formula,
    dtype: np.dtype[Any],
    shape: Index,
    halos: Sequence[Index],
    comm: Communicator,
) -> NumbaKernel:
    """Return the compiled kernel; collective.

    Machine code is kept in the cache folder. Where a rank misses it, rank 0 compiles while the
    others wait, because a cold cache written by many ranks at once is known to break.
    """
    source = numba_source(formula, dtype.name)
    arrays = len(formula.results) + len(formula.fields)
    compiled = _cache_file(formula.name, source, "ok")
    if not comm.allreduce(compiled.exists(), op=min):
        if comm.Get_rank() == 0:
            _compiled(formula.name, source, dtype.name, arrays, len(formula.scalars))
        comm.Barrier()
    function = _compiled(formula.name, source, dtype.name, arrays, len(formula.scalars))
    return NumbaKernel(function, shape, halos)


@lru_cache
def _compiled(name: str, source: str, real: str, arrays: int, scalars: int) -> Callable[..., None]:
    from numba import njit, types

    number = getattr(types, real)
    flat = types.Array(number, 1, "C")
    bounds = types.Array(types.uint64, 1, "C")
    layout = types.Array(types.uint64, 2, "C")
    signature = types.void(*[flat] * arrays, *[number] * scalars, bounds, bounds, layout)
    module = _imported(_cache_file(name, source, "py"), source)
    function: Callable[..., None] = njit(signature, cache=True, error_model="numpy")(module.kernel)
    _cache_file(name, source, "ok").touch()
    return function


def _cache_file(name: str, source: str, suffix: str) -> Path:
    """Return the file that belongs to `source` and to all that machine code depends on."""
    import llvmlite
    import numba

    state = f"{numba.__version__} {llvmlite.__version__} {platform.processor()} {_cpu()} {source}"
    digest = hashlib.sha256(state.encode()).hexdigest()[:16]
    return cache_folder() / f"{name}_{digest}.{suffix}"


@lru_cache
def _cpu() -> str:
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()} {platform.python_version()} {np.__version__}"


def cache_folder() -> Path:
    """Return the folder of generated kernels (``PARCOMPUTE_CACHE_DIR``, else the user's cache)."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parcompute"
    return Path(os.environ.get("PARCOMPUTE_CACHE_DIR") or default) / "kernels"


def _imported(path: Path, source: str) -> ModuleType:
    """Write `source` to `path` once, and import it from there so that Numba can cache it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(source, encoding="utf-8")
        draft.replace(path)
    spec = importlib.util.spec_from_file_location(f"parcompute_kernel_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Numba finds the module of cached code by name
    spec.loader.exec_module(module)
    return module
