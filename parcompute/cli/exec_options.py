"""The arguments of ``parcompute exec``; what stands after the program belongs to the program."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from parcompute.cli.exec_program import Program
from parcompute.errors import ConfigError

USAGE = """\
usage: parcompute exec [OPTIONS] SCRIPT [ARGUMENTS]
       parcompute exec [OPTIONS] -m MODULE [ARGUMENTS]
       parcompute exec [OPTIONS] -c CODE [ARGUMENTS]

Run a Python program on several ranks, without MPI. A program written for mpi4py needs
`from parcompute import MPI` in place of `from mpi4py import MPI`.

options:
  -n RANKS           number of ranks; one per core if left out
  --prefix           begin each line of output with the number of its rank: [2] text
  --timeout SECONDS  end the job after that time, with exit code 124

Standard input goes to rank 0. The exit code is the highest of all ranks. Under mpiexec or srun
the program runs on those MPI ranks.
"""


class Options(NamedTuple):
    """What the user asks for.

    Attributes
    ----------
    program : Program
        What to run.
    ranks : int or None
        How many ranks, if given.
    prefix : bool
        Whether lines begin with the number of their rank.
    timeout : float or None
        Seconds after which the job is ended.
    """

    program: Program
    ranks: int | None
    prefix: bool
    timeout: float | None


def parse(arguments: list[str]) -> Options:
    """Return what `arguments` ask for (ConfigError if they cannot be understood)."""
    words = deque(arguments)
    ranks: int | None = None
    timeout: float | None = None
    prefix = False
    while words and words[0].startswith("-"):
        word = words.popleft()
        if word == "--":
            break
        if word in ("-m", "-c"):
            target = _value(word, words)
            return Options(Program(word, target, tuple(words)), ranks, prefix, timeout)  # type: ignore[arg-type]
        if word == "-n":
            ranks = _count(_value(word, words))
        elif word.startswith("-n") and word[2:].isdecimal():
            ranks = _count(word[2:])
        elif word == "--timeout":
            timeout = _seconds(_value(word, words))
        elif word == "--prefix":
            prefix = True
        else:
            raise ConfigError(
                f"'{word}' is not an option: there are -n, --prefix, --timeout, -m, -c"
            )
    if not words:
        raise ConfigError("expected a script, -m MODULE or -c CODE: parcompute exec -n 4 script.py")
    return Options(Program("script", words.popleft(), tuple(words)), ranks, prefix, timeout)


def _value(option: str, words: deque[str]) -> str:
    if not words:
        raise ConfigError(f"expected something after {option}: see parcompute exec --help")
    return words.popleft()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"-n takes a number of ranks, at least 1, got '{text}'")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ConfigError(f"--timeout takes a number of seconds greater than 0, got '{text}'")
    return seconds
