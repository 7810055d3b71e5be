"""Where experiments and configurations are found: the current folder first, then those shipped."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

from parcompute.errors import ConfigError
from parcompute.run.experiment import Experiment


def folders(kind: str) -> list[Path]:
    """Return the existing folders of `kind` ("configs" or "experiments"), the user's own first."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_shipped" / kind
    if not shipped.is_dir():  # a source checkout
        shipped = package.parent / kind
    return [f for f in dict.fromkeys([Path.cwd() / kind, shipped]) if f.is_dir()]


def modules() -> dict[str, Path]:
    """Return the files of all experiments by name."""
    found: dict[str, Path] = {}
    for folder in folders("experiments"):
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                found.setdefault(path.stem, path)
    return found


def configurations() -> dict[str, Path]:
    """Return the files ``configs/exp/NAME.yaml`` by name: what ``exp=`` accepts."""
    found: dict[str, Path] = {}
    for folder in folders("configs"):
        for path in sorted((folder / "exp").glob("*.yaml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(name: str) -> Path:
    """Return the file of the experiment `name`; raise ConfigError if there is none."""
    found = modules()
    if name not in found:
        raise ConfigError(f"There is no experiment '{name}'; there are {', '.join(found)}.")
    return found[name]


def load(path: Path) -> type[Experiment]:
    """Import the file at `path` and return its experiment class.

    Raises
    ------
    ConfigError
        If the file does not define exactly one dataclass derived from `Experiment`.
    """
    module = _imported(path)
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Experiment)
        and value.__module__ == module.__name__
    ]
    if len(classes) != 1 or "__dataclass_fields__" not in vars(classes[0]):
        names = ", ".join(c.__name__ for c in classes) or "none"
        raise ConfigError(
            f"'{path}' must define exactly one @dataclass derived from parcompute.Experiment, "
            f"it has {names}."
        )
    return classes[0]


def _imported(path: Path) -> ModuleType:
    name = f"parcompute_experiment_{path.stem}"
    module = sys.modules.get(name)
    if module is not None and module.__file__ == str(path):
        return module
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"The experiment file '{path}' does not exist.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect finds the source of stencils by module name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def build(path: Path, parameters: dict[str, Any]) -> Experiment:
    """Return the validated experiment of the file at `path` with these parameters."""
    cls = load(path)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    unknown = [f"'experiment.{name}'" for name in parameters if name not in known]
    if unknown:
        raise ConfigError(f"There is no key {unknown[0]}; valid there are {', '.join(known)}.")
    values = _typed(cls, parameters)
    experiment = cls(**values)
    experiment.validate()
    if not isinstance(experiment.steps, int) or experiment.steps < 0:
        raise ConfigError(
            f"experiment.steps must be a whole number >= 0, got {experiment.steps!r}."
        )
    return experiment


def _typed(cls: type[Experiment], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with lists as tuples where the dataclass has tuples.

    Raises
    ------
    ConfigError
        Where a ``tuple[int, int]`` has not got two entries.
    """
    values = dict(parameters)
    for name, kind in get_type_hints(cls).items():
        if name not in values or get_origin(kind) is not tuple:
            continue
        entries = get_args(kind)
        values[name] = tuple(values[name])
        if Ellipsis not in entries and len(values[name]) != len(entries):
            raise ConfigError(
                f"experiment.{name} must have {len(entries)} entries, got {list(values[name])}."
            )
    return values


def summary(path: Path) -> str:
    """Return the first docstring line of the experiment class in a file, without importing it."""
    described = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and ast.get_docstring(node)
    ]
    experiments = [
        node for node in described if any(ast.unparse(b).endswith("Experiment") for b in node.bases)
    ]
    chosen = experiments or described
    return (ast.get_docstring(chosen[0]) or "").splitlines()[0] if chosen else ""
