"""``parcompute list``: the experiments there are."""

from __future__ import annotations

from pathlib import Path

from parcompute.cli.pipes import end_quietly_when_the_reader_does
from parcompute.run import registry

_HELP = """\
usage: parcompute list

Prints what exp=NAME accepts, with the first line of the experiment's docstring. Experiments are
configs/exp/NAME.yaml in the current folder, then those that come with parcompute.
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
        print(f"{name:<{width}}  {_describe(path)}")
    return 0


def _describe(path: Path) -> str:
    """Return the configuration's own comment, and the docstring line of its experiment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = next((x.lstrip("# ") for x in lines if x.startswith("#") and "@package" not in x), "")
    experiment = next(
        (x.split("/experiment:")[1].strip() for x in lines if "/experiment:" in x), None
    )
    file = registry.modules().get(experiment or "")
    summary = registry.summary(file) if file else ""
    if path.stem == experiment or not comment:
        return summary or comment
    return f"{comment} [{experiment}: {summary}]"
