"""Read an array that a user brings: .npy, .npz, HDF5/netCDF-4 and image files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Index
from parcompute.errors import ConfigError

_HDF5 = {".h5", ".hdf5", ".nc", ".nc4"}
_IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif"}


def read_array(source: str, shape: Index, refine: int = 1) -> NDArray[np.float64]:
    """Return the array that ``FILE[:NAME]`` names, as float64.

    Parameters
    ----------
    source : str
        A file of type .npy, .npz, .h5/.hdf5/.nc or an image (8 bits: grey levels from 0 to 1;
        16 bits and more: as they are); ``:NAME`` chooses the array in a file that holds several.
        ``pkg://PACKAGE/FILE`` is a file inside an installed Python package.
    shape : tuple of int
        The shape that is needed.
    refine : int
        How many of the values that are needed lie between two of the file, along each axis.

    Raises
    ------
    ConfigError
        If the file cannot be read, or the array has another shape or holds NaN or infinity.
    """
    try:
        array = np.asarray(_read(*_split(source), len(shape)))
    except ConfigError:
        raise
    except Exception as error:  # the readers raise whatever they like on a damaged file
        raise ConfigError(f"'{source}' cannot be read as an array: {_reason(error)}.") from None
    if array.dtype.kind not in "biuf":
        raise ConfigError(f"'{source}' holds {array.dtype} values; real numbers are needed.")
    finer = tuple(refine * n for n in array.shape)
    if finer != tuple(shape):
        advice = "choose another array"
        if array.ndim == len(shape):
            advice = f"set experiment.shape=[{','.join(map(str, finer))}] or {advice}"
        raise ConfigError(
            f"'{source}' has the shape {list(array.shape)}{_times(refine)}, but the grid has "
            f"{list(shape)}: "
            f"{advice}."
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise ConfigError(
            f"'{source}' holds {len(bad)} values that are NaN or infinite, the first at index "
            f"{bad[0].tolist()}: fill them before the run."
        )
    return _refined(array.astype(np.float64), refine)


def _times(refine: int) -> str:
    return f", refined {refine} times" if refine > 1 else ""


def _refined(values: NDArray[np.float64], refine: int) -> NDArray[np.float64]:
    """Divide each cell into `refine` along each axis; values lie on lines between its neighbours.

    Beyond the centres of the outermost cells their values are kept.
    """
    for axis, count in enumerate(values.shape if refine > 1 else ()):
        places = np.clip((np.arange(count * refine) + 0.5) / refine - 0.5, 0, count - 1)
        below = np.minimum(places.astype(int), max(count - 2, 0))
        above = np.minimum(below + 1, count - 1)
        part = (places - below).reshape((-1, *(1,) * (values.ndim - 1 - axis)))
        low, high = values.take(below, axis), values.take(above, axis)
        values = low + part * (high - low)
    return values


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "it is no such file, or damaged" if "allow_pickle" in text else text.rstrip(".")


def _split(source: str) -> tuple[Path, str | None]:
    prefix = "pkg://"
    text = source.removeprefix(prefix)
    file, colon, name = text.rpartition(":")
    if not colon or Path(text).suffix.lower() in {".npy", ".npz", *_HDF5, *_IMAGES}:
        file, name = text, ""
    path = _in_package(file) if source.startswith(prefix) else Path(file).expanduser()
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise ConfigError(f"The file '{path}' {what}.")
    return path, name or None


def _in_package(text: str) -> Path:
    package, _, rest = text.partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"'pkg://{text}' names the Python package '{package}', not installed.")
    return Path(spec.submodule_search_locations[0]) / rest


def _read(path: Path, name: str | None, ndim: int) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            arrays = [key for key in archive.files if archive[key].ndim]
            return archive[_chosen(path, name, archive.files, arrays)]
    if suffix in _HDF5:
        return _read_hdf5(path, name, ndim)
    if suffix in _IMAGES:
        return _read_image(path)
    known = sorted({".npy", ".npz", *_HDF5, *_IMAGES})
    raise ConfigError(f"'{path}' has the type '{suffix}'; known are {', '.join(known)}.")


def _chosen(path: Path, name: str | None, names: list[str], arrays: list[str]) -> str:
    if name is None and len(arrays) == 1:
        return arrays[0]
    if name not in names:
        got = "no name was given" if name is None else f"'{name}' is not in it"
        raise ConfigError(
            f"'{path}' holds the arrays {', '.join(names)}, and {got}: write {path.name}:NAME."
        )
    return name


def _read_hdf5(path: Path, name: str | None, ndim: int) -> Any:
    """Return a dataset; of snapshots in time, as parcompute writes them, the last complete one."""
    import h5py

    with h5py.File(path, "r") as file:
        names: list[str] = []
        file.visititems(lambda n, node: names.append(n) if hasattr(node, "shape") else None)
        fields = [n for n in names if file[n].ndim > 1]
        key = name.lstrip("/") if name else None
        dataset = file[_chosen(path, key, names, fields)]
        if "step" in file and dataset.ndim == ndim + 1:
            done = np.flatnonzero(file["step"][()] >= 0)
            if len(done):
                return dataset[int(done[-1])]
        return _unpacked(dataset)


def _unpacked(dataset: Any) -> Any:
    """Return the values of a dataset, whose numbers may be packed as netCDF (CF) has it."""
    values, attributes = dataset[()], dataset.attrs
    missing = [attributes[key] for key in ("_FillValue", "missing_value") if key in attributes]
    if missing or "scale_factor" in attributes or "add_offset" in attributes:
        holes = np.isin(values, np.ravel(missing))
        values = values * attributes.get("scale_factor", 1.0) + attributes.get("add_offset", 0.0)
        values[holes] = np.nan
    return values


def _read_image(path: Path) -> Any:
    from PIL import Image

    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            return np.asarray(image, np.float64)
        return np.asarray(image.convert("L"), np.float64) / 255
