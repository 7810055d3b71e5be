"""A field: one value for each cell of a grid, held in a padded block on every rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from parcompute import reductions, settings
from parcompute.box import Box, Index
from parcompute.errors import ConfigError
from parcompute.ghosts import BoundarySpec, GhostFiller, resolve
from parcompute.grid import Grid
from parcompute.halo import check_width
from parcompute.selection import Key, Selection
from parcompute.walls import Frame

_LINE = 64  # bytes of a cache line
_PAGE = 4096  # bytes; rows so far apart compete for the same places in a cache
_TAG = 100  # of scatter and gather; halo messages have tags below 27


def aligned_zeros(shape: Index, dtype: np.dtype[Any], first: int) -> NDArray[Any]:
    """Return an array of zeros in which cell `first` of every row begins a cache line.

    A vector that lies across two lines is loaded twice. So rows are a little longer in memory than
    the array that is returned, unless they are short.
    """
    line = max(1, _LINE // dtype.itemsize)
    pitch = shape[-1]
    if pitch >= _LINE:
        pitch = -(-pitch // line) * line
        if pitch * dtype.itemsize % _PAGE == 0:
            pitch += line
    rows = int(np.prod(shape[:-1], dtype=np.int64))
    memory = np.zeros(rows * pitch + line, dtype)
    place: int = memory.__array_interface__["data"][0] // dtype.itemsize
    begin = -(place + first) % line
    return memory[begin : begin + rows * pitch].reshape(*shape[:-1], pitch)[..., : shape[-1]]


def poison(dtype: np.dtype[Any]) -> Any:
    """Return a value that shows wherever it gets to: NaN; of integers the least, 0 excepted."""
    if dtype.kind == "b":
        return True
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return limits.min or limits.max
    return np.nan


class Field:
    """Values on the cells of a `Grid`: at their centres, or on their lower faces.

    On faces, value i along an axis is that of face i, which lies between the cells i - 1 and i: a
    stencil that computes a cell finds the face below it at offset 0 and that above it at offset 1.
    There are as many values as cells: face 0, on the low wall, is owned; face n, on the high wall,
    is the first ghost. Boundaries that give the value on the wall set face 0 with the ghosts.

    Parameters
    ----------
    grid : Grid
        Where the values live.
    name : str
        Name in files and messages.
    dtype : dtype
        Type of the values.
    halo : tuple of int
        Halo and ghost width along each axis.
    boundary : Boundary or sequence
        What holds at the walls: one for all, or for each axis one or a (low, high) pair.
    at : tuple of str, optional
        "centre" or "face" for each axis; default centres.
    units, long_name : str
        Written to files and pictures.
    missing : float, optional
        A value that stands for none, such as the height of waves on land: files say so
        (``missing_value``), xarray reads NaN, and pictures leave it out.

    Attributes
    ----------
    padded : ndarray
        This rank's block with halo and ghosts, shape ``shape_local + 2 halo``. A stencil may put
        another array in its place: don't keep a reference across a step.
    at : tuple of str
        "centre" or "face" for each axis.
    depth : tuple of int
        Halo that was asked for, which is the layers of ghosts that are filled, along each axis.
    halo : tuple of int
        Width of the padding along each axis: `depth`, or more after `widen`.
    ghosts : GhostFiller
        Fills the ghosts.

    Raises
    ------
    ConfigError
        If the halo is wider than the smallest block of any rank or a boundary does not suit the
        field; the same on every rank.
    """

    def __init__(
        self,
        grid: Grid,
        name: str,
        *,
        dtype: DTypeLike,
        halo: Index,
        boundary: BoundarySpec,
        at: tuple[str, ...] | None = None,
        units: str = "",
        long_name: str = "",
        missing: float | None = None,
    ) -> None:
        check_width(grid.decomposition, halo)
        self.grid = grid
        self.name = name
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.at = at or ("centre",) * grid.ndim
        self.depth = self.halo = halo
        self.sides = resolve(boundary, grid.periods)
        self.units = units
        self.long_name = long_name or name
        self.missing = missing
        self.ghosts = self._filler(halo)
        self.padded: NDArray[Any] = self._zeros(halo)
        self._spare: NDArray[Any] | None = None

    def like(self, name: str, *, homogeneous: bool = False) -> Field:
        """Return a field of zeros on the same grid, of the same type, place and halo.

        Parameters
        ----------
        name : str
            Its name.
        homogeneous : bool
            Whether its boundaries are those of the difference of two such fields (`Dirichlet` with
            the value 0, and so on).

        Raises
        ------
        ConfigError
            If it is to be homogeneous and a boundary is `Custom`.
        """
        sides = self.sides
        if homogeneous:
            sides = tuple((low.homogeneous(), high.homogeneous()) for low, high in sides)
        return Field(
            self.grid,
            name,
            dtype=self.dtype,
            halo=self.depth,
            boundary=sides,
            at=self.at,
            units=self.units,
        )

    def _zeros(self, halo: Index) -> NDArray[Any]:
        shape = tuple(n + 2 * w for n, w in zip(self.shape_local, halo, strict=True))
        block = aligned_zeros(shape, self.dtype, halo[-1])
        if settings.current().poison:
            block[...] = poison(self.dtype)
            block[Box.of_shape(self.shape_local).shift(halo).slices] = 0
        return block

    def _filler(self, halo: Index) -> GhostFiller:
        grid = self.grid
        frame = Frame(
            grid.shape_global,
            grid.box.start,
            tuple(n // d for n, d in zip(grid.shape_global, grid.dims, strict=True)),
            grid.extent,
            grid.periods,
            tuple(place == "face" for place in self.at),
        )
        return GhostFiller(
            self.sides,
            grid.walls,
            self.shape_local,
            halo,
            self.depth,
            frame=frame,
            dtype=self.dtype,
        )

    @property
    def shape_global(self) -> Index:
        """Shape of the whole field."""
        return self.grid.shape_global

    @property
    def shape_local(self) -> Index:
        """Shape of the cells that this rank owns."""
        return self.grid.shape_local

    @property
    def owned_box(self) -> Box:
        """The owned cells in indices of `padded`."""
        return Box.of_shape(self.shape_local).shift(self.halo)

    @property
    def owned(self) -> NDArray[Any]:
        """The owned cells: a plain NumPy view of `padded`."""
        return self.padded[self.owned_box.slices]

    def spare(self) -> NDArray[Any]:
        """Return a second padded block, made at the first call, for a kernel to write to."""
        if self._spare is None:
            self._spare = self._zeros(self.halo)
        return self._spare

    def swap(self) -> None:
        """Put the spare block in the place of `padded`, and the other way round."""
        self.padded, self._spare = self.spare(), self.padded

    def fill(self, function: Callable[..., ArrayLike]) -> None:
        """Set the owned cells to ``function(*coordinates)``, e.g. ``f(y, x)``.

        The coordinates are those of the field (cell centres or faces), one broadcastable array for
        each axis.
        """
        self.owned[...] = function(*self.coordinates_local())

    def coordinates_local(self) -> list[NDArray[np.float64]]:
        """Return the coordinates of the owned values, one broadcastable array for each axis."""
        return self.grid.coordinates_local(self.at)

    def coordinates_global(self, axis: int) -> NDArray[np.float64]:
        """Return the coordinates of all values along `axis`, shape (n,)."""
        return self.grid.coordinates_global(axis, self.at[axis])

    def fill_ghosts(self, time: float = 0.0) -> None:
        """Fill the ghost cells, and faces on low walls, from the boundaries at `time`."""
        self.ghosts.fill(self.padded, time)

    def exchange(self, *, corners: bool = True, time: float = 0.0) -> None:
        """Bring halo and ghost cells up to date, with boundaries as at `time`; collective."""
        exchanger = self.grid.exchanger(self.halo, corners=corners)
        exchanger.exchange(self.padded)
        self.fill_ghosts(time)

    def widen(self, halo: Index) -> None:
        """Make the padding at least `halo` wide along each axis, with the owned values kept.

        The layers of ghosts that are filled stay `depth`; what lies beyond them is undefined, as
        are halo, ghosts and the spare block until the next exchange. Every rank must call it alike.

        Raises
        ------
        ConfigError
            If the halo does not fit into the smallest block of any rank.
        """
        check_width(self.grid.decomposition, halo)
        wider = tuple(max(pair) for pair in zip(self.halo, halo, strict=True))
        if wider == self.halo:
            return
        ghosts = self._filler(wider)
        self.grid.release(self.padded)
        self.grid.release(self._spare)
        self._spare = None  # before memory is taken for another one
        owned = self.owned
        self.halo, self.ghosts = wider, ghosts
        self.padded = self._zeros(wider)
        self.owned[...] = owned

    def __getitem__(self, key: Key) -> Any:
        """Return the selected cells, by global index, as an array on every rank; collective."""
        chosen = Selection.parse(key, self.shape_global)
        place, local = chosen.within(self.grid.box)
        result = np.zeros(chosen.shape, self.dtype)
        for part, values in self.grid.comm.allgather((place, self.owned[local])):
            result[part] = values
        return result.reshape(chosen.shape_result)[()]

    def __setitem__(self, key: Key, value: ArrayLike) -> None:
        """Set the selected cells, by global index; every rank takes its part of `value`."""
        chosen = Selection.parse(key, self.shape_global)
        place, local = chosen.within(self.grid.box)
        whole = np.broadcast_to(np.asarray(value), chosen.shape_result).reshape(chosen.shape)
        self.owned[local] = whole[place]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Apply a ufunc to the owned cells; the result is this rank's NumPy array."""
        arrays = [x.owned if isinstance(x, Field) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(x.owned if isinstance(x, Field) else x for x in kwargs["out"])
        return getattr(ufunc, method)(*arrays, **kwargs)

    def scatter(self, array: NDArray[Any] | None, root: int = 0) -> None:
        """Give every rank its block of `array`, which only `root` needs to have; collective.

        Raises
        ------
        ConfigError
            If the array has another shape than the field; on every rank.
        """
        comm = self.grid.comm
        is_root = comm.Get_rank() == root
        shape = comm.bcast(np.shape(array) if array is not None and is_root else None, root)
        if shape != self.shape_global:
            raise ConfigError(
                f"scatter() of field '{self.name}' expected an array of shape "
                f"{self.shape_global} on rank {root}, got {shape}."
            )
        if is_root and array is not None:
            self._send_blocks(array, root)
        else:
            block = np.empty(self.shape_local, self.dtype)
            comm.Recv(block, root, _TAG)
            self.owned[...] = block

    def _send_blocks(self, array: NDArray[Any], root: int) -> None:
        comm = self.grid.comm
        for rank in range(comm.Get_size()):
            block = array[self.grid.decomposition.box(rank).slices]
            if rank == root:
                self.owned[...] = block
            else:
                comm.Send(np.ascontiguousarray(block, self.dtype), rank, _TAG)

    def gather(self, root: int = 0) -> NDArray[Any] | None:
        """Return the whole field on `root`, None on the other ranks; collective."""
        comm = self.grid.comm
        if comm.Get_rank() != root:
            comm.Send(np.ascontiguousarray(self.owned), root, _TAG)
            return None
        whole = np.empty(self.shape_global, self.dtype)
        for rank in range(comm.Get_size()):
            box = self.grid.decomposition.box(rank)
            if rank == root:
                whole[box.slices] = self.owned
            else:
                block = np.empty(box.shape, self.dtype)
                comm.Recv(block, rank, _TAG)
                whole[box.slices] = block
        return whole

    def sum(self, *, fast: bool = False) -> Any:
        """Return the sum of all cells, correctly rounded unless `fast`; collective.

        Only the bits of a `fast` sum depend on the ranks; see `parcompute.reductions`.
        """
        return reductions.total(self.grid.comm, self.owned, fast=fast)

    def mean(self, *, fast: bool = False) -> Any:
        """Return the mean of all cells, correctly rounded unless `fast`; collective."""
        return reductions.mean(self.grid.comm, self.owned, fast=fast)

    def norm(self, order: int = 2, *, fast: bool = False) -> float:
        """Return the sum of absolute values (`order` 1), or the root of that of squares (2)."""
        return reductions.norm(self.grid.comm, self.owned, order, fast=fast)

    def dot(self, other: Field, *, fast: bool = False) -> Any:
        """Return the sum of the products with another field of the same grid; collective."""
        return reductions.dot(self.grid.comm, self.owned, other.owned, fast=fast)

    def variance(self, *, ddof: int = 0) -> float:
        """Return the variance of all cells, correctly rounded; collective."""
        return reductions.variance(self.grid.comm, self.owned, ddof=ddof)

    def moments(self) -> reductions.Moments:
        """Return mean, variance, skewness and excess kurtosis of all cells; collective."""
        return reductions.moments(self.grid.comm, self.owned)

    def histogram(
        self, bins: int | ArrayLike = 10, between: tuple[float, float] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return how many cells lie in each bin, and the edges, as NumPy does; collective."""
        return reductions.histogram(self.grid.comm, self.owned, bins, between)

    def min(self) -> Any:
        """Return the smallest value, NaN if there is one; collective."""
        return reductions.smallest(self.grid.comm, self.owned)

    def max(self) -> Any:
        """Return the largest value, NaN if there is one; collective."""
        return reductions.largest(self.grid.comm, self.owned)

    def argmin(self) -> Index:
        """Return the global index of the smallest value, or of the first NaN; collective."""
        return self._place(np.argmin)

    def argmax(self) -> Index:
        """Return the global index of the largest value, or of the first NaN; collective."""
        return self._place(np.argmax)

    def _place(self, find: Callable[[NDArray[Any]], Any]) -> Index:
        grid = self.grid

        def number(index: int) -> int:
            local = np.unravel_index(index, self.shape_local)
            cell = [int(i) + low for i, low in zip(local, grid.box.start, strict=True)]
            return int(np.ravel_multi_index(cell, self.shape_global))

        found = reductions.place(grid.comm, self.owned, find, number)
        return tuple(int(i) for i in np.unravel_index(found, self.shape_global))

    def __repr__(self) -> str:
        return f"Field('{self.name}', {self.dtype}, {self.grid!r})"
