"""The levels of multigrid, and what goes between one and the next.

Restriction is computed where the fine values are, interpolation where they will be; between ranks
go boxes of coarse values. So blocks of the two levels may be any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from parcompute.algorithms.coarsening import Coarsening
from parcompute.algorithms.moves import MovePlan, Mover
from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.decomposition import Decomposition, block
from parcompute.field import Field
from parcompute.grid import Grid


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
    if max(offset for offset, _ in coarsening.restriction) > 1:
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
