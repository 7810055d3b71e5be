"""When a run is saved or stopped, and what a checkpoint tells about it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from parcompute.comm import Communicator
from parcompute.errors import ConfigError
from parcompute.io import checkpoint
from parcompute.io.blocks import DamagedError
from parcompute.io.checkpoint import Checkpoint
from parcompute.io.collective import on_root
from parcompute.run import directory, state
from parcompute.run.experiment import Experiment
from parcompute.run.spec import RunSpec
from parcompute.run.stops import Asked

_LOOK = 1.0  # seconds between two looks for a request
_SAVE, _STOP = 1, 2


@dataclass(frozen=True)
class Wish:
    """What is to be done now.

    Attributes
    ----------
    save : bool
        Whether a checkpoint is to be written.
    stop : str or None
        Why the run is to stop after that.
    """

    save: bool = False
    stop: str | None = None


class Saving:
    """Saves a run: every so many steps or minutes, and when it is asked to.

    Parameters
    ----------
    comm : Communicator
        All ranks.
    spec : RunSpec
        The run.
    experiment : Experiment
        Set up.
    initial : dict
        Its parameters that `setup` left as they were.
    stops : Asked
        What asks this rank to stop.
    """

    def __init__(
        self,
        comm: Communicator,
        spec: RunSpec,
        experiment: Experiment,
        initial: dict[str, Any],
        stops: Asked,
    ) -> None:
        self._comm, self._experiment, self._initial = comm, experiment, initial
        self._folder, self._options, self._stops = Path(spec.directory), spec.checkpoint, stops
        self._config = spec.config()
        self._last = self._looked = monotonic()
        self._requested = 0
        self._is_root = comm.Get_rank() == 0
        self.saved: int | None = None  # the step of the last checkpoint
        self.left_out: list[str] = []

    def steps(self) -> range:
        """Return the steps at which there is a checkpoint, beside those of minutes and requests."""
        total, every = self._experiment.steps, self._options.every
        return range(every, total + 1, every) if every else range(0)

    def wish(self) -> Wish:
        """Return what all ranks together wish; collective."""
        signal = self._stops.asked
        mine = (_STOP | _SAVE if signal else 0) | (self._by_root() if self._is_root else 0)
        wishes = self._comm.allreduce(mine, op=operator.or_)
        if not wishes & _STOP:
            return Wish(bool(wishes & _SAVE))
        names = self._comm.allgather(signal)
        return Wish(True, next(filter(None, names), "a request"))

    def _by_root(self) -> int:
        """Return what the clock and the request file wish."""
        now = monotonic()
        wish = 0
        if self._options.minutes and now - self._last >= 60 * self._options.minutes:
            wish = _SAVE
        if now - self._looked >= _LOOK:
            self._looked = now
            wish |= self._take_request()
        return wish

    def _take_request(self) -> int:
        file = self._folder / directory.REQUEST
        with suppress(OSError):
            text = file.read_text()
            file.unlink()
            return _SAVE | _STOP if text.strip() == "stop" else _SAVE
        return 0

    def save(self, step: int, outputs: list[int], rows: int) -> None:
        """Write a checkpoint; collective.

        Parameters
        ----------
        step : int
            Steps that have been made.
        outputs : list of int
            The steps at which there was a snapshot.
        rows : int
            How many rows of measures there are.
        """
        if step == self.saved:
            return
        held = state.capture(self._comm, self._experiment, self._initial)
        self.left_out = held.left_out
        manifest = {
            "step": step,
            "outputs": outputs,
            "rows": rows,
            "time": float(step * self._experiment.dt),
            "dt": float(self._experiment.dt),
            "config": self._config,
            "left_out": held.left_out,
        }
        path = checkpoint.path_of(self._folder, step)
        checkpoint.save(self._comm, path, held.parts, manifest, held.attributes)
        self.saved, self._last = step, monotonic()


def load(comm: Communicator, folder: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """Return the last sound checkpoint of the run in `folder`, None if it has none; collective.

    Raises
    ------
    ConfigError
        On every rank, if all are damaged.
    """
    paths = on_root(comm, checkpoint.found, folder)
    problems = []
    for path in paths:
        try:
            found = Checkpoint(comm, path)
        except DamagedError as error:
            problems.append(f"{path.name}: {error}")
            say(f"checkpoint {path.name} is damaged and not used: {error}")
            continue
        if problems:
            on_root(comm, _set_aside, paths[: len(problems)])
        on_root(comm, checkpoint.tidy, path.parent)
        return found
    if problems:
        raise ConfigError(
            f"No checkpoint of '{directory.shown(folder)}' can be used ({'; '.join(problems)}): "
            f"start the run anew, in another directory."
        )
    return None


def _set_aside(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.replace(path.with_name(f"{path.name}.damaged"))
