"""Compose configurations with Hydra and run a function on each; turn its errors to sentences."""

from __future__ import annotations

import copy
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from parcompute.cli import composing
from parcompute.cli.pipes import end_quietly_when_the_reader_does
from parcompute.cli.sources import register
from parcompute.errors import ConfigError, ParcomputeError
from parcompute.io.collective import sentence
from parcompute.run import directory, members, registry, resume
from parcompute.run.spec import Backend, Checkpoints, Ensemble, Kernels, Output, RunSpec

_INFORMS = {"--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i"} | {
    "--shell-completion",
    "-sc",
}
"""Options with which nothing is run."""

Execute = Callable[[RunSpec], None]


def run(arguments: list[str], execute: Execute) -> None:
    """Compose the configuration of `arguments` and call ``execute(spec)`` for each job.

    Raises
    ------
    ConfigError
        If an argument is wrong; nothing is left on disk.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let exceptions through to here
    register()
    arguments, resumed = _with_saved(arguments)
    arguments = [_as_group(argument) for argument in arguments]
    if _INFORMS.intersection(arguments):
        end_quietly_when_the_reader_does()
    else:
        _check_experiment(arguments)
    sys.argv = ["parcompute run", *arguments]

    def task(config: DictConfig) -> None:
        try:
            execute(_new_run(config, resumed))
        except Exception as error:
            raise _Escape(error) from None

    try:
        composing.call(task, arguments)
    except _Escape as escape:
        raise escape.error from None
    except HydraException as error:
        raise _explained(error) from None
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"The configuration cannot be read: {_one_line(error)}.") from None
    except OSError as error:
        raise ConfigError(f"The run directory cannot be made: {sentence(error)}.") from None


class _Escape(BaseException):
    """Carries an error of a job past Hydra, which would print it in its own way."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _with_saved(arguments: list[str]) -> tuple[list[str], str | None]:
    """Return the arguments without ``resume=``, but with those of that run, and its value."""
    given = [a for a in arguments if not a.startswith("resume=")]
    values = [a.split("=", 1)[1] for a in arguments if a.startswith("resume=")]
    if not values:
        return given, None
    if {"-m", "--multirun"}.intersection(given):
        raise ConfigError("resume= goes on with one run: leave -m out.")
    named = any(a.lstrip("+").startswith("exp=") for a in given)
    if values[-1] != resume.AUTO and not named:
        given = resume.arguments_of(Path(values[-1]), given)
    return given, values[-1]


def _as_group(argument: str) -> str:
    """Rewrite ``exp=`` to ``+exp=``: there is no experiment in the defaults to be replaced."""
    return f"+{argument}" if argument.startswith("exp=") else argument


def _check_experiment(arguments: list[str]) -> None:
    known = registry.configurations()
    there_are = f"there are {', '.join(known)}"
    chosen = [a.split("=", 1)[1] for a in arguments if a.startswith("+exp=")]
    if not chosen:
        raise ConfigError(f"No experiment was named: add +exp=NAME; {there_are}.")
    for name in (n.strip() for text in chosen for n in text.strip("[]").split(",")):
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise ConfigError(f"There is no experiment '{name}'; {there_are}.{hint}")


def _new_run(config: DictConfig, resumed: str | None) -> RunSpec:
    """Return the run that a composed configuration describes, with its configuration saved."""
    fresh = Path(HydraConfig.get().runtime.output_dir)
    resumed = resumed or config.resume
    if not resumed:
        _check_new(fresh)
    try:
        spec = _spec(config, fresh)
        found = None
        if resumed:
            found = resume.resolve(spec, resumed, overrides=config.resume_overrides)
            _tell(found, fresh)
    except Exception:
        directory.discard_empty(fresh)
        raise
    if found is None:
        _check_new(fresh, directory.BEFORE if resumed else ())
    elif Path(found.directory) != fresh:
        directory.discard_empty(fresh)
    try:
        _save_configuration(config, Path(spec.directory))
    except OSError as error:  # a full disk
        if found is None:
            directory.discard(fresh)
        raise ParcomputeError(f"{sentence(error, Path(spec.directory))}.") from None
    return spec


