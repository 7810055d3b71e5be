"""The members of an ensemble: the parameter in which they differ, and the run of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from parcompute.errors import ConfigError
from parcompute.run import directory, registry
from parcompute.run.spec import Ensemble, RunSpec

_SEED = "seed"
_ALIKE = ("steps", "dt", "shape")  # or there is no mean of two members


def resolved(ensemble: Ensemble, parameters: Mapping[str, Any]) -> Ensemble:
    """Return the ensemble with its parameter, and a value for each member.

    Raises
    ------
    ConfigError
        If the experiment has no such parameter, or its values cannot be counted up.
    """
    if ensemble.members == 1:
        return ensemble
    vary = ensemble.vary or _SEED
    if vary not in parameters:
        asked = f"got '{vary}'" if ensemble.vary else "and there is no 'seed'"
        raise ConfigError(
            f"ensemble.vary must name a parameter of the experiment ({', '.join(parameters)}), "
            f"{asked}."
        )
    values, first = ensemble.values, parameters[vary]
    if values is None:
        if not isinstance(first, int) or isinstance(first, bool):
            raise ConfigError(
                f"ensemble.values must list a value of experiment.{vary} for each member: only "
                f"whole numbers are counted up, and it is {first!r}."
            )
        values = [first + number for number in range(ensemble.members)]
    return Ensemble(ensemble.members, vary, list(values))


def specs(spec: RunSpec) -> list[RunSpec]:
    """Return the runs of the members, in directories of their own."""
    ensemble = spec.ensemble
    return [
        replace(
            spec,
            parameters={**spec.parameters, str(ensemble.vary): value},
            directory=str(directory.member(Path(spec.directory), number)),
            ensemble=Ensemble(),
            resumed=False,
        )
        for number, value in enumerate(ensemble.values or [])
    ]


def check(spec: RunSpec) -> None:
    """Refuse members that have not the same steps, step sizes and shapes.

    What only `Experiment.setup` tells is found when the members are compared.

    Raises
    ------
    ConfigError
        Also if the parameters of a member make no sense.
    """
    ensemble = spec.ensemble
    experiments = [registry.build(Path(one.path), one.parameters) for one in specs(spec)]
    for name in _ALIKE:
        found = [repr(getattr(experiment, name, None)) for experiment in experiments]
        for value, text in zip(ensemble.values or [], found, strict=True):
            if text != found[0]:
                raise ConfigError(
                    f"The members of an ensemble must have the same {name}, but with "
                    f"experiment.{ensemble.vary}={value} it is {text} and not {found[0]}: vary "
                    f"another parameter, or make a sweep (-m)."
                )


def to_be_made(spec: RunSpec) -> dict[int, RunSpec]:
    """Return the runs that are not complete, by the numbers of their members."""
    found: dict[int, RunSpec] = {}
    for number, one in enumerate(specs(spec)):
        folder = Path(one.directory)
        begun = spec.resumed and (folder / directory.RECORD).is_file()
        if not begun:
            found[number] = one
        elif not _is_complete(folder, one):
            found[number] = replace(one, resumed=True)
    return found


def _is_complete(folder: Path, spec: RunSpec) -> bool:
    record = directory.read_record(folder)
    steps = registry.build(Path(spec.path), spec.parameters).steps
    return record["status"] == "complete" and bool(record["report"]["steps"] == steps)
