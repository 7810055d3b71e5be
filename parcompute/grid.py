"""A regular grid of cells: decomposition, communicator and coordinates bound together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from parcompute import settings
from parcompute.boundary import Dirichlet
from parcompute.box import Box, Index
from parcompute.comm import Communicator
from parcompute.decomposition import Decomposition
from parcompute.errors import ConfigError
from parcompute.ghosts import BoundarySpec
from parcompute.halo import HaloExchanger, HaloPlan
from parcompute.walls import positions

if TYPE_CHECKING:
    from parcompute.field import Field

Extent = Sequence[tuple[float, float]]
Place = str | Sequence[str]


class Grid:
    """Cells of equal size, cut into one box for each rank.

    The centre of cell i along an axis with the extent (a, b) and n cells is
    ``a + (i + 1/2) (b - a) / n``; a may be larger than b (an axis that runs downwards). Face i is
    the lower face of cell i, at ``a + i (b - a) / n``.

    Parameters
    ----------
    shape : tuple of int
        Cells along each axis, [z, y, x] order; one, two or three axes.
    extent : sequence of (float, float), optional
        Position of the low and the high wall of each axis; default (0, n): unit cells.
    comm : Communicator
        The ranks that share the grid.
    periods : bool or sequence of bool
        Whether the axes wrap around.
    dims : tuple of int, optional
        Ranks along each axis; default ``backend.dims``, else the least halo surface.
    units : str
        Unit of length, written to files and pictures.

    Raises
    ------
    ConfigError
        If shape, extent or dims cannot be used; the same on every rank.
    """

    def __init__(
        self,
        shape: Sequence[int],
        extent: Extent | None = None,
        *,
        comm: Communicator,
        periods: bool | Sequence[bool] = False,
        dims: Index | None = None,
        units: str = "",
    ) -> None:
        self.shape_global = _checked_shape(shape)
        self.extent = _checked_extent(extent, self.shape_global)
        self.comm = comm
        self.units = units
        ndim = len(self.shape_global)
        wraps = (periods,) * ndim if isinstance(periods, bool) else tuple(periods)
        if len(wraps) != ndim:
            raise ConfigError(f"The grid has {ndim} axes, but periods is {list(wraps)}.")
        self.decomposition = Decomposition.plan(
            self.shape_global, comm.Get_size(), wraps, dims or settings.current().dims
        )
        self.box: Box = self.decomposition.box(comm.Get_rank())
        self.plans: dict[Hashable, Any] = {}  # made once, live as long as the grid

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape_global)

    @property
    def shape_local(self) -> Index:
        """Cells that this rank owns along each axis."""
        return self.box.shape

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes: the last of z, y, x."""
        return ("z", "y", "x")[-self.ndim :]

    @property
    def periods(self) -> tuple[bool, ...]:
        """Whether each axis wraps around."""
        return self.decomposition.topology.periods

    @property
    def dims(self) -> Index:
        """Ranks along each axis."""
        return self.decomposition.topology.dims

    @property
    def spacing(self) -> tuple[float, ...]:
        """Cell size along each axis (positive) [length]."""
        return tuple(
            abs(b - a) / n for (a, b), n in zip(self.extent, self.shape_global, strict=True)
        )

    @property
    def cell_volume(self) -> float:
        """Length, area or volume of a cell."""
        return float(np.prod(self.spacing))

    @property
    def walls(self) -> tuple[tuple[bool, bool], ...]:
        """Whether this rank touches the (low, high) wall of each axis."""
        return tuple(
            (not p and a == 0, not p and b == n)
            for p, a, b, n in zip(
                self.periods, self.box.start, self.box.stop, self.shape_global, strict=True
            )
        )

    def coordinates_global(self, axis: int, at: str = "centre") -> NDArray[np.float64]:
        """Return the cell centres along `axis`, or the lower faces of the cells, shape (n,)."""
        (face,) = _faces(at, 1)
        return self._positions(axis, 0, self.shape_global[axis], face)

    def coordinates_local(self, at: Place = "centre") -> list[NDArray[np.float64]]:
        """Return the coordinates of the owned cells, one broadcastable array for each axis.

        Parameters
        ----------
        at : str or sequence of str
            "centre" or "face" (the lower face of each cell), for all axes or for each.
        """
        box, faces = self.box, _faces(at, self.ndim)
        return [
            self._positions(axis, a, b, face).reshape((-1, *(1,) * (self.ndim - 1 - axis)))
            for axis, (a, b, face) in enumerate(zip(box.start, box.stop, faces, strict=True))
        ]

    def _positions(self, axis: int, start: int, stop: int, face: bool) -> NDArray[np.float64]:
        indices = np.arange(start, stop, dtype=np.float64)
        return positions(self.extent[axis], self.shape_global[axis], indices, face=face)

    def field(
        self,
        name: str,
        *,
        dtype: DTypeLike = np.float64,
        halo: int | Sequence[int] = 1,
        boundary: BoundarySpec | None = None,
        at: Place = "centre",
        units: str = "",
        long_name: str = "",
        missing: float | None = None,
    ) -> Field:
        """Return a new field of zeros on this grid; see `Field` for the parameters."""
        from parcompute.field import Field

        width = (halo,) * self.ndim if isinstance(halo, int) else tuple(halo)
        return Field(
            self,
            name,
            dtype=dtype,
            halo=width,
            boundary=Dirichlet(0.0) if boundary is None else boundary,
            at=places(at, self.ndim),
            units=units,
            long_name=long_name,
            missing=missing,
        )

    def exchanger(
        self, width: Index, *, corners: bool, lane: int = 0, reach: Index | None = None
    ) -> HaloExchanger:
        """Return the exchanger for halos of `width`, made at the first call; collective.

        Fields whose messages are under way at the same time need a `lane` each. `reach` cells
        are moved, all by default.
        """
        moved = tuple(width if reach is None else reach)
        key = ("exchanger", tuple(width), corners, lane, moved)
        if key not in self.plans:
            plan = HaloPlan.build(
                self.decomposition,
                self.comm.Get_rank(),
                tuple(width),
                corners=corners,
                reach=moved,
            )
            self.plans[key] = HaloExchanger(plan, self.comm)
        exchanger: HaloExchanger = self.plans[key]
        return exchanger

    def release(self, padded: NDArray[Any] | None) -> None:
        """Forget the messages of an array that is to go."""
        for plan in self.plans.values():
            if isinstance(plan, HaloExchanger) and padded is not None:
                plan.release(padded)

    def __repr__(self) -> str:
        cells = " x ".join(map(str, self.shape_global))
        ranks = " x ".join(map(str, self.dims))
        return f"Grid({cells} cells on {ranks} ranks, this rank owns {self.box})"


