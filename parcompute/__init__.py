"""parcompute: parallel numerical workloads in Python.

Names are imported where they are first used, so that ``import parcompute`` costs no more
than importing nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parcompute._version import __version__

if TYPE_CHECKING:
    from parcompute import random, reductions
    from parcompute.boundary import (
        Boundary,
        Custom,
        Dirichlet,
        Extrapolating,
        Fixed,
        Neumann,
        Periodic,
        Reflecting,
    )
    from parcompute.box import Box
    from parcompute.comm import Communicator
    from parcompute.comm import names as MPI  # noqa: N812
    from parcompute.comm.process.launching.job import Job, launch
    from parcompute.comm.serial import serial
    from parcompute.decomposition import Decomposition
    from parcompute.errors import (
        ConfigError,
        DivergenceError,
        ParcomputeError,
        RankError,
        StencilError,
    )
    from parcompute.field import Field
    from parcompute.grid import Grid
    from parcompute.halo import HaloExchanger, HaloPlan
    from parcompute.io.dataset import open_run
    from parcompute.particles import Particles
    from parcompute.robin import Robin
    from parcompute.run.experiment import Experiment
    from parcompute.stencils import (
        Clock,
        block_stencil,
        index,
        position,
        reduce_max,
        reduce_min,
        reduce_sum,
        stencil,
        sweep,
        where,
    )
    from parcompute.topology import CartTopology

_HOMES = {
    "MPI": "comm.chosen",
    "Boundary": "boundary",
    "Custom": "boundary",
    "Dirichlet": "boundary",
    "Extrapolating": "boundary",
    "Fixed": "boundary",
    "Neumann": "boundary",
    "Periodic": "boundary",
    "Reflecting": "boundary",
    "Robin": "robin",
    "Box": "box",
    "Communicator": "comm",
    "Job": "comm.process.launching.job",
    "launch": "comm.process.launching.job",
    "serial": "comm.serial",
    "Decomposition": "decomposition",
    "ConfigError": "errors",
    "DivergenceError": "errors",
    "ParcomputeError": "errors",
    "RankError": "errors",
    "StencilError": "errors",
    "Field": "field",
    "Grid": "grid",
    "HaloExchanger": "halo",
    "HaloPlan": "halo",
    "open_run": "io.dataset",
    "Particles": "particles",
    "Experiment": "run.experiment",
    "Clock": "stencils",
    "block_stencil": "stencils",
    "index": "stencils",
    "position": "stencils",
    "reduce_max": "stencils",
    "reduce_min": "stencils",
    "reduce_sum": "stencils",
    "stencil": "stencils",
    "sweep": "stencils",
    "where": "stencils",
    "CartTopology": "topology",
}

__all__ = [
    "MPI",
    "Boundary",
    "Box",
    "CartTopology",
    "Clock",
    "Communicator",
    "ConfigError",
    "Custom",
    "Decomposition",
    "Dirichlet",
    "DivergenceError",
    "Experiment",
    "Extrapolating",
    "Field",
    "Fixed",
    "Grid",
    "HaloExchanger",
    "HaloPlan",
    "Job",
    "Neumann",
    "ParcomputeError",
    "Particles",
    "Periodic",
    "RankError",
    "Reflecting",
    "Robin",
    "StencilError",
    "__version__",
    "block_stencil",
    "index",
    "launch",
    "open_run",
    "position",
    "random",
    "reduce_max",
    "reduce_min",
    "reduce_sum",
    "reductions",
    "serial",
    "stencil",
    "sweep",
    "where",
]


def __getattr__(name: str) -> Any:
    if name in ("random", "reductions"):
        return import_module(f"parcompute.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'parcompute' has no attribute '{name}'")
    value = getattr(import_module(f"parcompute.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
