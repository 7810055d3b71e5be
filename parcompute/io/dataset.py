"""A run as an xarray Dataset."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parcompute.errors import ConfigError
from parcompute.io.filters import load_filters
from parcompute.io.journal import replay

if TYPE_CHECKING:
    import xarray

_FILE = "fields.h5"
_CHUNKS = {"time": 1, "complex": -1}  # -1: all of it; other dimensions as dask likes


def open_run(path: str | Path) -> xarray.Dataset:
    """Return the complete snapshots of a run, which are read when they are used.

    The dimensions are ``time`` and those of space; ``step`` is a coordinate beside time. With dask
    installed the variables are dask arrays, one chunk or more for each snapshot. Complex numbers
    and truth values have their types. The run may still be going on: open it again to see more.

    Parameters
    ----------
    path : str or Path
        A run directory, or the ``fields.h5`` in it.

    Raises
    ------
    ConfigError
        If there is no such run, or xarray or h5netcdf are not installed.

    Examples
    --------
    >>> import parcompute as pc
    >>> data = pc.open_run("runs/2026-11-27_10-00-00_ab12cd")  # doctest: +SKIP
    >>> data.u.isel(time=-1).plot()  # doctest: +SKIP
    """
    missing = [name for name in ("xarray", "h5netcdf") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"open_run() needs {' and '.join(missing)}: pip install 'parcompute[xarray]'."
        )
    import h5py
    import xarray

    file = Path(path) / _FILE if Path(path).is_dir() else Path(path)
    with suppress(OSError):  # nothing to replay, or a run that is going on
        replay(file)
    try:
        # through a stream: HDF5 would lock the file against the run that writes it, and show what
        # it remembers of the file to all in this process who open it again
        handle = h5py.File(file.open("rb"), "r")
        if "step" not in handle or "time" not in handle:
            raise ValueError("it has no steps")
        load_filters(handle)
        data = xarray.open_dataset(handle, engine="h5netcdf", decode_timedelta=False)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"'{path}' cannot be read as a run: {error}.") from None
    complete: xarray.Dataset = _typed(_chunked(_complete(data)))
    complete.set_close(handle.close)
    return complete


def _complete(data: Any) -> Any:
    """Leave out the snapshots that are not complete."""
    done = (data["step"].to_numpy() >= 0).sum()
    return data.isel(time=slice(0, int(done)))


def _typed(data: Any) -> Any:
    """Put real and imaginary parts together."""
    import xarray

    for name, variable in list(data.data_vars.items()):
        if "complex" in variable.dims:
            data[name] = xarray.apply_ufunc(
                _joined,
                variable,
                input_core_dims=[["complex"]],
                dask="parallelized",
                output_dtypes=[f"c{2 * variable.dtype.itemsize}"],
                keep_attrs=True,
            )
    return data.drop_vars("complex", errors="ignore")


def _joined(parts: NDArray[Any]) -> NDArray[Any]:
    """Return the complex numbers whose parts stand along the last axis, bit by bit."""
    values: NDArray[Any] = np.ascontiguousarray(parts).view(f"c{2 * parts.itemsize}")
    return values[..., 0]


def _chunked(data: Any) -> Any:
    """Make fields dask arrays, if dask is there; what is small is better read at once."""
    if find_spec("dask") is None:
        return data
    fields = {name: variable for name, variable in data.data_vars.items() if variable.ndim > 1}
    return data.assign(
        {
            name: field.chunk({dim: _CHUNKS.get(dim, "auto") for dim in field.dims})
            for name, field in fields.items()
        }
    )
