"""When a run is killed: some time after its begin, or after something has happened in its files."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOOK = 3e-4  # seconds between two looks: a commit lasts about a millisecond


def _file(name: str) -> Callable[[Path], Hashable]:
    def look(folder: Path) -> Hashable:
        with suppress(OSError):
            found = (folder / name).stat()
            return found.st_size, found.st_ino
        return None

    return look


def _there(pattern: str) -> Callable[[Path], Hashable]:
    return lambda folder: max(folder.glob(pattern), default=None)


def _configuration(folder: Path) -> Hashable:
    return tuple(path.stat().st_mtime_ns for path in folder.glob(".hydra/[a-z]*.yaml"))


EVENTS: dict[str, tuple[Callable[[Path], Hashable], int]] = {
    "configuration": (_configuration, 3),
    "record": (_file("run.json"), 2),
    "log": (_file("log.txt"), 3),
    "row": (_file("diagnostics.csv"), 30),
    "journal": (_there(".fields.h5.journal"), 20),
    "draft": (_there("checkpoints/.step_*.part"), 12),
    "checkpoint": (_there("checkpoints/step_*.h5"), 12),
    "timings": (_file("timings.json"), 1),
}
"""What to look at, and how many changes of it may be waited for."""


@dataclass(frozen=True)
class Moment:
    """When to kill.

    Attributes
    ----------
    event : str
        Of `EVENTS`; "" to count from the start of the command.
    number : int
        How many changes to wait for.
    delay : float
        Seconds after that.
    """

    event: str
    number: int
    delay: float

    @classmethod
    def of(cls, chance: random.Random, seconds: float) -> Moment:
        """Return any moment of a run that takes `seconds`."""
        if chance.random() < 0.25:
            return cls("", 0, chance.uniform(0.0, 1.2 * seconds))
        event = chance.choice([*EVENTS, "row", "journal", "draft", "checkpoint"])
        delay = chance.choice([0.0, chance.uniform(0.0, 0.005), chance.uniform(0.0, 0.05)])
        return cls(event, chance.randint(1, EVENTS[event][1]), delay)

    def wait(self, folder: Path, ended: Callable[[], bool], limit: float) -> bool:
        """Wait for it; say whether it came before the command had ended."""
        end = time.monotonic() + (limit if self.event else self.delay)
        if not self.event:
            return _sleep_until(end, ended)
        look = EVENTS[self.event][0]
        before, count = look(folder), 0
        while count < self.number:
            if ended() or time.monotonic() > end:
                return False
            now = look(folder)
            if now != before and now is not None:
                count += 1
            before = now
            time.sleep(_LOOK)
        return _sleep_until(time.monotonic() + self.delay, ended)

    def __str__(self) -> str:
        where = f"{self.number} x {self.event} + " if self.event else ""
        return f"{where}{1000 * self.delay:.1f} ms"


def _sleep_until(end: float, ended: Callable[[], bool]) -> bool:
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.02))
        if ended():
            return False
    return not ended()


PHASES = ("set-up", "resuming", "stepping", "snapshot", "checkpoint", "end")


@dataclass(frozen=True)
class Since:
    """What a command has done so far, as the files of its run show it.

    Attributes
    ----------
    folder : Path
        Of the run.
    begin : int
        Length of its log before the command.
    """

    folder: Path
    begin: int

    @classmethod
    def now(cls, folder: Path) -> Since:
        """Return a command that is to be started."""
        log = folder / "log.txt"
        return cls(folder, log.stat().st_size if log.exists() else 0)

    @property
    def lines(self) -> int:
        """Lines of the log that are the command's."""
        try:
            return (self.folder / "log.txt").read_bytes()[self.begin :].count(b"\n")
        except OSError:
            return 0

    def phase(self) -> str:
        """Return what the command is doing."""
        lines = self.lines
        if lines < 2 or (self.begin and lines < 3):
            return "resuming" if lines and self.begin else "set-up"
        if _is_at_end(self.folder):
            return "end"
        if next(self.folder.glob("checkpoints/.step_*.part"), None):
            return "checkpoint"
        return "snapshot" if (self.folder / ".fields.h5.journal").exists() else "stepping"


def status(folder: Path) -> str:
    """Return the status in ``run.json``; "" if there is none."""
    with suppress(OSError):
        return str(json.loads((folder / "run.json").read_text())["status"])
    return ""


def _is_at_end(folder: Path) -> bool:
    """Say whether the last output of the run is there, after which it may not stop any more."""
    with suppress(OSError, ValueError, KeyError, IndexError):
        steps = json.loads((folder / "run.json").read_text())["config"]["experiment"]["steps"]
        last = (folder / "diagnostics.csv").read_text().splitlines()[-1]
        return last.split(",")[0] == str(steps)
    return False
