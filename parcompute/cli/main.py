"""Entry point: choose the command, and turn errors into a sentence and an exit code."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import NoReturn

from parcompute._version import __version__
from parcompute.cli.launched import limit_threads
from parcompute.comm import stopping
from parcompute.errors import ParcomputeError, TerminatedError

_COMMANDS = {
    "run": "run an experiment: parcompute run +exp=heat2d",
    "exec": "run a program written for mpi4py: parcompute exec -n 4 script.py",
    "analyze": "statistics of a finished run: parcompute analyze RUN",
    "checkpoint": "checkpoints of a run; save or stop it: parcompute checkpoint RUN stop",
    "list": "the experiments there are",
    "kernel": "what the stencils of an experiment cost and become: parcompute kernel +exp=heat2d",
    "verify": "whether an experiment gives the same bits everywhere: parcompute verify +exp=heat2d",
}
_INTERRUPTED = 130  # the shell's exit code for Ctrl-C
_TERMINATED = 143  # and for SIGTERM
STOPPED = 85  # a run that has stopped early, in order, and can be resumed


def usage() -> str:
    """Return the text of ``parcompute --help``."""
    commands = "\n".join(f"  {name:<11} {text}" for name, text in _COMMANDS.items())
    return (
        "usage: parcompute COMMAND [ARGUMENTS]    (or python -m parcompute COMMAND ...)\n\n"
        f"Parallel numerical workloads in Python.\n\ncommands:\n{commands}\n\n"
        "options:\n  --help     this text; parcompute COMMAND --help tells more\n"
        "  --version  the version\n"
    )


def main(arguments: list[str]) -> int:
    """Run the command in `arguments`; return the exit code."""
    command = arguments[0] if arguments else "--help"
    if command in ("--help", "-h", "help"):
        print(usage(), end="")
        return 0 if arguments else 2
    if command in ("--version", "-V"):
        print(f"parcompute {__version__}")
        return 0
    if command not in _COMMANDS:
        print(
            f"error: '{command}' is not a command; there are {', '.join(_COMMANDS)}.",
            file=sys.stderr,
        )
        return 2
    limit_threads(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    if command == "run":  # others end at SIGUSR1
        stopping.remember()
    try:
        code: int = import_module(f"parcompute.cli.{command}").main(arguments[1:])
    except ParcomputeError as error:
        return report(error)
    except TerminatedError:
        print("terminated", file=sys.stderr)
        return _TERMINATED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return _INTERRUPTED
    return code


def _terminate(number: int, frame: object) -> NoReturn:
    raise TerminatedError


def report(error: ParcomputeError) -> int:
    """Print the sentence of an error, unless the ranks already have; return its exit code."""
    from parcompute.run.launch import ReportedError

    if not isinstance(error, ReportedError):
        print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def console() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(main(sys.argv[1:]))
