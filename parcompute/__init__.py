"""parcompute: parallel numerical workloads in Python.

Names are imported where they are first used, so that ``import parcompute`` costs no more
than importing nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parcompute._version import __version__

if TYPE_CHECKING:
    from parcompute.boundary import Boundary, Dirichlet, Neumann, Periodic, Reflecting
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
    from parcompute.run.experiment import Experiment
    from parcompute.stencils import block_stencil, stencil, where
    from parcompute.topology import CartTopology

_HOMES = {
    "MPI": "comm.chosen",
    "Boundary": "boundary",
    "Dirichlet": "boundary",
    "Neumann": "boundary",
    "Periodic": "boundary",
    "Reflecting": "boundary",
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
    "Experiment": "run.experiment",
    "block_stencil": "stencils",
    "stencil": "stencils",
    "where": "stencils",
    "CartTopology": "topology",
}

__all__ = [
    "MPI",
    "Boundary",
    "Box",
    "CartTopology",
    "Communicator",
    "ConfigError",
    "Decomposition",
    "Dirichlet",
    "DivergenceError",
    "Experiment",
    "Field",
    "Grid",
    "HaloExchanger",
    "HaloPlan",
    "Job",
    "Neumann",
    "ParcomputeError",
    "Periodic",
    "RankError",
    "Reflecting",
    "StencilError",
    "__version__",
    "block_stencil",
    "launch",
    "serial",
    "stencil",
    "where",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'parcompute' has no attribute '{name}'")
    value = getattr(import_module(f"parcompute.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
