"""What the stencils of an experiment do and cost, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parcompute.analysis.costs import Cost, Rates, cost, stages_of
from parcompute.analysis.kernel_source import source_parts
from parcompute.analysis.rates import CopyRate, arithmetic_rate, copy_rate, last_cache
from parcompute.analysis.tile_text import plan_lines, tiling
from parcompute.box import Index
from parcompute.decomposition import Decomposition
from parcompute.run.directory import shown
from parcompute.stencils import BlockStencil, Stencil
from parcompute.stencils.application import Application
from parcompute.stencils.sequence import BoundSequence

_FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Case:
    """What is described, and how a run would be made.

    Attributes
    ----------
    name : str
        What the user chose with ``exp=``.
    sequences : sequence of BoundSequence
        The stencils that a step applies, on one rank.
    ranks : int
        Ranks of a run.
    dims : tuple of int or None
        Ranks along each axis, if they are pinned.
    """

    name: str
    sequences: Sequence[BoundSequence]
    ranks: int
    dims: Index | None

    def decomposition(self, bound: BoundSequence) -> Decomposition:
        """Return how a run cuts the grid of a sequence."""
        grid = bound.grid
        return Decomposition.plan(grid.shape_global, self.ranks, grid.periods, self.dims)


def report(case: Case, *, everything: bool) -> str:
    """Return all there is to tell: text, then source."""
    if not case.sequences:
        return no_stencils(case.name)
    copy = copy_rate(case.sequences[0].settings.threads)
    rates = Rates(copy.traffic, _arithmetic(case.sequences))
    parts = [*_head(case, copy, rates)]
    for number, bound in enumerate(case.sequences, start=1):
        parts += ["", *_sequence(case, bound, number, rates, everything=everything)]
    return "\n".join([*parts, "", source(case, everything=everything)])


def no_stencils(name: str) -> str:
    """Return the sentence for an experiment that applies none."""
    return f"{name} applies no stencil in its first step, so that there is no kernel to show.\n"


def source(case: Case, *, everything: bool) -> str:
    """Return the source of all sequences, as one module."""
    parts = [p for s in case.sequences for p in source_parts(s, everything=everything)]
    return "\n\n".join(map(str, dict.fromkeys(parts)))


def _arithmetic(sequences: Sequence[BoundSequence]) -> dict[str, float]:
    """Measure the arithmetic of the types that compiled kernels have."""
    compiled = [s for s in sequences if s.compiled is not None]
    types = {cost(a).dtype for s in compiled for a in s.applications}
    return {t: arithmetic_rate(t, compiled[0].settings.threads) for t in sorted(types & {*_FLOATS})}


def _head(case: Case, copy: CopyRate, rates: Rates) -> Iterator[str]:
    for grid in dict.fromkeys(bound.grid for bound in case.sequences):
        yield f"{case.name}: {_shape(grid.shape_global)} cells, here on one rank"
    bound = case.sequences[0]
    cut = case.decomposition(bound)
    if case.ranks > 1:
        most = tuple(-(-n // d) for n, d in zip(cut.shape_global, cut.topology.dims, strict=True))
        yield f"a run has {_shape(cut.topology.dims)} ranks, with blocks of up to {_shape(most)}"
        yield "limits are those of one rank; ranks of one machine share its memory"
    yield ""
    yield f"{'copy':<12} {copy}"
    for name, rate in rates.arithmetic.items():
        yield f"{'arithmetic':<12} {rate / 1e9:.1f} Gflop/s in {name} (* and +, compiled, in cache)"


def _sequence(
    case: Case, bound: BoundSequence, number: int, rates: Rates, *, everything: bool
) -> Iterator[str]:
    names = ", ".join(a.stencil.name for a in bound.applications)
    engine = "numpy" if bound.compiled is None else "numba"
    yield f"sequence {number} of {len(case.sequences)}: {names} (engine {engine})"
    costs = [cost(a) for a in bound.applications]
    for application, one in zip(bound.applications, costs, strict=True):
        yield ""
        yield from _rows(_kernel(application, one, rates, compiled=bound.compiled is not None))
    yield ""
    tiles = tiling(bound, case.decomposition(bound).topology.dims)
    if len(costs) > 1:
        yield from _rows([("sequence", _total(costs, rates))])
    yield from _rows([("arrays", _size(bound, costs)), ("time tile", tiles.text)])
    if tiles.depth:
        yield ""
        yield from plan_lines(bound, tiles.depth, all_lines=everything)


def _rows(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    return (f"{label:<12} {text}" for label, text in rows)


def _kernel(
    application: Application, one: Cost, rates: Rates, *, compiled: bool
) -> list[tuple[str, str]]:
    """Return what there is to tell of one stencil, with labels."""
    stencil = application.stencil
    return [
        (stencil.name, _where(application)),
        *_fields(application),
        ("writes", ", ".join(_result(field.name, one, k) for k, field in enumerate(one.written))),
        ("shape", _pattern(application)),
        ("scalars", ", ".join(stencil.scalar_names) or "none"),
        ("reductions", ", ".join(r.kind for r in stencil.reductions) or "none"),
        ("memory", _memory(one)),
        ("operations", _operations(one)),
        *_stages(application),
        ("limit", _limit(one, rates, compiled=compiled)),
    ]


def _where(application: Application) -> str:
    stencil = application.stencil
    if isinstance(stencil, Stencil):
        file, _, line = stencil.formula.where.rpartition(":")
        return f"{shown(Path(file))}:{line}"
    assert isinstance(stencil, BlockStencil)
    code = stencil.function.__code__
    place = f"{shown(Path(code.co_filename))}:{code.co_firstlineno}"
    return f"{place}, an ordinary function of NumPy blocks, not compiled"


def _fields(application: Application) -> Iterator[tuple[str, str]]:
    """Yield what is known of each input."""
    stencil = application.stencil
    ndim = application.fields[0].grid.ndim
    axes = "zyx"[-ndim:]
    inputs = zip(stencil.field_names, application.fields, stencil.reaches(ndim), strict=True)
    for parameter, field, (low, high) in inputs:
        reach = ", ".join(f"{x} {-a} to {b}" for x, a, b in zip(axes, low, high, strict=True))
        radius = _shape(tuple(map(max, low, high)))
        yield (
            f"reads {parameter}",
            f"field '{field.name}', {field.dtype}, halo {_shape(field.depth)}, "
            f"reach {reach} (radius {radius})",
        )


def _pattern(application: Application) -> str:
    """Return which neighbours are read."""
    stencil = application.stencil
    if not any(map(any, stencil.radii(application.fields[0].grid.ndim))):
        return "point: reads the cell itself only"
    return "box: reads cells off the axes, too" if stencil.corners else "star: reads along the axes"


def _result(name: str, one: Cost, k: int) -> str:
    if one.written[k] not in one.allocated:
        return f"field '{name}' in place"
    return f"field '{name}' in a second array" if one.written[k] in one.read else f"field '{name}'"


def _memory(one: Cost) -> str:
    text = (
        f"{one.moved} bytes per cell and sweep: {_arrays(len(one.read))} read once, "
        f"{_arrays(len(one.written))} written once"
    )
    if one.allocated:
        text += f"; {one.traffic} with write-allocate (a store first loads its cache line)"
    return text


def _arrays(count: int) -> str:
    return f"{count} array{'s' * (count != 1)}"


def _operations(one: Cost) -> str:
    if one.operations is None:
        return "not counted"
    intensity = "" if one.intensity is None else f"; {one.intensity:.3g} per byte read and written"
    return f"{one.operations} per cell, equal parts of the formula once{intensity}"


def _stages(application: Application) -> Iterator[tuple[str, str]]:
    """Yield the loops that the stencil is split into, if there are several."""
    stages = stages_of(application)
    made = sum(len(stage.makes) for stage in stages)
    if made:
        values = f"{made} value{'s' * (made != 1)}"
        yield "stages", f"{len(stages)} loops: {values} that several cells need, each computed once"


def _limit(one: Cost, rates: Rates, *, compiled: bool) -> str:
    """Return the speed that the machine allows, and what limits it."""
    memory, arithmetic = one.memory_limit(rates), one.arithmetic_limit(rates)
    if np.isinf(min(memory, arithmetic)):
        return "none known"
    text = f"{one.limit(rates) / 1e6:,.0f} MLUP/s sweep by sweep: memory {memory / 1e6:,.0f}"
    if np.isfinite(arithmetic):
        text += f", arithmetic {arithmetic / 1e6:,.0f}"
    if not compiled:
        return f"{text}; NumPy, which stores every intermediate array, stays below"
    return f"{text}; time tiles can go past memory" if memory <= arithmetic else text


def _total(costs: Sequence[Cost], rates: Rates) -> str:
    seconds = sum(1 / one.limit(rates) for one in costs)
    moved = sum(one.moved for one in costs)
    limit = f"{1e-6 / seconds:,.0f} MLUP/s" if seconds else "none known"
    return f"{moved} bytes per cell and sweep of all kernels; limit {limit}"


def _size(bound: BoundSequence, costs: Sequence[Cost]) -> str:
    """Return how large all arrays are, and whether caches hold them."""
    cells = int(np.prod(bound.grid.shape_local))
    fields = {f for one in costs for f in (*one.read, *one.written)}
    second = {f for one in costs for f in one.allocated if f in one.read}
    size = cells * sum(f.dtype.itemsize for f in (*fields, *second))
    text = f"{size / 2**20:.3g} MiB in all"
    if size <= last_cache():
        text += ", which caches hold: a sweep may be faster than memory allows"
    return text


def _shape(cells: Index) -> str:
    return " x ".join(map(str, cells))
