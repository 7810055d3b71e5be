"""Compression of chunks, as HDF5 knows it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from numpy.typing import NDArray

from parcompute.errors import ConfigError

COMPRESSIONS = ("gzip", "lzf", "zstd")

_ZSTD = 32015  # its number in HDF5


@dataclass(frozen=True)
class Filters:
    """What HDF5 does with a chunk before it is written.

    Attributes
    ----------
    name : {"gzip", "lzf", "zstd"}
        The compression; bytes of equal significance are put side by side before it (shuffle).
    """

    name: str

    @classmethod
    def of(cls, compression: str | None) -> Filters | None:
        """Return the filters of ``output.compression``.

        Raises
        ------
        ConfigError
            If a package is missing.
        """
        if compression is None:
            return None
        if compression == "zstd" and find_spec("hdf5plugin") is None:
            raise ConfigError(
                "output.compression=zstd needs the package hdf5plugin, to write and to read: "
                "pip install hdf5plugin, or use gzip."
            )
        return cls(compression)

    @property
    def is_collective(self) -> bool:
        """Whether all ranks may write through the filter together.

        Parallel HDF5 (1.10) forgets which chunks a filter has left as they are, as lzf does with
        what it cannot make smaller: they can never be read again. gzip never does that.
        """
        return self.name == "gzip"

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of h5py's ``create_dataset``."""
        if self.name == "zstd":
            import hdf5plugin

            return {**hdf5plugin.Zstd(), "shuffle": True}
        return {"compression": self.name, "shuffle": True}

    def encode(self, chunk: NDArray[Any]) -> tuple[int, bytes]:
        """Return the filter mask and the bytes of `chunk`, as they stand in the file.

        HDF5 itself does it, in a file in memory, so that every filter it knows can be used.
        """
        import h5py

        with h5py.File("chunk", "w", driver="core", backing_store=False) as file:
            dataset = file.create_dataset(
                "chunk", chunk.shape, chunk.dtype, chunks=chunk.shape, **self.arguments
            )
            dataset[...] = chunk
            file.flush()
            mask, data = dataset.id.read_direct_chunk((0,) * chunk.ndim)
        return mask, data


def load_filters(file: Any) -> None:
    """Let HDF5 decompress what is in the open h5py `file`.

    Raises
    ------
    ConfigError
        If a package is missing.
    """
    if not any(_ZSTD in _filters(node) for node in file.values()):
        return
    if find_spec("hdf5plugin") is None:
        raise ConfigError(
            f"'{file.filename}' is compressed with zstd, which needs the package hdf5plugin to be "
            f"read: pip install hdf5plugin."
        )
    import_module("hdf5plugin")  # it makes its filters known


def _filters(node: Any) -> list[int]:
    if not getattr(node, "chunks", None):
        return []
    plist = node.id.get_create_plist()
    return [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
