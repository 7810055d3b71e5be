"""What is verified: an experiment, on a size at which many runs take seconds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from parcompute.run import registry
from parcompute.run.spec import Checkpoints, RunSpec

_TILE = 4  # sweeps: what is fastest on a small grid may be no tiles
_PARTS = 3  # between outputs: several steps are made in each


def whole(spec: RunSpec) -> RunSpec:
    """Return the run with all cells in full precision, with time tiles and no checkpoints."""
    output = replace(spec.output, region=None, precision="full", compression=None)
    tile = spec.kernels.time_tile
    kernels = replace(spec.kernels, time_tile=_TILE if tile == "auto" else tile)
    return replace(spec, output=output, kernels=kernels, checkpoint=Checkpoints())


def reduced(spec: RunSpec, given: Collection[str]) -> RunSpec:
    """Return the run on the size that `Experiment.reduced` tells, with four outputs or so.

    Parameters
    ----------
    spec : RunSpec
        The run as it is configured.
    given : collection of str
        Keys that stay as they are, e.g. "experiment.steps".
    """
    changes = registry.build(Path(spec.path), spec.parameters).reduced()
    kept = {k: v for k, v in changes.items() if f"experiment.{k}" not in given}
    parameters = {**spec.parameters, **kept}
    steps = registry.build(Path(spec.path), parameters).steps
    every = spec.output.every if "output.every" in given else max(1, -(-steps // _PARTS))
    return replace(spec, parameters=parameters, output=replace(spec.output, every=every))
