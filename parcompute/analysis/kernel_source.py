"""The source that stencils become, as one Python text with comments between its parts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from textwrap import dedent
from typing import NamedTuple

from parcompute.native.compiled import CompiledSource
from parcompute.stencils import BlockStencil, Stencil
from parcompute.stencils.application import Application
from parcompute.stencils.compiled_sequence import CompiledSequence
from parcompute.stencils.numpy_engine import numpy_source
from parcompute.stencils.sequence import BoundSequence


class Part(NamedTuple):
    """A piece of source.

    Attributes
    ----------
    title : tuple of str
        What it is, and where it is kept.
    text : str
        The source.
    """

    title: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        comments = "\n".join(f"# {line}" for line in self.title)
        return f"# {'-' * 78}\n{comments}\n\n{self.text.strip()}\n"


def source_parts(bound: BoundSequence, *, everything: bool) -> list[Part]:
    """Return the source of a sequence; each text once.

    Parameters
    ----------
    bound : BoundSequence
        The sequence.
    everything : bool
        Whether to add the other forms of the kernels, and what all stencils share.
    """
    if bound.compiled is None:
        parts = [_uncompiled(application) for application in bound.applications]
    else:
        parts = list(_loops(bound, bound.compiled, everything=everything))
    return list({part.text: part for part in reversed(parts)}.values())[::-1]


def _uncompiled(application: Application) -> Part:
    stencil = application.stencil
    if isinstance(stencil, BlockStencil):
        title = f"{stencil.name}: an ordinary function of NumPy blocks, not compiled"
        return Part((title,), dedent(inspect.getsource(stencil.function)))
    assert isinstance(stencil, Stencil)
    title = f"{stencil.name}: one NumPy operation for each operation of the formula"
    return Part((title,), numpy_source(stencil.typed(application)))


def _loops(bound: BoundSequence, compiled: CompiledSequence, *, everything: bool) -> Iterator[Part]:
    for k, kernel in enumerate(compiled.stages):
        name = kernel.stage.typed.formula.name
        yield _compiled(
            f"{name}: the loop over cells", compiled.source(compiled.kernel(k, in_place=True))
        )
        if everything:
            tiled = compiled.kernel(k, in_place=False)
            yield _compiled(f"{name}: the loop in time tiles", compiled.source(tiled))
        if everything and kernel.stage.typed.formula.reductions:
            reducing = compiled.kernel(k, in_place=True, reduce=True)
            yield _compiled(f"{name}: the loop that also reduces", compiled.source(reducing))
    if everything:
        for source in compiled.shared.sources:
            kind = _SHARED.get(source.name.partition("_")[0], source.name)
            yield _compiled(f"{source.name}: {kind}", source)


_SHARED = {
    "driver": "takes rows through all kernels of a tile",
    "fill": "sets the cells beyond walls across an axis",
    "copy": "copies a box",
}


def _compiled(title: str, source: CompiledSource) -> Part:
    code = source.path
    return Part((title, f"source   {code.with_suffix('.py')}", f"machine  {code}"), source.source)
