"""What is written of a field: which cells, and as which type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.errors import ConfigError, ParcomputeError
from parcompute.field import Field
from parcompute.io.pieces import Piece
from parcompute.selection import Selection

_SINGLE = {"float64": "float32", "complex128": "complex64", np.dtype("g").name: "float32"}
_FILE = {"bool": "int8", "float16": "float32"}  # what netCDF has not, and what holds the same


@dataclass(frozen=True)
class View:
    """The chosen cells of a field, in a type that every reader of netCDF-4 knows.

    Complex numbers get a last axis of length 2 (real part, imaginary part), truth values become
    int8, half precision becomes single.

    Attributes
    ----------
    field : Field
        The field.
    selection : Selection
        Its cells that are written.
    dtype : dtype
        Of the values before they are split into parts; a reduced precision if it was asked for.
    """

    field: Field
    selection: Selection
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, field: Field, region: Sequence[str] | None = None, precision: str = "full") -> View:
        """Return the view of `field` that ``output.region`` and ``output.precision`` ask for.

        Raises
        ------
        ConfigError
            If the region does not suit the field, or no reader knows its type.
        """
        dtype = field.dtype.newbyteorder("=")
        if precision == "single" and dtype.name in _SINGLE:
            dtype = np.dtype(_SINGLE[dtype.name])
        if dtype.kind not in "biufc" or dtype.itemsize > (16 if dtype.kind == "c" else 8):
            raise ConfigError(
                f"Field '{field.name}' is of the type {dtype}, which netCDF-4 has not: leave it "
                f"out with output.fields, or give it a type of 64 bits or less."
            )
        return cls(field, parse_region(region, field.shape_global), dtype)

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.field.name

    @property
    def file_dtype(self) -> np.dtype[Any]:
        """Type of the dataset."""
        if self.dtype.kind == "c":
            return np.dtype(f"f{self.dtype.itemsize // 2}")
        return np.dtype(_FILE.get(self.dtype.name, self.dtype))

    @property
    def parts(self) -> Index:
        """Shape of one value: () or (2,)."""
        return (2,) if self.dtype.kind == "c" else ()

    @property
    def shape(self) -> Index:
        """Shape of a snapshot in the file."""
        return self.selection.shape + self.parts

    @property
    def attributes(self) -> dict[str, str]:
        """What readers must know to have the original values back, and what was lost."""
        found = {}
        if self.dtype.kind == "b":
            found["dtype"] = "bool"  # xarray's own convention
        if self.dtype.name != self.field.dtype.name:
            found["precision"] = f"rounded from {self.field.dtype.name} (output.precision)"
        if self.dtype.name == "float16":
            found["original_dtype"] = "float16"
        return found

    def buffer(self) -> NDArray[Any]:
        """Return memory for `piece`."""
        _, local = self.selection.within(self.field.grid.box)
        dtype = self.file_dtype if self.dtype.kind == "f" else self.dtype
        return np.empty((1, *self.field.owned[local].shape), dtype)

    def piece(self, index: int, buffer: NDArray[Any] | None = None) -> Piece:
        """Return a copy of this rank's chosen values as they stand in snapshot `index`.

        Parameters
        ----------
        buffer : ndarray, optional
            From `buffer`, to be used again.

        Raises
        ------
        ParcomputeError
            If a finite value is too large for the reduced precision.
        """
        place, local = self.selection.within(self.field.grid.box)
        chosen = self.field.owned[local]
        values = self.buffer() if buffer is None else buffer
        with np.errstate(over="ignore"):
            np.copyto(values[0], chosen, casting="unsafe")
        if self.dtype.itemsize < self.field.dtype.itemsize:
            self._check_range(values[0], chosen)
        box = Box((index, *(p.start for p in place)), (index + 1, *(p.stop for p in place)))
        if self.parts:
            box = Box((*box.start, 0), (*box.stop, 2))
        whole = Box((index, *(0 for _ in self.shape)), (index + 1, *self.shape))
        return Piece(self.name, whole, box, values.view(self.file_dtype).reshape(box.shape))

    def _check_range(self, values: NDArray[Any], chosen: NDArray[Any]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            total = values.sum()  # not finite if any value is not, and seldom otherwise
        if not np.isfinite(total):
            bad = ~np.isfinite(values) & np.isfinite(chosen)
            if bad.any():
                raise ParcomputeError(
                    f"Field '{self.name}' has the value {chosen[bad][0]}, too large for "
                    f"{values.dtype}: leave output.precision out."
                )


def parse_region(region: Sequence[str] | None, shape: Index) -> Selection:
    """Return the cells that ``output.region`` names: ``start:stop:step`` or an index for each axis.

    Raises
    ------
    ConfigError
        If it does not suit `shape`, or chooses nothing.
    """
    if region is None:
        return Selection.parse(..., shape)
    wanted = f"output.region must give START:STOP:STEP for each of {len(shape)} axes"
    try:
        keys = tuple(_key(text) for text in region)
        selection = Selection.parse(keys, shape)
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{wanted}, got {list(region)} ({error}).") from None
    if len(keys) != len(shape) or 0 in selection.shape or any(r.step < 1 for r in selection.ranges):
        raise ConfigError(
            f"{wanted}, with at least one cell and a positive step, got {list(region)} for the "
            f"shape {list(shape)}."
        )
    return selection


def _key(text: str) -> int | slice:
    parts = [int(part) if part.strip() else None for part in str(text).split(":")]
    if len(parts) == 1:
        return int(text)
    if len(parts) > 3:
        raise ValueError(f"'{text}' has too many colons")
    return slice(*parts)
