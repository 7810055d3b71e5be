"""Which runs are made to verify an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from parcompute.errors import ConfigError

POISON_RANKS = 4  # two by two blocks on a grid of two axes: they meet at a corner


class Combination(NamedTuple):
    """How one run is made.

    Attributes
    ----------
    kernels : {"numba", "numpy"}
        What computes the stencils.
    engine : {"serial", "multiprocessing", "mpi"}
        What moves messages.
    ranks : int
        How many.
    poisoned : bool
        Whether cells outside of the owned ones begin as NaN.
    """

    kernels: str
    engine: str
    ranks: int
    poisoned: bool = False

    @property
    def base(self) -> Combination:
        """The run that it is compared with: that of one rank with the same kernels."""
        return Combination(self.kernels, "serial", 1)


def planned(
    kernels: Sequence[str], engines: Sequence[str], ranks: Sequence[int]
) -> list[list[Combination]]:
    """Return all runs, those together that are made on the same ranks.

    The first is the reference: one rank, and the NumPy kernels if they are among `kernels`. The
    serial run of other kernels is compared with it.

    Raises
    ------
    ConfigError
        If there is nothing to compare.
    """
    ordered = sorted(kernels, key=lambda name: name != "numpy")
    parallel = [engine for engine in engines if engine != "serial"]
    if len(ordered) == 1 and not parallel:
        raise ConfigError(
            "There is nothing to compare: one engine, one rank and one kind of kernels were asked "
            "for; name more with --engines or --kernels."
        )
    serial = [[Combination(name, "serial", 1)] for name in ordered]
    others = [
        [Combination(name, engine, size) for name in ordered]
        for engine in parallel
        for size in ranks
    ]
    poisoned = [("serial", 1), *((engine, POISON_RANKS) for engine in parallel[:1])]
    return [*serial, *others, *([Combination(ordered[0], *place, True)] for place in poisoned)]
