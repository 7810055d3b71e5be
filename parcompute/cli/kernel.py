"""``parcompute kernel``: what the stencils of an experiment do, cost and become."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from parcompute.cli.pipes import end_quietly_when_the_reader_does
from parcompute.comm.launcher import detect
from parcompute.errors import ConfigError
from parcompute.run.spec import RunSpec

_HELP = """\
usage: parcompute kernel [--source] [--all] +exp=NAME [KEY=VALUE ...]

Makes one step of the experiment on one rank, writes nothing into the current folder, and prints
for each stencil that the step applies: its fields and how far it reads them, bytes moved and
operations per cell, the speed that this machine allows (a copy of memory is timed), the time tile
in force and its plan, and the source that it is compiled from. The keys are those of
parcompute run.

  --source   only the source, as one Python text
  --all      also the kernels of time tiles and reductions, driver and ghost fills, all of the plan
"""
_OPTIONS = ("--source", "--all")


class _Wanted(NamedTuple):
    """What is to be printed.

    Attributes
    ----------
    source : bool
        Only the source.
    everything : bool
        Also what is seldom of interest.
    """

    source: bool
    everything: bool


def main(arguments: list[str]) -> int:
    """Describe the stencils of the experiment that `arguments` name; return the exit code."""
    if {"--help", "-h"}.intersection(arguments):
        print(_HELP, end="")
        return 0
    _check_options(arguments)
    _check_alone()
    text = _composed(
        [a for a in arguments if a not in _OPTIONS],
        _Wanted("--source" in arguments, "--all" in arguments),
    )
    end_quietly_when_the_reader_does()
    print(text, end="")
    return 0


def _check_options(arguments: list[str]) -> None:
    unknown = [a for a in arguments if a.startswith("-") and a not in _OPTIONS]
    if unknown:
        raise ConfigError(
            f"'{unknown[0]}' is not an option of kernel; there are {', '.join(_OPTIONS)}, --help."
        )


def _check_alone() -> None:
    launcher = detect()
    if launcher is not None and launcher.started and launcher.size > 1:
        raise ConfigError(
            f"parcompute kernel is one process, but {launcher.name} started {launcher.size}: "
            f"start it without."
        )


def _composed(words: list[str], wanted: _Wanted) -> str:
    """Compose the configuration with a run directory that does not last; return the text."""
    from parcompute.cli import hydra_app

    found: list[str] = []
    with TemporaryDirectory(prefix="parcompute-kernel-") as folder:
        quoted = folder.replace("'", "\\'")
        place = f"hydra.run.dir='{quoted}'"
        hydra_app.run([*words, place], lambda spec: found.append(_described(spec, wanted)))
    return "".join(found)


def _described(spec: RunSpec, wanted: _Wanted) -> str:
    from parcompute.run import launch

    _, ranks = launch.chosen(spec.backend)
    threads = spec.backend.threads
    text: str = launch.start("serial", 1, threads, _describe_rank, (spec, ranks, wanted))
    return text


def _describe_rank(comm: Any, spec: RunSpec, ranks: int, wanted: _Wanted) -> str:
    """Make one step as the only rank; return the text."""
    from parcompute import settings
    from parcompute.analysis import kernel_text

    kernels = spec.kernels
    chosen = settings.Settings(kernels.engine, None, spec.backend.threads, kernels.time_tile)
    with settings.use(chosen), redirect_stdout(sys.stderr):  # what the experiment prints
        sequences = _applied(comm, spec)
    dims = None if spec.backend.dims is None else tuple(spec.backend.dims)
    case = kernel_text.Case(spec.name, sequences, ranks, dims)
    if wanted.source and sequences:
        return kernel_text.source(case, everything=wanted.everything)
    return kernel_text.report(case, everything=wanted.everything)


def _applied(comm: Any, spec: RunSpec) -> list[Any]:
    """Return the sequences of stencils that set-up, one step and a measurement apply."""
    from parcompute.run import registry
    from parcompute.stencils.sequence import BoundSequence

    experiment = registry.build(Path(spec.path), spec.parameters)
    try:
        experiment.setup(comm)
    except MemoryError as error:
        raise ConfigError(
            f"The fields do not fit into memory ({error}): use a smaller grid."
        ) from None
    experiment.advance(1)
    experiment.measure()
    grids = dict.fromkeys(field.grid for field in experiment.fields().values())
    plans = [plan for grid in grids for plan in grid.plans.values()]
    return [plan for plan in plans if isinstance(plan, BoundSequence)]
