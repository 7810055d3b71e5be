"""``parcompute checkpoint``: ask a run that is going on to save itself, or list its checkpoints."""

from __future__ import annotations

from pathlib import Path

from parcompute.errors import ConfigError

_HELP = """\
usage: parcompute checkpoint RUN [save | stop]

Without a word: checks the checkpoints of the run directory RUN and prints a line for each.
  save   asks the run, which must be going on, to write a checkpoint now
  stop   asks it to write a checkpoint and end; parcompute run resume=RUN goes on with it

The run may be on another machine that shares the directory. It looks once a second, between two
pieces of its steps. Of an ensemble all members are asked that are going on.
"""


def main(arguments: list[str]) -> int:
    """Do what `arguments` say; return the exit code."""
    if {"--help", "-h"}.intersection(arguments):
        print(_HELP, end="")
        return 0
    if len(arguments) not in (1, 2) or arguments[1:] not in ([], ["save"], ["stop"]):
        raise ConfigError(
            f"checkpoint takes one run directory, and save or stop, got '{' '.join(arguments)}'."
        )
    from parcompute.run import directory

    folder = Path(arguments[0])
    directory.read_record(folder)
    if len(arguments) == 1:
        return _check(folder)
    _ask(folder, arguments[1])
    return 0


def _ask(folder: Path, word: str) -> None:
    from parcompute.run import directory, start

    if not start.is_busy(folder):
        raise ConfigError(f"The run '{folder}' is not going on: nothing can be asked of it.")
    asked = [folder]
    if word == "save" and (members := directory.members(folder)):
        asked = [member for member in members if start.is_busy(member)]
    for one in asked:
        draft = one / f".{directory.REQUEST}"
        draft.write_text(f"{word}\n", encoding="utf-8")
        draft.replace(one / directory.REQUEST)


def _check(folder: Path) -> int:
    """Print a line for each checkpoint; return 1 if one is damaged."""
    from parcompute.comm.serial import serial
    from parcompute.io import checkpoint
    from parcompute.io.blocks import DamagedError
    from parcompute.io.collective import size
    from parcompute.run import directory

    folders = (folder, *directory.members(folder))
    found = [path for one in folders for path in reversed(checkpoint.found(one))]
    damaged = 0
    for path in found:
        try:
            manifest = checkpoint.verify(serial(), path)
            text = f"step {manifest['step']}, time {manifest['time']:.6g}, sound"
        except DamagedError as error:
            text, damaged = f"damaged: {error}", 1
        print(f"{path}  {size(path.stat().st_size)}  {text}")
    if not found:
        print(f"{folder} has no checkpoint")
    return damaged
