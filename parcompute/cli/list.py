"""``parcompute list``: the experiments there are."""

from __future__ import annotations

from pathlib import Path

from parcompute.cli.pipes import end_quietly_when_the_reader_does
from parcompute.run import registry

_HELP = """\
usage: parcompute list

Prints what exp=NAME accepts, with the first line of the experiment's docstring, or that of the
configuration and which experiment it is of. Experiments are configs/exp/NAME.yaml in the current
folder, then those that come with parcompute.
"""


def main(arguments: list[str]) -> int:
    """Print a line for each experiment."""
    end_quietly_when_the_reader_does()
    if arguments:
        print(_HELP, end="")
        return 0 if arguments[0] in ("--help", "-h") else 2
    configurations = registry.configurations()
    width = max(map(len, configurations), default=0)
    for name, path in configurations.items():
        try:
            text = _describe(path)
        except Exception as error:  # whatever is wrong with one file, the others are listed
            text = f"(cannot be read: {str(error).splitlines()[0]})"
        print(f"{name:<{width}}  {text}")
    return 0


def _describe(path: Path) -> str:
    """Return the docstring line of an experiment, or what a configuration says of itself."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = next((x.lstrip("# ") for x in lines if x.startswith("#") and "@package" not in x), "")
    experiment = _experiment(path)
    file = registry.modules().get(experiment)
    summary = registry.summary(file) if file else ""
    if path.stem == experiment or not comment:
        return summary or comment
    return f"{comment} [{experiment}]"


def _experiment(path: Path) -> str:
    """Return the name behind ``/experiment:`` in the defaults, or theirs; "" if there is none."""
    from omegaconf import OmegaConf

    defaults = OmegaConf.to_container(OmegaConf.load(path)).get("defaults", [])  # type: ignore[union-attr]
    for entry in defaults:
        for group, option in entry.items() if isinstance(entry, dict) else ():
            if group.removeprefix("override ").strip("/") == "experiment":
                return str(option)
    others = [path.with_name(f"{entry}.yaml") for entry in defaults if isinstance(entry, str)]
    return next((_experiment(other) for other in others if other.is_file()), "")
