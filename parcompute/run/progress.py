"""Progress of a run: a bar on a terminal, else one plain line every interval."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

_INTERVAL = 10.0  # seconds between plain lines

Say = Callable[[str], None]


class Progress:
    """Shows steps done, rate and time left; made on rank 0 alone.

    Parameters
    ----------
    steps : int
        Steps of the run.
    cells : int
        Cells updated in one step; 0 if the experiment has no grid.
    say : callable
        Takes a plain line.
    stream : file
        Where a bar is drawn, if it is a terminal; default standard error.
    bar : bool
        Whether there may be a bar.
    """

    def __init__(
        self,
        steps: int,
        cells: int,
        say: Say,
        stream: TextIO | None = None,
        *,
        bar: bool = True,
    ) -> None:
        self._steps, self._cells, self._say = steps, cells, say
        self._first, self._start = 0, perf_counter()
        self._last = self._start
        stream = stream or sys.stderr
        self._bar = _bar(steps, stream) if bar and stream.isatty() and steps else None

    def update(self, step: int) -> None:
        """Tell that `step` steps are done; the rate counts from the first call on.

        The first step loads or compiles kernels.
        """
        now = perf_counter()
        if not self._first:
            self._first, self._start = step, now
        rate = self._rate(step - self._first, now - self._start)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step, rate=rate)
        elif step == self._steps:
            self._say(f"step {step} of {self._steps}{rate}")
        elif now - self._last >= _INTERVAL:
            left = (self._steps - step) * (now - self._start) / max(step - self._first, 1)
            self._say(f"step {step} of {self._steps}{rate}, {left:.0f} s left")
            self._last = now

    def _rate(self, steps: int, seconds: float) -> str:
        """Return the rate in words: MLUP/s, million cell updates per second."""
        if not steps:
            return ""
        if self._cells:
            return f", {self._cells * steps / seconds / 1e6:.1f} MLUP/s"
        return f", {steps / seconds:.1f} steps/s"

    def close(self) -> None:
        """Give the terminal back."""
        if self._bar is not None:
            self._bar.stop()


def _bar(steps: int, stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("steps{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=Console(file=stream),
        transient=True,
    )
    bar.add_task("steps", total=steps, rate="")
    bar.start()
    bar.console.show_cursor(True)  # nobody would bring it back if this rank is killed
    return bar


def logger(file: Path, *, printed: bool = True) -> Say:
    """Return a function that prints a line, if that is wished, and adds it to `file`.

    A run does not end because its lines find no reader (``| head``) or no room in the log.
    """

    def say(line: str) -> None:
        with suppress(BrokenPipeError):
            if printed:
                print(line, flush=True)
        with suppress(OSError), file.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    return say