def _tell(found: RunSpec | None, fresh: Path) -> None:
    """Say that a new run is begun though one was to be resumed."""
    if found is None:
        print(
            f"no run of this configuration to go on with in {directory.shown(fresh.parent)}: "
            f"a new one is begun",
            flush=True,
        )


def _check_new(folder: Path, harmless: Sequence[str] = ()) -> None:
    if {path.name for path in folder.iterdir()}.difference(harmless):
        raise ConfigError(
            f"The run directory '{folder}' exists and is not empty: choose another with "
            f"hydra.run.dir=, or leave that out."
        )


def _spec(config: DictConfig, folder: Path) -> RunSpec:
    choices = HydraConfig.get().runtime.choices
    if isinstance(config.get("exp"), str) or "experiment" not in choices:
        raise ConfigError(
            "The configuration names no experiment: configs/exp/NAME.yaml needs "
            "'defaults: [/experiment: NAME, _self_]'."
        )
    path = registry.find(str(choices["experiment"]))
    values: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    spec = RunSpec(
        str(choices.get("exp", path.stem)),
        path.stem,
        str(path),
        values["experiment"],
        str(folder),
        directory.environment(path),
        Backend(**values["backend"]),
        Output(**values["output"]),
        Kernels(**values["kernels"]),
        Checkpoints(**values["checkpoint"]),
        _ensemble(config, values),
    )
    registry.build(path, spec.parameters)
    members.check(spec)
    return spec


def _ensemble(config: DictConfig, values: dict[str, Any]) -> Ensemble:
    """Return the ensemble with its values, as what the experiment says they are."""
    ensemble = members.resolved(Ensemble(**values["ensemble"]), values["experiment"])
    if ensemble.members > 1:
        ensemble.values = [_typed(config, str(ensemble.vary), v) for v in ensemble.values or []]
    return ensemble


def _typed(config: DictConfig, name: str, value: Any) -> Any:
    node = copy.deepcopy(config.experiment)
    try:
        node[name] = value
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"ensemble.values: {value!r} is no experiment.{name}: {reason}."
        ) from None
    parameters: dict[str, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    return parameters[name]


def _save_configuration(config: DictConfig, folder: Path) -> None:
    """Write ``.hydra/`` as Hydra does; Hydra itself would write into an existing run too."""
    (folder / ".hydra").mkdir(exist_ok=True)
    context = HydraConfig.get()
    for name, values in {
        "config": config,
        "hydra": {"hydra": context},
        "overrides": context.overrides.task,
    }.items():
        file = folder / ".hydra" / f"{name}.yaml"
        draft = file.with_name(f".{file.name}.part")  # a run that is killed now must find the old
        OmegaConf.save(values, draft)
        draft.replace(file)


def _explained(error: HydraException) -> ConfigError:
    """Return what Hydra has to say as one sentence, with what is valid."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, MissingConfigException) and error.options:
        options = ", ".join(error.options)
        return ConfigError(f"There is no '{error.missing_cfg_file}'; there are {options}.")
    if isinstance(error, OverrideParseException):
        return ConfigError(f"KEY=VALUE was expected, got '{error.override}'.")
    if cause is not None and "not in" in str(cause):
        return ConfigError(_unknown_key(_one_line(error), cause))
    if isinstance(cause, OmegaConfBaseException):
        return ConfigError(f"{cause.full_key}: {str(cause).splitlines()[0]}.")
    return ConfigError(f"{_one_line(error)}.")


def _unknown_key(text: str, cause: BaseException) -> str:
    key = str(getattr(cause, "full_key", "") or getattr(cause, "key", ""))
    parent = getattr(cause, "parent_node", None)
    valid = [str(k) for k in parent] if isinstance(parent, DictConfig) else []
    close = difflib.get_close_matches(key.rpartition(".")[2], valid, 1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    if not valid:
        return f"{text}: there is no key '{key}'."
    return f"There is no key '{key}'; valid there are {', '.join(valid)}.{hint}"


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith("object_type"))
    return text.rstrip(".")
