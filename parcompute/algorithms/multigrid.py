"""Geometric multigrid: V-cycles and full multigrid on grids that are halved level by level.

A level is the equation A u = f on a grid with cells of twice the size of those of the level before;
its u is a correction, so that its boundaries are homogeneous. Blocks of neighbouring levels need
not match, and coarse levels have fewer ranks; the numbers depend on neither. See Brandt,
"Multi-level adaptive solutions to boundary-value problems", Math. Comp. 31, 1977; Trottenberg,
Oosterlee & Schueller, "Multigrid", 2001, sections 2.4 to 2.6 and 6.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parcompute.algorithms.coarsening import CELLS, Coarsening
from parcompute.algorithms.levels import Equation, Level, Link
from parcompute.box import Index
from parcompute.comm import Communicator
from parcompute.decomposition import Decomposition
from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.topology import best_dims

_MOST_COARSEST = 64  # cells along an axis of the last level, where sweeps have to do it all


class Multigrid:
    """Solves A u = f by V-cycles.

    Parameters
    ----------
    equation : callable
        ``equation(u, f)`` returns the `Equation` of a level, such as `Poisson`.
    u, f : Field
        Unknown and right-hand side, at cell centres.
    coarsening : Coarsening
        How values go between levels.
    levels : int, optional
        Levels, the given one included; default as many as the grid can be halved.
    before, after : int
        Smoothing sweeps before and after the correction from the next level.
    cells_per_rank : int
        A level has as many ranks as get so many cells each, at least one rank.

    Raises
    ------
    ConfigError
        If the grid cannot be halved so many times, too many cells are left on the last level, or
        u is no field of floats at centres, or the coarsening does not suit walls.
    """

    def __init__(
        self,
        equation: Callable[[Field, Field], Equation],
        u: Field,
        f: Field,
        *,
        coarsening: Coarsening = CELLS,
        levels: int | None = None,
        before: int = 2,
        after: int = 1,
        cells_per_rank: int = 16384,
    ) -> None:
        grid = u.grid
        _check_field(u, coarsening)
        self._before, self._after = before, after
        self._coarsening, self._cells_per_rank = coarsening, cells_per_rank
        count = _checked_levels(grid, levels)
        self.levels = [Level(equation, u, f)]
        self.links: list[Link] = []
        level: Level | None = self.levels[0]
        while level is not None and len(self.levels) < count:
            level = self._add(level, equation)

    def _add(self, fine: Level, equation: Callable[[Field, Field], Equation]) -> Level | None:
        """Add the level after `fine`; return it, None if this rank has no cells of it."""
        grid = fine.u.grid
        shape = tuple(n // 2 for n in grid.shape_global)
        dims = coarse_dims(grid, self._cells_per_rank)
        blocks = Decomposition.plan(shape, int(np.prod(dims)), grid.periods, dims)
        comm = _first_ranks(grid.comm, blocks.topology.size)
        coarse = None
        if comm is not None:
            halved = Grid(shape, grid.extent, comm=comm, periods=grid.periods, dims=dims)
            coarse = fine.coarser(equation, halved)
            self.levels.append(coarse)
        self.links.append(Link(grid.comm, fine, coarse, blocks, self._coarsening))
        return coarse

    def cycle(self) -> None:
        """Make one V-cycle; collective."""
        self._cycle(0)

    def full(self) -> None:
        """Make one cycle of full multigrid: start on the coarsest level, a V-cycle on each."""
        top = self.levels[0]
        top.equation.residual(top.r)
        self._full(0)

    def residual(self) -> Field:
        """Return the residual of the given equation; collective."""
        top = self.levels[0]
        top.equation.residual(top.r)
        return top.r

    def _full(self, k: int) -> None:
        if k < len(self.links):
            link = self.links[k]
            link.restrict(link.fine.f if k else link.fine.r)
            if link.coarse is not None:
                link.coarse.u.owned[...] = 0.0
                self._full(k + 1)
            link.correct()
        self._cycle(k)

    def _cycle(self, k: int) -> None:
        level = self.levels[k]
        if k == len(self.links):
            level.equation.solve()
            return
        level.equation.smooth(self._before)
        level.equation.residual(level.r)
        link = self.links[k]
        link.restrict(level.r)
        if link.coarse is not None:
            link.coarse.u.owned[...] = 0.0
            self._cycle(k + 1)
        link.correct()
        level.equation.smooth(self._after)

    def describe(self) -> list[str]:
        """Return the cells and ranks of each level of this rank."""
        return [
            f"{' x '.join(map(str, grid.shape_global))} cells on {' x '.join(map(str, grid.dims))}"
            for grid in (level.u.grid for level in self.levels)
        ]


def _check_field(u: Field, coarsening: Coarsening) -> None:
    if "face" in u.at or u.dtype.kind != "f" or min(u.depth) < 1:
        raise ConfigError(
            f"Multigrid expected a field of floats at cell centres with a halo of 1 or more, got "
            f"'{u.name}' of {u.dtype} at {list(u.at)} with the halo {list(u.depth)}."
        )
    if not coarsening.walls and not all(u.grid.periods):
        raise ConfigError(
            f"Multigrid on {coarsening.name} needs a grid that is periodic along all axes, got "
            f"periods={list(u.grid.periods)}: use coarsening=CELLS."
        )


def most_levels(grid: Grid) -> int:
    """Return how many levels a grid allows: all axes are halved, a periodic one to even or 1."""
    levels, shape = 1, grid.shape_global
    while all(
        n % 2 == 0 and (not periodic or n % 4 == 0 or n == 2)
        for n, periodic in zip(shape, grid.periods, strict=True)
    ):
        levels, shape = levels + 1, tuple(n // 2 for n in shape)
    return levels


def _checked_levels(grid: Grid, levels: int | None) -> int:
    most, shape = most_levels(grid), list(grid.shape_global)
    if levels is not None and not 1 <= levels <= most:
        raise ConfigError(
            f"Multigrid with {levels} levels needs from 1 level on, and cells along each axis that "
            f"are multiples of {2 ** max(0, levels - 1)}; the grid {shape} allows {most}."
        )
    count = levels or most
    coarsest = [n >> (count - 1) for n in shape]
    if max(coarsest) > _MOST_COARSEST:
        raise ConfigError(
            f"Multigrid expected a grid whose coarsest level has at most {_MOST_COARSEST} cells "
            f"along an axis, but {shape} can only be halved to {coarsest}: use sizes with more "
            f"factors of 2."
        )
    return count


def coarse_dims(grid: Grid, cells_per_rank: int) -> Index:
    """Return the ranks along each axis of the level after that of `grid`."""
    shape = tuple(n // 2 for n in grid.shape_global)
    size = grid.comm.Get_size()
    wanted = max(1, min(size, int(np.prod(shape)) // cells_per_rank))
    if wanted == size and all(d <= n for d, n in zip(grid.dims, shape, strict=True)):
        return grid.dims
    for ranks in range(wanted, 1, -1):
        try:
            return best_dims(ranks, shape, grid.periods)
        except ConfigError:  # no such number of ranks can share so few cells
            continue
    return (1,) * grid.ndim


def _first_ranks(comm: Communicator, count: int) -> Communicator | None:
    """Return the communicator of the first ranks, None on the others; collective."""
    if count == comm.Get_size():
        return comm
    inside = comm.Get_rank() < count
    part: Communicator = comm.Split(int(not inside), comm.Get_rank())
    return part if inside else None
