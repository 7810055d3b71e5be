"""What a user writes: the parameters, fields and step of one computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from parcompute.comm import Communicator
from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.io.arrays import read_array
from parcompute.io.collective import on_root
from parcompute.particles import Particles
from parcompute.stencils import Clock

Solution = Callable[..., Any]
T = TypeVar("T")


class Experiment:
    """Base of all experiments; a subclass is a dataclass whose fields are ``experiment.*``.

    A subclass defines `setup` and either `step` or `advance`; the driver owns the loop, the
    output and everything else that is not the computation itself. The first line of its docstring
    is shown by ``parcompute list``.

    Attributes
    ----------
    steps : int
        How many steps the run makes.
    dt : float
        Time of one step; 1 if the subclass does not define it.
    time_units : str
        Unit of `dt`.
    steps_done : int
        Steps that have been made: in `step` without the one under way, in an `advance` of your
        own without all `n`.
    order : float, optional
        Order of convergence to `exact` as the grid is refined, which ``parcompute verify`` checks.
    """

    steps: int = 0
    dt = 1.0
    time_units = ""
    steps_done = 0
    order: float | None = None

    @property
    def clock(self) -> Clock:
        """The time now, for stencils with boundaries or scalars that vary: ``clock=self.clock``."""
        return Clock(self.steps_done, self.dt)

    def validate(self) -> None:
        """Raise `ConfigError` where the parameters make no sense; called before anything else."""

    def setup(self, comm: Communicator) -> None:
        """Make grid and fields, and set the initial values."""
        raise NotImplementedError(f"{type(self).__name__} must define setup(self, comm).")

    def step(self) -> None:
        """Make one step."""
        raise NotImplementedError(f"{type(self).__name__} must define step() or advance(n).")

    def advance(self, n: int) -> None:
        """Make `n` steps; the driver asks for as many as there are up to the next output."""
        for _ in range(n):
            self.step()
            self.steps_done += 1

    def measure(self) -> dict[str, float]:
        """Return numbers for ``diagnostics.csv``, the same on every rank; called at every snapshot.

        With ``output.measure_every`` also in between. It must not change the state.
        """
        return {}

    def exact(self, time: float) -> dict[str, Solution]:
        """Return the exact solution at `time` by field name, as functions of the coordinates.

        It must follow from the parameters alone: ``parcompute analyze`` calls it without `setup`.
        """
        return {}

    def reduced(self) -> dict[str, Any]:
        """Return parameters that make a run of a second or less, for ``parcompute verify``.

        Blocks must still have an inside on seven ranks, or the place of a difference tells little.
        """
        return {"steps": min(self.steps, 20)}

    def fields(self) -> dict[str, Field]:
        """Return the fields of the experiment by name: its attributes, also in lists and dicts.

        Raises
        ------
        ConfigError
            If two different fields have one name.
        """
        return _by_name(_found_in(vars(self), Field))

    def particles(self) -> dict[str, Particles]:
        """Return the sets of particles by name: its attributes, also in lists and dicts."""
        return _by_name(_found_in(vars(self), Particles))

    def load(self, field: Field, source: str, refine: int = 1) -> None:
        """Set `field` from ``FILE[:NAME]``: rank 0 reads, then the array is scattered; collective.

        With `refine`, the file has a value for so many cells along each axis, and the values of the
        cells lie on straight lines between those of the file (bilinear interpolation).

        Raises
        ------
        ConfigError
            On every rank, if the file cannot be read or does not suit the field.
        """
        comm = field.grid.comm
        array: np.ndarray[Any, Any] | None = None

        def read() -> None:
            nonlocal array
            array = read_array(source, field.shape_global, refine)

        on_root(comm, read)
        field.scatter(array)


def _found_in(value: Any, kind: type[T]) -> Iterator[T]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _found_in(item, kind)


def _by_name(values: Iterator[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        if found.setdefault(value.name, value) is not value:
            raise ConfigError(f"Two fields are named '{value.name}': give each its own name.")
    return found
