"""``parcompute verify``: the same bits on all engines, kernels and ranks, or where not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from parcompute.cli.verify_options import USAGE, Options, parse
from parcompute.comm.launcher import detect
from parcompute.errors import ConfigError
from parcompute.run.spec import Ensemble, RunSpec

if TYPE_CHECKING:
    from parcompute.verification.combinations import Combination
    from parcompute.verification.runs import Workshop


def main(arguments: list[str]) -> int:
    """Verify the experiment that `arguments` name; return 1 if anything differs, else 0."""
    if {"--help", "-h"}.intersection(arguments):
        print(USAGE, end="")
        return 0
    options = parse(arguments)
    _check_alone()
    with TemporaryDirectory(prefix="parcompute-verify-") as name:
        folder = Path(name)
        return _verify(options, _composed(options.words, folder / "composed"), folder)


def _check_alone() -> None:
    launcher = detect()
    if launcher is not None and launcher.started:
        raise ConfigError(
            f"parcompute verify starts its own ranks, but {launcher.name} started it: start it "
            f"without."
        )


def _composed(words: Sequence[str], folder: Path) -> RunSpec:
    from parcompute.cli import hydra_app

    found: list[RunSpec] = []
    quoted = str(folder).replace("'", "\\'")
    hydra_app.run([*words, f"hydra.run.dir='{quoted}'"], found.append)
    return found[0]


class _Plan(NamedTuple):
    """What is to be done.

    Attributes
    ----------
    options : Options
        What was asked for.
    configured : RunSpec
        The run as it is configured.
    small : RunSpec
        The same on its reduced size.
    engines : tuple of str
        Those that are used.
    groups : list of lists of Combination
        The runs to be compared.
    """

    options: Options
    configured: RunSpec
    small: RunSpec
    engines: tuple[str, ...]
    groups: list[list[Combination]]


def _verify(options: Options, spec: RunSpec, folder: Path) -> int:
    from parcompute.verification import case, combinations
    from parcompute.verification.runs import Workshop

    engines = _engines(options)
    planned = combinations.planned(options.kernels, engines, options.ranks)
    whole = case.whole(spec)
    plan = _Plan(options, whole, case.reduced(whole, options.given), engines, planned)
    workshop = Workshop(folder)
    code = _compared(plan, plan.configured if options.full else plan.small, workshop)
    if options.convergence:
        code = max(code, _converged(plan, workshop))
    return code


def _engines(options: Options) -> tuple[str, ...]:
    """Return the engines to be used: MPI only if it is there, unless it was asked for."""
    from parcompute.comm.mpiexec import mpiexec_command

    if "mpi" in options.engines:
        try:
            mpiexec_command(1)
        except ConfigError as error:
            if options.engines_given:
                raise
            print(f"without the engine mpi: {error}")
            return tuple(name for name in options.engines if name != "mpi")
    return options.engines


def _compared(plan: _Plan, spec: RunSpec, workshop: Workshop) -> int:
    """Make all runs, print the table and what is known of the first difference."""
    from parcompute.verification import text
    from parcompute.verification.explain import cause
    from parcompute.verification.session import Session

    _say(_title(spec))
    _say(text.HEAD)
    session = Session(workshop, spec)
    for made, comparison in session.make(plan.groups):
        _say(text.row(made, text.result(made, comparison)))
    _say(text.POISONED)
    finding = session.finding()
    if finding is not None:
        _say("", *text.details(finding, cause(finding, halo_is_unset=session.halo_is_unset)))
    _say("", text.closing(session.count, len(session.differing), session.impossible))
    return 1 if session.differing else 0


def _title(spec: RunSpec) -> str:
    from parcompute.run import registry

    steps = registry.build(Path(spec.path), spec.parameters).steps
    shape = spec.parameters.get("shape")
    cells = f"{' x '.join(map(str, shape))} cells, " if isinstance(shape, list | tuple) else ""
    every = spec.output.every
    return f"{spec.name}: {cells}{steps} steps, output every {every or steps} steps"


def _converged(plan: _Plan, workshop: Workshop) -> int:
    """Print errors and orders on finer and finer grids; return 1 if they are not as they should."""
    from parcompute.verification import convergence, text
    from parcompute.verification.combinations import Combination

    runs = convergence.refined(replace(plan.small, ensemble=Ensemble()))
    if isinstance(runs, str):
        _say(f"no order of convergence: {runs}")
        return 0
    parallel = [engine for engine in plan.engines if engine != "serial"]
    combination = Combination(
        plan.options.kernels[0], *((parallel[0], 2) if parallel else ("serial", 1))
    )
    _say("", f"errors against the exact solution ({text.named(combination)}):")
    found = convergence.levels(workshop, runs, combination)
    order = convergence.expected_order(plan.small)
    remark = convergence.at_different_times(found)
    if remark:
        _say(f"no order of convergence: {remark}")
        return 0 if order is None else 1
    _say(*convergence.table(found))
    wrong = convergence.unexpected(found, order)
    _say(*wrong)
    return 1 if wrong else 0


def _say(*lines: str) -> None:
    """Print lines at once: a row is shown when its run has ended, if anybody still reads."""
    for line in lines:
        with suppress(BrokenPipeError):
            print(line, flush=True)
