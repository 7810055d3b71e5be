"""The cases: sizes, who takes part, and what parcompute wants to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.stencils.controller import Peer

LOOP2, LOOP1 = "copy loop, 2 threads", "copy loop, 1 thread"
MEMCPY2 = "memcpy, 2 threads"
COPIES = (LOOP2, MEMCPY2, LOOP1)
THREADS, RANKS, RANK = "parcompute, 2 threads", "parcompute, 2 ranks", "parcompute, 1 rank"
DEVITO, DEVITO_MPI = "Devito, 2 threads", "Devito, 2 ranks"
NUMPY, NUMBA, JAX = "NumPy + mpi4py, 2 ranks", "Numba loop, 2 threads", "JAX, 2 threads"
PROCESSES, TILED = "parcompute, processes, no tiles", "parcompute, processes"
UNDER_MPI, TILED_MPI = "parcompute, MPI, no tiles", "parcompute, MPI"

_SLOW = 0.125  # part of the steps that slow peers make
_OPENMP = {"DEVITO_LANGUAGE": "openmp", "DEVITO_LOGGING": "ERROR"}
_MPI = {"DEVITO_LANGUAGE": "C", "DEVITO_MPI": "1", "DEVITO_LOGGING": "ERROR"}


def _ours(name: str, ranks: int, engine: str, threads: int = 1, tile: int | str = "auto") -> Peer:
    options = {"threads": threads, "time_tile": tile}
    return Peer(name, "ours", ranks, engine, ours=True, threads=threads, options=options)


def _copy(name: str, way: str, threads: int) -> Peer:
    return Peer(name, "copy", ours=True, threads=threads, share=0.25, options={"way": way})


_ALL = (
    _copy(LOOP2, "loop", 2),
    _copy(LOOP1, "loop", 1),
    _copy(MEMCPY2, "memcpy", 2),
    _ours(THREADS, 1, "alone", threads=2),
    _ours(RANKS, 2, "processes"),
    _ours(RANK, 1, "alone"),
    _ours(PROCESSES, 2, "processes", tile=1),
    _ours(TILED, 2, "processes"),
    _ours(UNDER_MPI, 2, "mpi", tile=1),
    _ours(TILED_MPI, 2, "mpi"),
    Peer(DEVITO, "devito", threads=2, env=_OPENMP),
    Peer(DEVITO_MPI, "devito", 2, "mpi", env=_MPI),
    Peer(NUMPY, "numpy_mpi", 2, "mpi", share=_SLOW),
    Peer(JAX, "jax_arrays", threads=2, share=_SLOW),
    Peer(NUMBA, "numba_loops", threads=2),
)
PEERS = {peer.name: peer for peer in _ALL}


class Goal(NamedTuple):
    """How fast parcompute wants to be, compared with a peer.

    Attributes
    ----------
    against : str
        The peer.
    factor : float
        Wanted value of ours / peer: of speeds at least, of times at most.
    ours : tuple of str
        The fastest of these is meant.
    """

    against: str
    factor: float
    ours: tuple[str, ...] = (THREADS, RANKS)


@dataclass(frozen=True)
class Case:
    """A problem of one size.

    Attributes
    ----------
    title : str
        In words.
    shape, quick, small : tuple of int
        Cells; with ``--quick``; for the comparison of results.
    steps : int
        In a repeat.
    nbytes : int
        That a step must move per cell: 8 for each array that it reads or writes.
    radius : int
        How far a step reads.
    peers : tuple of str
        Who takes part.
    goals : tuple of Goal
        What is wanted.
    unit : {"MLUP/s", "us/step"}
        What is printed: million cells per second, or microseconds per step.
    """

    title: str
    shape: tuple[int, ...]
    quick: tuple[int, ...]
    small: tuple[int, ...]
    steps: int
    nbytes: int
    radius: int
    peers: tuple[str, ...]
    goals: tuple[Goal, ...]
    unit: str = "MLUP/s"


_TWICE = Goal(RANK, 1.8, (RANKS,))


def _devito(factor: float) -> tuple[Goal, Goal]:
    return Goal(DEVITO, factor), Goal(DEVITO_MPI, factor)


CASES = {
    "heat2d": Case(
        "heat equation, 5 points",
        (8192, 8192),
        (512, 512),
        (40, 48),
        steps=32,
        nbytes=16,
        radius=1,
        peers=(*COPIES, THREADS, RANKS, RANK, DEVITO, DEVITO_MPI, NUMBA, JAX, NUMPY),
        goals=(Goal(LOOP2, 2.0), *_devito(2.2), Goal(NUMPY, 25.0), _TWICE),
    ),
    "heat3d": Case(
        "heat equation, 7 points",
        (384, 384, 384),
        (96, 96, 96),
        (28, 20, 24),
        steps=16,
        nbytes=16,
        radius=1,
        peers=(*COPIES, THREADS, RANKS, DEVITO, DEVITO_MPI),
        goals=(Goal(LOOP2, 1.0), *_devito(1.3)),
    ),
    "wave3d": Case(
        "acoustic wave, order 8, velocity varies",
        (320, 320, 320),
        (96, 96, 96),
        (44, 40, 48),
        steps=16,
        nbytes=32,
        radius=4,
        peers=(*COPIES, THREADS, RANKS, RANK, DEVITO, DEVITO_MPI),
        goals=(*_devito(1.5), _TWICE),
    ),
    "gray_scott3d": Case(
        "Gray-Scott, two fields",
        (256, 256, 256),
        (96, 96, 96),
        (28, 20, 24),
        steps=16,
        nbytes=32,
        radius=1,
        peers=(*COPIES, THREADS, RANKS, DEVITO, DEVITO_MPI),
        goals=_devito(1.5),
    ),
    "shallow2d": Case(
        "shallow water on a C grid, two kernels",
        (4096, 4096),
        (512, 512),
        (40, 48),
        steps=16,
        nbytes=72,
        radius=2,
        peers=(*COPIES, THREADS, RANKS, NUMBA, JAX),
        goals=(Goal(NUMBA, 2.0), Goal(JAX, 5.0)),
    ),
    "latency": Case(
        "heat equation, 64 x 64 cells per rank",
        (128, 64),
        (128, 64),
        (40, 48),
        steps=2000,
        nbytes=16,
        radius=1,
        peers=(PROCESSES, TILED, UNDER_MPI, TILED_MPI, NUMPY),
        goals=(Goal(NUMPY, 0.5, (PROCESSES,)), Goal(NUMPY, 0.2, (TILED,))),
        unit="us/step",
    ),
}
