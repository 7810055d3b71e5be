"""Geometric multigrid: V-cycles and full multigrid on grids that are halved level by level.

A level is the equation A u = f on a grid with cells of twice the size of those of the level before;
its u is a correction, so that its boundaries are homogeneous. Blocks of neighbouring levels need
not match, and coarse levels have fewer ranks; the numbers depend on neither. See Brandt,
"Multi-level adaptive solutions to boundary-value problems", Math. Comp. 31, 1977; Trottenberg,
Oosterlee & Schueller, "Multigrid", 2001, sections 2.4 to 2.6 and 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from parcompute.algorithms.coarsening import CELLS, Coarsening
from parcompute.algorithms.moves import MovePlan, Mover
from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.decomposition import Decomposition, block
from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.topology import best_dims

_MOST_COARSEST = 64  # cells along an axis of the last level, where sweeps have to do it all


class Equation(Protocol):
    """A u = f on one level, as made by ``equation(u, f)``; all calls are collective."""

    def residual(self, r: Field) -> None:
        """Set r to f - A u."""

    def smooth(self, sweeps: int) -> None:
        """Change u so that its error becomes smooth."""

    def solve(self) -> None:
        """Solve the equation on the coarsest level."""


class Level:
    """One level as seen by a rank that has cells of it.

    Attributes
    ----------
    u, f, r : Field
        Unknown, right-hand side and residual.
    equation : Equation
        What they obey.
    """

    def __init__(self, equation: Callable[[Field, Field], Equation], u: Field, f: Field) -> None:
        self.u, self.f = u, f
        self.r = u.like("residual", homogeneous=True)
        self.equation = equation(u, f)

    def coarser(self, equation: Callable[[Field, Field], Equation], grid: Grid) -> Level:
        """Return the level on `grid`."""
        u = self.u
        sides = tuple((low.homogeneous(), high.homogeneous()) for low, high in u.sides)
        made = [
            grid.field(name, dtype=u.dtype, halo=u.depth, boundary=sides) for name in ("u", "f")
        ]
        return Level(equation, *made)


class Link:
    """What goes between a level and the next coarser one.

    Parameters
    ----------
    comm : Communicator
        The ranks of the fine level; those of the coarse level are the first of them.
    fine : Level
        The level.
    coarse : Level or None
        The next one, None on ranks without cells of it.
    blocks : Decomposition
        Cells of the coarse level by rank.
    coarsening : Coarsening
        How values go.
    """

    def __init__(
        self,
        comm: Communicator,
        fine: Level,
        coarse: Level | None,
        blocks: Decomposition,
        coarsening: Coarsening,
    ) -> None:
        self.fine, self.coarse, self._coarsening = fine, coarse, coarsening
        grid, ranks, rank = fine.u.grid, range(comm.Get_size()), comm.Get_rank()
        owned = [_coarse_box(blocks, r) for r in ranks]
        boxes = [grid.decomposition.box(r) for r in ranks]
        parents = [_parents(box, coarsening.centre) for box in boxes]
        windows = [_window(box) for box in boxes]
        dtype = fine.u.dtype
        periods = [n * p for n, p in zip(blocks.shape_global, grid.periods, strict=True)]
        beyond = [_with_ghosts(box, blocks) for box in owned]
        self._up = Mover(MovePlan.build(rank, parents, owned), comm, dtype)
        self._down = Mover(MovePlan.build(rank, beyond, windows, periods), comm, dtype)
        self._parents = np.zeros(parents[rank].shape, dtype)
        self._window = np.zeros(windows[rank].shape, dtype)
        self._parents_from, self._window_from = parents[rank].start, windows[rank].start
        self._owned_from = owned[rank].start
        self._none = np.zeros((0,) * grid.ndim, dtype)
        self._needs_halo = _needs_halo(grid.decomposition, coarsening)

    def restrict(self, values: Field) -> None:
        """Bring values of the fine level to f of the coarse one."""
        if self._needs_halo:
            values.exchange()
        first = tuple(2 * i for i in self._parents_from)
        fine = values.padded[_from(values, first)]
        self._coarsening.restrict(fine, self._parents)
        target = self._none if self.coarse is None else self.coarse.f.owned
        self._up.move(self._parents, self._parents_from, target, self._owned_from)

    def correct(self) -> None:
        """Add the interpolation of u of the coarse level to that of the fine one."""
        source, first = self._none, self._owned_from
        if self.coarse is not None:
            u = self.coarse.u
            u.fill_ghosts()
            source, first = u.padded, _padded_from(u)
        self._down.move(source, first, self._window, self._window_from)
        u = self.fine.u
        begin = tuple(2 * (i + 1) for i in self._window_from)
        shape = tuple(2 * (n - 2) for n in self._window.shape)
        places = tuple(
            slice(s.start, s.start + n) for s, n in zip(_from(u, begin), shape, strict=True)
        )
        self._coarsening.interpolate(self._window, u.padded[places])


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
        If the grid cannot be halved so many times, or too many cells are left on the last level.
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
        cells_per_rank: int = 2048,
    ) -> None:
        grid = u.grid
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


def _coarse_box(blocks: Decomposition, rank: int) -> Box:
    if rank < blocks.topology.size:
        return blocks.box(rank)
    return Box.of_shape((0,) * blocks.ndim)


def _parents(box: Box, centre: int) -> Box:
    """Return the coarse cells whose centre is among the fine cells of `box`."""
    return Box(
        tuple(-((centre - a) // 2) for a in box.start),
        tuple(-((centre - b) // 2) for b in box.stop),
    )


def _window(box: Box) -> Box:
    """Return the coarse cells that the interpolation to the fine cells of `box` needs."""
    return Box(tuple(a // 2 - 1 for a in box.start), tuple((b - 1) // 2 + 2 for b in box.stop))


def _with_ghosts(box: Box, blocks: Decomposition) -> Box:
    """Return the cells of a block with the layer of ghosts beyond the walls that it touches."""
    if not box.size:
        return box
    sides = list(
        zip(box.start, box.stop, blocks.shape_global, blocks.topology.periods, strict=True)
    )
    return box.grow(
        tuple(int(a == 0 and not periodic) for a, _, _, periodic in sides),
        tuple(int(b == n and not periodic) for _, b, n, periodic in sides),
    )


def _needs_halo(blocks: Decomposition, coarsening: Coarsening) -> bool:
    """Return whether any coarse value is made of fine values of several ranks."""
    if coarsening is not CELLS:
        return True
    return any(
        block(k, d, n)[0] % 2
        for n, d in zip(blocks.shape_global, blocks.topology.dims, strict=True)
        for k in range(d)
    )


def _padded_from(field: Field) -> Index:
    """Return the global index of the first padded cell."""
    return tuple(a - w for a, w in zip(field.grid.box.start, field.halo, strict=True))


def _from(field: Field, first: Index) -> tuple[slice, ...]:
    """Return the part of the padded block from the cell of global index `first` on."""
    return tuple(slice(i - a, None) for i, a in zip(first, _padded_from(field), strict=True))
