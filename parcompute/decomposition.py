"""Which cells belong to which rank. The one partition formula of parcompute is here."""

from __future__ import annotations

from dataclasses import dataclass

from parcompute.box import Box, Index
from parcompute.topology import CartTopology, best_dims, check_dims


def block(index: int, parts: int, extent: int) -> tuple[int, int]:
    """Return ``start, stop`` of part `index` when `extent` cells are cut into `parts`.

    Part i is ``[i n // p, (i + 1) n // p)``: sizes differ by at most one cell.
    """
    return index * extent // parts, (index + 1) * extent // parts


def slab(index: int, parts: int, shape: Index) -> Box:
    """Return part `index` of an array: some rows, or where they are too few, of the longest axis.

    It may be empty: any number of ranks can share an array in this way.
    """
    axis = 0 if shape[0] >= parts else shape.index(max(shape))
    whole = Box.of_shape(shape)
    low, high = block(index, parts, shape[axis])
    return Box(
        (*whole.start[:axis], low, *whole.start[axis + 1 :]),
        (*whole.stop[:axis], high, *whole.stop[axis + 1 :]),
    )


def block_of(cell: int, parts: int, extent: int) -> int:
    """Return the part that holds `cell`: the inverse of `block`."""
    return ((cell + 1) * parts - 1) // extent


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A global array cut into one box for each rank.

    Pure arithmetic: nothing is stored that grows with the number of ranks, and nothing is
    communicated.

    Parameters
    ----------
    shape_global : tuple of int
        Shape of the global array.
    topology : CartTopology
        Ranks along each axis.
    """

    shape_global: Index
    topology: CartTopology

    @classmethod
    def plan(
        cls,
        shape_global: Index,
        size: int,
        periods: tuple[bool, ...] | None = None,
        dims: Index | None = None,
    ) -> Decomposition:
        """Cut `shape_global` over `size` ranks; `dims` pins the ranks along each axis.

        Raises
        ------
        ConfigError
            If a rank would get no cell, or `dims` does not fit.
        """
        shape = tuple(shape_global)
        periods = (False,) * len(shape) if periods is None else tuple(periods)
        if dims is None:
            chosen = best_dims(size, shape, periods)
        else:
            chosen = check_dims(tuple(dims), size, shape)
        return cls(shape, CartTopology(chosen, periods))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape_global)

    def box_at(self, coords: Index) -> Box:
        """Return the cells owned by the rank at `coords`."""
        spans = [
            block(c, d, n)
            for c, d, n in zip(coords, self.topology.dims, self.shape_global, strict=True)
        ]
        return Box(tuple(a for a, _ in spans), tuple(b for _, b in spans))

    def box(self, rank: int) -> Box:
        """Return the cells owned by `rank`."""
        return self.box_at(self.topology.coords(rank))

    def owner(self, index: Index) -> int:
        """Return the rank that owns the cell at the global `index`."""
        coords = (
            block_of(i, d, n)
            for i, d, n in zip(index, self.topology.dims, self.shape_global, strict=True)
        )
        return self.topology.rank(tuple(coords))
