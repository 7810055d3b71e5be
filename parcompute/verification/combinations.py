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
    def is_base(self) -> bool:
        """Whether others are compared with it, and not it with them."""
        return self.engine == "serial" and not self.poisoned

    @property
    def base(self) -> Combination:
        """What it is compared with: a poisoned run with a plain one, others with the serial one."""
        if self.poisoned:
            return self._replace(poisoned=False)
        return Combination(self.kernels, "serial", 1)


def planned(
    kernels: Sequence[str], engines: Sequence[str], ranks: Sequence[int]
) -> list[list[Combination]]:
    """Return all runs, those together that are made on the same ranks.

    The first is the reference: one rank, and the NumPy kernels if they are among `kernels`. The
    serial run of other kernels is compared with it. Poisoned are a serial and a parallel run, on
    two blocks by two if the grid has two axes.

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
    poisoned = Combination(ordered[0], "serial", 1, poisoned=True)
    groups = [[Combination(name, "serial", 1)] for name in ordered] + [[poisoned]]
    for engine in parallel:
        first = engine == parallel[0]
        for size in sorted({*ranks, POISON_RANKS} if first else {*ranks}):
            group = [Combination(name, engine, size) for name in ordered]
            if first and size == POISON_RANKS:
                group.append(poisoned._replace(engine=engine, ranks=size))
            groups.append(group)
    return groups
