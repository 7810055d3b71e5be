"""What completes a snapshot: its step, time and other small values, written after its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.io.vtkhdf import Put, steps_done
from parcompute.particles import Particles


@dataclass(frozen=True)
class Commit:
    """The small values of one snapshot.

    Attributes
    ----------
    index : int
        Number of the snapshot.
    step, time
        When it was taken.
    series : mapping of str to float
        Measures by name of the dataset.
    particles : sequence of (Particles, columns or None)
        Sets of particles, and all their columns on rank 0.
    counts : mapping of str to int
        Number of particles of each set at that time, the same on every rank.
    """

    index: int
    step: int
    time: float
    series: Mapping[str, float] = field(default_factory=dict)
    particles: tuple[tuple[Particles, dict[str, NDArray[Any]] | None], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    def apply(self, file: Any, put: Put) -> None:
        """Write everything to the open file, the step last: what has one is complete."""
        here = slice(self.index, self.index + 1)
        for particles, columns in self.particles:
            self._append(file, put, particles, columns, self.counts[particles.name])
        put(file["time"], here, np.array([self.time]))
        for name, value in self.series.items():
            put(file[name], here, np.array([value], np.float64))
        steps_done(file, put, self.index + 1)
        put(file["step"], here, np.array([self.step]))

    def _append(
        self,
        file: Any,
        put: Put,
        particles: Particles,
        columns: dict[str, NDArray[Any]] | None,
        count: int,
    ) -> None:
        """Add rows to the columns; `columns` is None where another rank writes them."""
        begin = int(file[particles.count][: self.index].sum())
        rows = {particles.name: np.full(count, self.index)}
        for column, array in particles.columns.items():
            name = particles.dataset(column)
            rows[name] = np.empty(0, array.dtype) if columns is None else columns[column]
        for name, values in rows.items():
            file[name].resize(begin + count, axis=0)
            mine = len(values)
            put(file[name], slice(begin, begin + mine), values)
        here = slice(self.index, self.index + 1)
        put(file[particles.count], here, np.array([count]))
