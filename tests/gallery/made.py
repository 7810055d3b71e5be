"""Experiments of the gallery, made in this process or on ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml

import parcompute as pc
from parcompute.comm import Communicator
from parcompute.run import registry
from parcompute.settings import Settings, use
from tests.helpers import ROOT


def made(name: str, comm: Communicator | None = None, **parameters: Any) -> Any:
    """Return the experiment in ``experiments/NAME.py`` after all its steps, on one rank."""
    experiment = registry.build(ROOT / "experiments" / f"{name}.py", parameters)
    experiment.setup(comm or pc.serial())
    advance(experiment, experiment.steps)
    return experiment


def of_config(config: str, **changes: Any) -> Any:
    """Return the experiment of ``configs/exp/CONFIG.yaml`` with some parameters changed."""
    text = yaml.safe_load((ROOT / "configs" / "exp" / f"{config}.yaml").read_text())
    base, parameters = text["defaults"][0], {**text.get("experiment", {}), **changes}
    if isinstance(base, str):
        return of_config(base, **parameters)
    return registry.build(ROOT / "experiments" / f"{base['/experiment']}.py", parameters)


def solved(experiment: Any) -> Any:
    """Set an experiment up on one rank and make all its steps, without time tiles."""
    with use(Settings(time_tile=1)):
        experiment.setup(pc.serial())
        advance(experiment, experiment.steps)
    return experiment


def advance(experiment: Any, steps: int) -> None:
    """Make so many steps, as the driver does between two outputs."""
    experiment.advance(steps)
    experiment.steps_done += steps


def error(experiment: Any, field: str = "u") -> float:
    """Return the root-mean-square error against the exact solution, by NumPy alone."""
    u = experiment.fields()[field]
    exact = experiment.exact(experiment.steps * experiment.dt)[field]
    return float(np.sqrt(np.mean((u.owned - exact(*u.coordinates_local())) ** 2)))


def mean_error(experiment: Any, field: str) -> float:
    """Return the mean of |u - exact|, the L1 error per volume, by NumPy alone."""
    u = experiment.fields()[field]
    exact = experiment.exact(experiment.steps_done * experiment.dt)[field]
    return float(np.mean(np.abs(u.owned - exact(*u.coordinates_local()))))


def refused(name: str, **parameters: Any) -> str:
    """Return why these parameters are refused; empty if they are not."""
    try:
        registry.build(ROOT / "experiments" / f"{name}.py", parameters)
    except pc.ConfigError as reason:
        return str(reason)
    return ""


def bits(comm: Communicator, engine: str, name: str, parameters: dict[str, Any]) -> bytes:
    """Return everything that a run computes, on any number of ranks: all fields and measures."""
    with use(Settings(engine)):
        experiment = registry.build(ROOT / "experiments" / f"{name}.py", parameters)
        experiment.setup(comm)
        half = experiment.steps // 2
        advance(experiment, half)
        advance(experiment, experiment.steps - half)
        fields = [field[...].tobytes() for field in experiment.fields().values()]
        return b"".join([*fields, repr(experiment.measure()).encode()])
