"""Compiled code that all stencils share: the driver, fills and copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parcompute.comm import Communicator
from parcompute.native.compiled import CompiledSource, Run, prepare, runner
from parcompute.stencils.driver import copy_source, driver_source, fill_source


class Shared:
    """The code for fields of some types with so many axes.

    Parameters
    ----------
    dtypes : sequence of str
        Types of the fields.
    ndim : int
        Number of axes.
    """

    def __init__(self, dtypes: Sequence[str], ndim: int) -> None:
        self._driver = CompiledSource(f"driver_{ndim}d", driver_source(ndim), "run")
        self._fills = {
            (d, axis): CompiledSource(f"fill_{d}_{ndim}d_{axis}", fill_source(d, ndim, axis))
            for d in dtypes
            for axis in range(ndim)
        }
        self._copies = {
            d: CompiledSource(f"copy_{d}_{ndim}d", copy_source(d, ndim)) for d in dtypes
        }

    @property
    def sources(self) -> Iterator[CompiledSource]:
        """All that is compiled."""
        yield self._driver
        yield from self._fills.values()
        yield from self._copies.values()

    def prepare(self, comm: Communicator) -> Run:
        """Compile what is not yet; return the driver; collective."""
        prepare(list(self.sources), comm)
        return runner(self._driver)

    def fill(self, dtype: str, axis: int) -> int:
        """Return the address of the fill beyond walls across `axis`."""
        return self._fills[dtype, axis].address()

    def copy(self, dtype: str) -> int:
        """Return the address of the copy."""
        return self._copies[dtype].address()