def _checked_shape(shape: Sequence[int]) -> Index:
    cells = tuple(int(n) for n in shape)
    if not 1 <= len(cells) <= 3 or min(cells) < 1:
        raise ConfigError(
            f"A grid needs one to three axes with at least one cell each, got shape {list(cells)}."
        )
    return cells


def _checked_extent(extent: Extent | None, shape: Index) -> tuple[tuple[float, float], ...]:
    if extent is None:
        return tuple((0.0, float(n)) for n in shape)
    pairs = tuple((float(a), float(b)) for a, b in extent)
    if len(pairs) != len(shape) or any(a == b for a, b in pairs):
        raise ConfigError(
            f"The extent must give two different wall positions for each of {len(shape)} axes, "
            f"got {[list(p) for p in pairs]}."
        )
    return pairs


def places(at: Place, ndim: int) -> tuple[str, ...]:
    """Return "centre" or "face" for each axis.

    Parameters
    ----------
    at : str or sequence of str
        For all axes or for each: "centre" or "face", which may be called "edge".

    Raises
    ------
    ConfigError
        If it is anything else.
    """
    names = (at,) * ndim if isinstance(at, str) else tuple(at)
    if len(names) != ndim or not all(name in ("centre", "face", "edge") for name in names):
        raise ConfigError(
            f"A field's place (at=) expected 'centre' or 'face' for each of {ndim} axes, "
            f"got {at!r}."
        )
    return tuple("centre" if name == "centre" else "face" for name in names)


def _faces(at: Place, ndim: int) -> tuple[bool, ...]:
    return tuple(name == "face" for name in places(at, ndim))
