"""Particles: arrays whose length differs from rank to rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from parcompute.comm import Communicator
from parcompute.decomposition import block
from parcompute.errors import ConfigError

_TAG = 101  # beside that of fields


class Particles:
    """Columns of equal length on each rank, such as position and charge of the particles there.

    They are written with every snapshot, and kept in checkpoints, as fields are.

    Parameters
    ----------
    name : str
        Name in files.
    comm : Communicator
        The ranks that share them.
    columns : mapping of str to dtype
        What each particle has.
    key : str, optional
        An integer column that tells particles apart. Files then hold them in its order; without
        it in the order of the ranks, so that files differ with the number of ranks.

    Examples
    --------
    >>> import parcompute as pc
    >>> swarm = pc.Particles("swarm", pc.serial(), {"id": int, "x": float}, key="id")
    >>> swarm.set(id=[2, 1], x=[0.5, 0.25])
    >>> swarm["x"] += 1.0
    >>> len(swarm), swarm["x"].tolist()
    (2, [1.5, 1.25])
    """

    def __init__(
        self,
        name: str,
        comm: Communicator,
        columns: Mapping[str, DTypeLike],
        *,
        key: str | None = None,
    ) -> None:
        self.name, self.comm, self.key = name, comm, key
        self._arrays: dict[str, NDArray[Any]] = {
            column: np.zeros(0, dtype) for column, dtype in columns.items()
        }
        integers = [column for column, array in self._arrays.items() if array.dtype.kind in "iu"]
        if not columns or (key is not None and key not in integers):
            raise ConfigError(
                f"Particles '{name}' need columns, and a key that is one of integers; got columns "
                f"{', '.join(columns) or '(none)'} and the key {key!r}."
            )
        for column, array in self._arrays.items():
            if array.dtype.kind not in "iuf":
                raise ConfigError(
                    f"Column '{column}' of particles '{name}' must hold integers or floats, got "
                    f"{array.dtype}."
                )

    def set(self, **columns: ArrayLike) -> None:
        """Replace the particles of this rank.

        Raises
        ------
        ConfigError
            If a column is missing, or lengths differ.
        """
        arrays = {
            name: np.array(columns[name], array.dtype)
            for name, array in self._arrays.items()
            if name in columns
        }
        shapes = {array.shape for array in arrays.values()}
        if set(columns) != set(self._arrays) or len(shapes) != 1 or len(shapes.pop()) != 1:
            raise ConfigError(
                f"Particles '{self.name}' must be set with one array of equal length for each of "
                f"{', '.join(self._arrays)}; got "
                f"{ {name: np.shape(value) for name, value in columns.items()} }."
            )
        self._arrays = arrays

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column of this rank's particles, which may be changed in place."""
        return self._arrays[column]

    def __setitem__(self, column: str, values: ArrayLike) -> None:
        """Change a column of this rank's particles."""
        self._arrays[column][...] = values

    def __len__(self) -> int:
        """Return the number of particles on this rank."""
        return len(next(iter(self._arrays.values())))

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns of this rank by name."""
        return dict(self._arrays)

    @property
    def count(self) -> str:
        """Name of the dataset that holds the number of particles in each snapshot."""
        return f"{self.name}_count"

    def dataset(self, column: str) -> str:
        """Return the name of the dataset of a column."""
        return f"{self.name}_{column}"

    @property
    def datasets(self) -> list[str]:
        """Names of all datasets of the particles."""
        return [self.name, self.count, *map(self.dataset, self._arrays)]

    def gather(self, root: int = 0) -> dict[str, NDArray[Any]] | None:
        """Return the particles of all ranks by column on `root`, in file order; collective."""
        comm = self.comm
        counts = comm.gather(len(self), root)
        if counts is None:
            for array in self._arrays.values():
                comm.Send(np.ascontiguousarray(array), root, _TAG)
            return None
        whole = {name: np.empty(sum(counts), a.dtype) for name, a in self._arrays.items()}
        begin = 0
        for rank, count in enumerate(counts):
            for name, array in whole.items():
                part = array[begin : begin + count]
                if rank == root:
                    part[...] = self._arrays[name]
                else:
                    comm.Recv(part, rank, _TAG)
            begin += count
        if self.key is None:
            return whole
        order = np.argsort(whole[self.key], kind="stable")
        return {name: array[order] for name, array in whole.items()}

    def scatter(self, whole: Mapping[str, NDArray[Any]] | None, root: int = 0) -> None:
        """Give every rank an equal share, in order, of what `root` has; collective."""
        comm = self.comm
        parts: list[dict[str, NDArray[Any]]] | None = None
        if whole is not None and comm.Get_rank() == root:
            total, size = len(next(iter(whole.values()))), comm.Get_size()
            spans = [slice(*block(rank, size, total)) for rank in range(size)]
            parts = [{name: array[span] for name, array in whole.items()} for span in spans]
        self.set(**comm.scatter(parts, root))

    def __repr__(self) -> str:
        return f"Particles('{self.name}', {', '.join(self._arrays)}, {len(self)} here)"
