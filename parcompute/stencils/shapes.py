"""Shapes of tiles: recipes that are worth trying, and what they mean for the block of a rank."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from parcompute.box import Index


class Recipe(NamedTuple):
    """How sweeps are tiled in time, the same on every rank.

    Attributes
    ----------
    depth : int
        Sweeps of a tile.
    width : int
        Cells of a tile along the last axis, about; 0: all.
    middle : int
        Cells along the middle axis of a 3-D grid.
    rows : int
        Rows (planes) along axis 0 that go through all sweeps together.
    stream : bool
        Whether the last results of a tile go past the cache to memory.
    """

    depth: int
    width: int
    middle: int
    rows: int
    stream: bool = False

    def __str__(self) -> str:
        sweeps = "sweep by sweep" if self.depth == 1 else f"{self.depth} sweeps per tile"
        return f"{sweeps}, past the cache" if self.stream else sweeps


class Shape(NamedTuple):
    """A recipe for the block of one rank.

    Attributes
    ----------
    depth : int
        Sweeps of a tile.
    tile : tuple of int
        Cells of a tile along each axis.
    rows : int
        Rows (planes) that go through all sweeps together.
    stream : bool
        Whether the last results of a tile go past the cache to memory.
    """

    depth: int
    tile: Index
    rows: int
    stream: bool = False


_PIECES = 8  # tiles of each thread in a plain sweep: the others wait for at most one of them
_FEWEST = 4  # tiles of each thread in a time tile, which are larger
_PLAIN_ROWS = 32  # of the middle axis, so that the planes of a stencil stay in the cache
_LINE = 8  # numbers in a cache line
_ALL = 1 << 40
_STAGE = 1 << 17  # cells of a plain sweep that are computed at a time


def plain_shape(block: Index, threads: int, *, staged: bool) -> Shape:
    """Return the tiles of one sweep: rows of full length, planes of a few rows.

    Parameters
    ----------
    block : tuple of int
        Cells of the block.
    threads : int
        Threads that share it.
    staged : bool
        Whether there are intermediates, which are to stay in the cache.
    """
    if staged:
        return shape_of(_staged(len(block), 1), block, threads)
    if len(block) == 3:
        tile: Index = (-(-block[0] // threads), min(_PLAIN_ROWS, block[1]), block[2])
    else:
        pieces = _PIECES * threads if threads > 1 else 1
        tile = (-(-block[0] // pieces), *block[1:])
    return Shape(1, tile, _plain_rows(tile))


def _plain_rows(tile: Index) -> int:
    """Return the rows of a tile of one sweep that are computed before ghosts of more are filled.

    Few, so that what is filled is still in the cache; but vectors that read what has just been
    stored number by number wait for it.
    """
    return max(1, _STAGE // prod(tile[1:]))


def shape_of(recipe: Recipe, block: Index, threads: int) -> Shape:
    """Return the tile of a block of `block` cells."""
    width = _even(block[-1], recipe.width)
    if len(block) == 1:
        return Shape(recipe.depth, (width,), _ALL, recipe.stream)
    middle = (_even(block[1], recipe.middle),) if len(block) == 3 else ()
    across = -(-block[-1] // width) * (-(-block[1] // middle[0]) if middle else 1)
    pieces = -(-_FEWEST * threads // across) if threads > 1 else 1
    height = max(-(-block[0] // pieces), 4 * recipe.depth)
    return Shape(recipe.depth, (min(height, block[0]), *middle, width), recipe.rows, recipe.stream)


def _even(cells: int, wanted: int) -> int:
    """Return a width near the wanted one that leaves no narrow rest."""
    if not wanted or cells <= wanted:
        return cells
    parts = max(1, round(cells / wanted))
    return -(-cells // (parts * _LINE)) * _LINE


PAST_THE_CACHE = Recipe(1, 0, 0, 0, stream=True)
"""Sweep by sweep, with results that go past the cache."""


def recipes(ndim: int, stream: bool, *, staged: bool = False) -> Iterator[Recipe]:
    """Yield what may be the fastest, for fields in 1-, 2- or 3-D.

    With intermediates, arithmetic takes most of the time: few sweeps gain what there is to gain.
    """
    if staged:
        yield from (_staged(ndim, depth) for depth in (2, 4))
    elif ndim == 1:
        for depth in (4, 16, 64):
            yield Recipe(depth, 2048, 0, 1)
    elif ndim == 2:
        for depth in (4, 8, 16, 32):
            yield Recipe(depth, 512, 0, 8)
        yield Recipe(8, 1024, 0, 4)
        yield Recipe(16, 1024, 0, 4)
    else:
        for depth, middle in ((2, 32), (3, 16), (3, 32), (4, 16), (4, 32), (6, 32)):
            yield Recipe(depth, 512, middle, 1, stream)


def _staged(ndim: int, depth: int) -> Recipe:
    """Return a recipe for kernels with intermediates, which take room in the cache."""
    return Recipe(depth, 2048 if ndim == 1 else 512, 32, 4 if ndim == 2 else 1)


def default_recipe(ndim: int, depth: int) -> Recipe:
    """Return the recipe of a depth that the user has chosen."""
    return Recipe(depth, 2048 if ndim == 1 else 512, 32, 8 if ndim == 2 else 1)
