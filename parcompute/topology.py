"""Cartesian arithmetic of ranks: which rank sits where, and who its neighbours are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from parcompute.box import Index
from parcompute.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CartTopology:
    """Ranks on a Cartesian grid, numbered in C order (the last axis varies fastest), as in MPI.

    Parameters
    ----------
    dims : tuple of int
        Ranks along each axis.
    periods : tuple of bool
        Whether each axis wraps around.
    """

    dims: Index
    periods: tuple[bool, ...]

    @property
    def size(self) -> int:
        """Number of ranks."""
        return prod(self.dims)

    def coords(self, rank: int) -> Index:
        """Return the coordinates of `rank`."""
        coords = []
        for dim in reversed(self.dims):
            rank, coord = divmod(rank, dim)
            coords.append(coord)
        return tuple(reversed(coords))

    def rank(self, coords: Index) -> int:
        """Return the rank at `coords`, which must lie inside the topology."""
        rank = 0
        for coord, dim in zip(coords, self.dims, strict=True):
            rank = rank * dim + coord
        return rank

    def neighbour(self, rank: int, direction: Index) -> int | None:
        """Return the rank one `direction` away (entries -1, 0, 1), or None beyond a wall."""
        coords = []
        for coord, step, dim, periodic in zip(
            self.coords(rank), direction, self.dims, self.periods, strict=True
        ):
            moved = coord + step
            if not 0 <= moved < dim:
                if not periodic:
                    return None
                moved %= dim
            coords.append(moved)
        return self.rank(tuple(coords))


def _factorisations(size: int, axes: int) -> Iterator[Index]:
    if axes == 1:
        yield (size,)
        return
    for first in _divisors(size):
        for rest in _factorisations(size // first, axes - 1):
            yield (first, *rest)


@lru_cache
def _divisors(size: int) -> tuple[int, ...]:
    small = [d for d in range(1, int(size**0.5) + 1) if size % d == 0]
    large = [size // d for d in reversed(small) if d * d != size]
    return (*small, *large)


def balanced_dims(size: int, axes: int) -> Index:
    """Return the ranks along each axis that are as equal as can be, largest first."""
    descending = (dims for dims in _factorisations(size, axes) if list(dims) == sorted(dims)[::-1])
    return min(descending)


def _halo_cells(shape: Index, dims: Index, periods: tuple[bool, ...]) -> int:
    """Cells of all cut planes: what one exchange of width 1 sends in one direction."""
    cells = prod(shape)
    cuts = (d if p and d > 1 else d - 1 for d, p in zip(dims, periods, strict=True))
    return sum(cut * (cells // extent) for cut, extent in zip(cuts, shape, strict=True))


@lru_cache
def best_dims(size: int, shape: Index, periods: tuple[bool, ...]) -> Index:
    """Return the ranks along each axis that give the least halo surface for `shape`.

    Ties go to the smaller largest block, then to cutting the slow axes, whose halo
    is contiguous in memory.

    Raises
    ------
    ConfigError
        If no factorisation of `size` leaves every rank at least one cell along every axis.
    """
    fitting = [
        dims
        for dims in _factorisations(size, len(shape))
        if all(d <= n for d, n in zip(dims, shape, strict=True))
    ]
    if not fitting:
        raise ConfigError(
            f"{size} ranks cannot share a grid of shape {list(shape)}: every rank needs at least "
            f"one cell along each axis; use fewer ranks (backend.ranks) or a larger grid."
        )

    def cost(dims: Index) -> tuple[int, int, Index]:
        largest = prod(-(-n // d) for n, d in zip(shape, dims, strict=True))
        return _halo_cells(shape, dims, periods), largest, tuple(reversed(dims))

    return min(fitting, key=cost)


def check_dims(dims: Index, size: int, shape: Index) -> Index:
    """Return the pinned `dims` if they suit `size` ranks and `shape`; raise ConfigError if not."""
    if len(dims) != len(shape) or any(d < 1 for d in dims):
        raise ConfigError(
            f"backend.dims must give a positive number of ranks for each of the {len(shape)} axes "
            f"of the grid, got {list(dims)}."
        )
    if prod(dims) != size:
        raise ConfigError(
            f"backend.dims={list(dims)} needs {prod(dims)} ranks, but there are {size}: change "
            f"backend.dims or backend.ranks."
        )
    for axis, (d, n) in enumerate(zip(dims, shape, strict=True)):
        if d > n:
            raise ConfigError(
                f"backend.dims={list(dims)} puts {d} ranks along axis {axis}, which has only "
                f"{n} cells: use at most {n} there."
            )
    return tuple(dims)
