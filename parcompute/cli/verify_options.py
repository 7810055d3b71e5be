"""The options of ``parcompute verify``."""

from __future__ import annotations

from dataclasses import dataclass

from parcompute.errors import ConfigError
from parcompute.run.spec import ENGINES as KERNELS

_ENGINES = ("serial", "multiprocessing", "mpi")
_RANKS = (1, 2, 3, 5, 7)

USAGE = """\
usage: parcompute verify +exp=NAME [OPTIONS] [KEY=VALUE ...]

Runs the experiment on a reduced size with all kernels, engines and numbers of ranks, compares all
fields, particles and measures bit by bit, and prints a table. Where bits differ it prints the first
step, field and cell, whose cell that is, how far it lies from a border between blocks, and what is
most likely wrong. Then it measures the order of convergence, if there is an exact solution.
The keys are those of parcompute run, without backend, kernels, resume and hydra.run.dir.

  --ranks 1,2,3,5,7                       numbers of ranks
  --engines serial,multiprocessing,mpi    engines (default: mpi only if it is installed)
  --kernels numba,numpy                   kernels
  --full                                  the size that is configured, not a reduced one
  --no-convergence                        no order of convergence

The exit code is 1 if anything differs, or if the order is not that which the experiment names.
"""
_LISTS = ("--ranks", "--engines", "--kernels")
_FLAGS = ("--full", "--no-convergence")
_OURS = ("backend", "kernels", "resume", "resume_overrides", "hydra")


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes
    ----------
    kernels, engines : tuple of str
        Which, in this order.
    ranks : tuple of int
        How many.
    engines_given : bool
        Whether the engines were asked for, so that each of them is needed.
    full : bool
        The size that is configured.
    convergence : bool
        Whether the order of convergence is measured.
    words : tuple of str
        What is composed to a run.
    """

    kernels: tuple[str, ...]
    engines: tuple[str, ...]
    ranks: tuple[int, ...]
    engines_given: bool
    full: bool
    convergence: bool
    words: tuple[str, ...]

    @property
    def given(self) -> set[str]:
        """The keys that stand on the command line."""
        return {word.partition("=")[0].lstrip("+~") for word in self.words}


def parse(arguments: list[str]) -> Options:
    """Return the options in `arguments`.

    Raises
    ------
    ConfigError
        If one is unknown, has no value or a wrong one, or a key is among those that verify sets.
    """
    lists: dict[str, str] = {}
    flags: set[str] = set()
    words: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, has_value, value = argument.partition("=")
        if name in _LISTS:
            lists[name] = value if has_value else next(rest, "")
        elif argument in _FLAGS:
            flags.add(argument)
        else:
            words.append(_checked(argument))
    return Options(
        _chosen("--kernels", lists, KERNELS),
        _chosen("--engines", lists, _ENGINES),
        _ranks(lists.get("--ranks")),
        "--engines" in lists,
        "--full" in flags,
        "--no-convergence" not in flags,
        tuple(words),
    )


def _checked(word: str) -> str:
    if word.startswith("-"):
        raise ConfigError(
            f"'{word}' is not an option of verify; there are {', '.join((*_LISTS, *_FLAGS))}, "
            f"--help."
        )
    key = word.partition("=")[0].lstrip("+~")
    if key.partition(".")[0] in _OURS:
        raise ConfigError(
            f"'{key}' is set by verify: leave it out; --ranks, --engines and --kernels say what is "
            f"compared."
        )
    return word


def _chosen(option: str, lists: dict[str, str], valid: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that `option` lists, in the order of `valid`; all if it is not there."""
    names = lists[option].split(",") if option in lists else valid
    for name in names:
        if name not in valid:
            raise ConfigError(
                f"{option} expected some of {','.join(valid)}, separated by commas, got '{name}'."
            )
    return tuple(name for name in valid if name in names)


def _ranks(text: str | None) -> tuple[int, ...]:
    numbers = _RANKS if text is None else tuple(text.split(","))
    for number in numbers:
        if not str(number).isdecimal() or int(number) < 1:
            raise ConfigError(
                f"--ranks expected whole numbers from 1 on, separated by commas, got '{number}'."
            )
    return tuple(sorted({int(number) for number in numbers}))
