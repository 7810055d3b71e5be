"""What defines a run: the resolved configuration, as plain values that any rank can read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

from parcompute.errors import ConfigError
from parcompute.io.filters import COMPRESSIONS
from parcompute.io.stores import WRITERS

BACKENDS = ("auto", "serial", "multiprocessing", "mpi")
ENGINES = ("numba", "numpy")
PRECISIONS = ("full", "single")


@dataclass
class Backend:
    """Where the ranks run.

    Attributes
    ----------
    name : {"auto", "serial", "multiprocessing", "mpi"}
        auto: mpi under an MPI launcher; else multiprocessing with more than one rank; else serial.
    ranks : int, optional
        Number of ranks; default: one per physical core.
    threads : int
        Threads of each rank, for stencils, OpenMP and BLAS.
    dims : list of int, optional
        Ranks along each axis; default: the least halo surface.
    hang_timeout : float, optional
        Seconds without progress after which the run is ended; None or 0: never.
    """

    name: str = "auto"
    ranks: int | None = None
    threads: int = 1
    dims: list[int] | None = None
    hang_timeout: float | None = 300.0

    def __post_init__(self) -> None:
        _one_of("backend", self.name, BACKENDS)
        _at_least("backend.ranks", self.ranks, 1)
        _at_least("backend.threads", self.threads, 1)
        _is_time("backend.hang_timeout", self.hang_timeout)


@dataclass
class Output:
    """What is written.

    Attributes
    ----------
    every : int
        Steps between snapshots; 0: only the first and the last.
    measure_every : int
        Steps between rows of measures, beside those of the snapshots; 0: no others.
    fields : list of str, optional
        Names of the fields to write; default: all.
    region : list of str, optional
        For each axis ``START:STOP:STEP`` or one index: the cells to write; default: all.
    precision : {"full", "single"}
        single: numbers of 64 bits are rounded to 32.
    compression : {"gzip", "lzf", "zstd"}, optional
        HDF5 filter; default: none.
    writer : {"auto", "mpio", "pwrite", "gathered"}
        How the ranks write; auto: the fastest way that is sound here.
    overlap : bool
        Whether the ranks go on while a snapshot is being written.
    """

    every: int = 0
    measure_every: int = 0
    fields: list[str] | None = None
    region: list[str] | None = None
    precision: str = "full"
    compression: str | None = None
    writer: str = "auto"
    overlap: bool = True

    def __post_init__(self) -> None:
        _at_least("output.every", self.every, 0)
        _at_least("output.measure_every", self.measure_every, 0)
        _one_of("output.precision", self.precision, PRECISIONS)
        _one_of("output.writer", self.writer, WRITERS)
        if self.compression is not None:
            _one_of("output.compression", self.compression, COMPRESSIONS)


@dataclass
class Checkpoints:
    """When the whole state of a run is saved.

    Attributes
    ----------
    every : int
        Steps between checkpoints; 0: none.
    minutes : float
        Minutes between checkpoints; 0: none.
    """

    every: int = 0
    minutes: float = 0.0

    def __post_init__(self) -> None:
        _at_least("checkpoint.every", self.every, 0)
        if not 0 <= self.minutes < inf:
            raise ConfigError(
                f"checkpoint.minutes must be a number of minutes, or 0, got {self.minutes}."
            )

    @property
    def is_on(self) -> bool:
        """Whether there are any but on request."""
        return self.every > 0 or self.minutes > 0


@dataclass
class Kernels:
    """How stencils are computed.

    Attributes
    ----------
    engine : {"numba", "numpy"}
        numba: compiled; numpy: the reference, equal to the last bit.
    time_tile : int or "auto"
        Sweeps that a tile goes through while it is in the cache; 1: none; auto: the fastest that
        is found in a few trials.
    """

    engine: str = "numba"
    time_tile: int | str = "auto"

    def __post_init__(self) -> None:
        _one_of("kernels.engine", self.engine, ENGINES)
        if isinstance(self.time_tile, str):
            if self.time_tile != "auto":
                raise ConfigError(
                    f"kernels.time_tile must be auto or a number of sweeps from 1 on, "
                    f"got '{self.time_tile}'."
                )
        else:
            _at_least("kernels.time_tile", self.time_tile, 1)


@dataclass
class Ensemble:
    """Runs that differ in one parameter, side by side.

    Attributes
    ----------
    members : int
        How many runs; 1: no ensemble.
    vary : str, optional
        The parameter of the experiment that differs; default: ``seed``, where there is one.
    values : list, optional
        Its value for each member; default: the configured whole number and those that follow.
    """

    members: int = 1
    vary: str | None = None
    values: list[Any] | None = None

    def __post_init__(self) -> None:
        _at_least("ensemble.members", self.members, 1)
        if self.values is not None and len(self.values) != self.members:
            raise ConfigError(
                f"ensemble.values must have one entry for each of ensemble.members={self.members}, "
                f"got {len(self.values)}."
            )


def _one_of(key: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise ConfigError(f"{key} must be one of {', '.join(valid)}, got '{value}'.")


def _at_least(key: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ConfigError(f"{key} must be at least {least}, got {value}.")


def _is_time(key: str, value: float | None) -> None:
    if value is not None and not 0 <= value < inf:
        raise ConfigError(f"{key} must be a number of seconds, or 0 for no limit, got {value}.")


@dataclass
class RunSpec:
    """A run, resolved.

    Attributes
    ----------
    name : str
        What the user chose with ``exp=``.
    experiment : str
        Name of the experiment that this configures.
    path : str
        File that defines it; every rank imports it.
    parameters : dict
        ``experiment.*``.
    directory : str
        Absolute path of the run directory.
    origin : dict
        Versions, commit, host and command, for the record.
    backend, output, kernels, checkpoint, ensemble
        As in the configuration; `run.members.resolved` has filled in what the ensemble left out.
    resumed : bool
        Whether the run goes on from its last checkpoint.
    poison : bool
        Whether cells outside of the owned ones begin as NaN; for `parcompute.verification`, as is
    guarded : bool
        Whether the run ends when a field is no longer finite.
    """

    name: str
    experiment: str
    path: str
    parameters: dict[str, Any]
    directory: str
    origin: dict[str, Any]
    backend: Backend = field(default_factory=Backend)
    output: Output = field(default_factory=Output)
    kernels: Kernels = field(default_factory=Kernels)
    checkpoint: Checkpoints = field(default_factory=Checkpoints)
    ensemble: Ensemble = field(default_factory=Ensemble)
    resumed: bool = False
    poison: bool = False
    guarded: bool = True

    def config(self) -> dict[str, Any]:
        """Return the resolved configuration as nested dictionaries."""
        values = asdict(self)
        return {
            "experiment": {"name": values["experiment"], **values["parameters"]},
            "backend": values["backend"],
            "output": values["output"],
            "kernels": values["kernels"],
            "checkpoint": values["checkpoint"],
            "ensemble": values["ensemble"],
        }
