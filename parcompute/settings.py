"""Choices of the user (not of the program) that kernels and grids look up while a run is going on.

They live in a context variable, so that they hold inside a ``with`` block and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Settings(NamedTuple):
    """What ``backend.*`` and ``kernels.*`` of the configuration mean for grids and kernels.

    Attributes
    ----------
    engine : {"numba", "numpy"}
        The engine that runs stencils.
    dims : tuple of int or None
        Ranks along each axis; None lets every grid choose for its own shape.
    threads : int
        Threads of each rank that share the cells of a sweep.
    time_tile : int or "auto"
        Sweeps that a tile goes through while it is in the cache; 1: no time tiles.
    poison : bool
        Whether new fields begin as NaN outside of their owned cells, so that what is read there
        but never set can be seen.
    """

    engine: str = "numba"
    dims: tuple[int, ...] | None = None
    threads: int = 1
    time_tile: int | str = "auto"
    poison: bool = False


_current: ContextVar[Settings] = ContextVar("parcompute_settings", default=Settings())  # noqa: B039


def current() -> Settings:
    """Return the settings in force."""
    return _current.get()


@contextmanager
def use(settings: Settings) -> Iterator[None]:
    """Put `settings` in force inside a ``with`` block."""
    token = _current.set(settings)
    try:
        yield
    finally:
        _current.reset(token)
