"""The experiments of the gallery, made in this process or on ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import parcompute as pc
from parcompute.run import registry
from tests.helpers import ROOT


def made(name: str, comm: pc.Communicator | None = None, **parameters: Any) -> Any:
    """Return an experiment that is set up; on one rank by default."""
    experiment = registry.build(ROOT / "experiments" / f"{name}.py", parameters)
    experiment.setup(comm or pc.serial())
    return experiment


Case = tuple[str, int, dict[str, Any]]
"""Name of an experiment, steps to make, and its parameters."""


def after(comm: pc.Communicator, cases: Sequence[Case]) -> list[bytes]:
    """Return the bits of all fields of each case, in the order of their names."""
    bits = []
    for name, steps, parameters in cases:
        experiment = made(name, comm, **parameters)
        experiment.advance(steps)
        fields = sorted(experiment.fields().items())
        bits.append(b"".join(field[...].tobytes() for _, field in fields))
    return bits
