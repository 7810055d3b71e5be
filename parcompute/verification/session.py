"""Make all runs, compare each with its base, and look closely at what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parcompute.run.spec import RunSpec
from parcompute.verification.combinations import Combination
from parcompute.verification.compare import Comparison, compare
from parcompute.verification.locate import Finding, locate
from parcompute.verification.runs import Made, Workshop


class Session:
    """The runs of one verification.

    Parameters
    ----------
    workshop : Workshop
        Makes them.
    spec : RunSpec
        The run that is verified.

    Attributes
    ----------
    differing : list of (Made, Made, Comparison)
        Runs that differ or fail, in the order in which they were made, after what each is compared
        with.
    impossible : int
        Runs that were refused.
    """

    def __init__(self, workshop: Workshop, spec: RunSpec) -> None:
        self._workshop, self._spec = workshop, spec
        self._made: dict[Combination, Made] = {}
        self.differing: list[tuple[Made, Made, Comparison]] = []
        self.impossible = 0

    def make(
        self, groups: Sequence[Sequence[Combination]]
    ) -> Iterator[tuple[Made, Comparison | None]]:
        """Make the runs, of which the first is the reference, and yield how each compares.

        Parameters
        ----------
        groups : sequence
            Those that are made on the same ranks.

        Raises
        ------
        ParcomputeError
            If the reference fails.
        """
        for group in groups:
            for made in self._workshop.make_all([(self._spec, one) for one in group]):
                if not self._made and made.error is not None:
                    raise made.error
                base = self._base(made.combination)
                self._made[made.combination] = made
                yield made, None if base is None else self._compared(base, made)

    @property
    def count(self) -> int:
        """How many runs were made."""
        return len(self._made)

    def _compared(self, base: Made, made: Made) -> Comparison:
        comparison = compare(base, made)
        if made.is_impossible:
            self.impossible += 1
        elif made.failure or not comparison.is_same:
            self.differing.append((base, made, comparison))
        return comparison

    def _base(self, combination: Combination) -> Made | None:
        """Return the run that a run is compared with; None for the reference."""
        if not self._made:
            return None
        base = self._made.get(combination.base)
        if base is None or base.error is not None:
            return next(iter(self._made.values()))
        return base

    def finding(self) -> Finding | None:
        """Locate the first difference, if there is one; that of a poisoned run if no other is."""
        differing = sorted(self.differing, key=lambda found: found[1].combination.poisoned)
        return locate(self._workshop, self._spec, *differing[0]) if differing else None

    @property
    def halo_is_unset(self) -> bool:
        """Whether a poisoned run of several ranks differs."""
        return any(m.combination.poisoned and m.combination.ranks > 1 for _, m, _ in self.differing)
