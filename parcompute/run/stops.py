"""Stop a run in an orderly way at SIGTERM or SIGUSR1, which batch systems send before the end."""

from __future__ import annotations

import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, Protocol

from parcompute.comm import stopping
from parcompute.comm.launcher import detect

_LOOK = 1.0  # seconds between two looks for a request in a file

Handler = Callable[[int, FrameType | None], Any] | int | None


class Asked(Protocol):
    """Tells a rank what asks it to stop."""

    @property
    def asked(self) -> str | None:
        """The name of the signal, or what else has asked; None if nothing has."""


class StopRequests:
    """Takes SIGTERM and SIGUSR1 as requests to stop, inside its ``with`` block.

    The first SIGTERM and any SIGUSR1 are only noted, and so is a SIGUSR1 that came before the block
    (`parcompute.comm.stopping.remember`). A second SIGTERM, half a second later or more, does what
    SIGTERM did before the block. Signals may come to some ranks only: those that ask `asked` have
    to agree. Outside of the main thread nothing is taken.

    Under Open MPI's mpiexec SIGTERM is no request: it kills its ranks a second after it.
    """

    def __init__(self) -> None:
        self._active = threading.current_thread() is threading.main_thread()
        launcher = detect()
        self._sigterm = launcher is None or launcher.name != "mpiexec (Open MPI)"
        self._terminations = stopping.Terminations()
        self._before: dict[int, Handler] = {}

    @property
    def asked(self) -> str | None:
        """The name of the signal that has asked to stop, SIGTERM or SIGUSR1; None if none has."""
        return stopping.noted() if self._active else None

    def __enter__(self) -> StopRequests:
        if self._active:
            self._take(signal.SIGUSR1, lambda *_: stopping.note("SIGUSR1"))
            if self._sigterm:
                self._take(signal.SIGTERM, self._on_sigterm)
            stopping.offer(True, sigterm=self._sigterm)
        return self

    def __exit__(self, *_: object) -> None:
        if self._active:
            stopping.offer(False)
            _restore(self._before)

    def _take(self, number: int, handler: Handler) -> None:
        self._before[number] = signal.signal(number, handler)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        if self._terminations.is_order():
            _handle(self._before[number], number, frame)
        else:
            stopping.note("SIGTERM")


def _handle(handler: Handler, number: int, frame: FrameType | None) -> None:
    """Do with a signal what `handler` does, which is not installed."""
    if callable(handler):
        handler(number, frame)
    elif handler != signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _restore(handlers: dict[int, Handler]) -> None:
    """Install handlers again; one that C code had installed, which is None, cannot be."""
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def passed_on(ask: Callable[[str], None], able: Callable[[], bool]) -> Iterator[None]:
    """Pass requests on to ranks that this process has started and waits for.

    SIGTERM does what it did before where the ranks do not stop in order, and the second time.
    Requests are noted here too: in a sweep, the next ranks are asked at once.

    Parameters
    ----------
    ask : callable
        Takes the name of the signal.
    able : callable
        Whether the ranks stop in order now.
    """
    terminations = stopping.Terminations()

    def handle(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM and (terminations.is_order() or not able()):
            _handle(before[number], number, frame)
        else:
            name = signal.Signals(number).name
            stopping.note(name)
            ask(name)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Handler] = {n: signal.getsignal(n) for n in stopping.REQUESTS}
    try:
        for number in stopping.REQUESTS:
            signal.signal(number, handle)
        if (name := stopping.noted()) is not None:
            ask(name)
        yield
    finally:
        _restore(before)


class SharedStops:
    """Requests to stop for groups of ranks that do not wait for each other: one comes to all.

    They tell each other in a file; groups may be on other machines that share the folder.

    Parameters
    ----------
    stops : Asked
        What has come to this rank.
    file : Path
        The file; it may also come from elsewhere, with the word ``stop`` in it.
    looks : bool
        Whether this rank looks for the file; one of a group does.
    """

    def __init__(self, stops: Asked, file: Path, *, looks: bool) -> None:
        self._stops, self._file, self._looks = stops, file, looks
        self._looked = monotonic()
        self._asked: str | None = None

    @property
    def asked(self) -> str | None:
        """What has asked any of the groups to stop; None if nothing has."""
        if self._asked is None:
            self._asked = self._stops.asked
            if self._asked is not None:
                self.tell(self._asked)
            elif self._looks and monotonic() - self._looked >= _LOOK:
                self._looked = monotonic()
                self._asked = self._told()
        return self._asked

    def tell(self, name: str) -> None:
        """Ask all groups to stop, because of `name`."""
        draft = self._file.with_name(f".{self._file.name}.{platform.node()}.{os.getpid()}")
        with suppress(OSError):  # the others have got the signal too, as a rule
            draft.write_text(name)
            draft.replace(self._file)

    def _told(self) -> str | None:
        with suppress(OSError):
            text = self._file.read_text().strip()
            return "a request" if text == "stop" else text
        return None


class Folder:
    """A folder in which ranks and the process that has started mpiexec tell each other.

    Signals would not do: until a rank has prepared for it, SIGUSR1 ends it, and mpiexec as well;
    and what mpiexec makes of SIGTERM differs.

    Parameters
    ----------
    path : Path
        The folder; ranks on other machines may not see it, but rank 0 does.
    speaks : bool
        Whether this rank, which is rank 0, tells the starter about itself.
    """

    def __init__(self, path: Path, speaks: bool = False) -> None:
        self._able, self._asked, self._end = path / "able", path / "asked", path / "end"
        self._speaks = speaks

    def offer(self, able: bool) -> None:
        """Tell whether the ranks stop in order."""
        if not self._speaks:
            return
        if able:
            self._able.touch()
        else:
            self._able.unlink(missing_ok=True)

    def request(self) -> str | None:
        """Return the name of the signal that the starter has got."""
        return self._asked.read_text() if self._asked.exists() else None

    def ends(self) -> bool:
        """Say whether the starter ends the ranks."""
        return self._end.exists()

    def able(self) -> bool:
        """Say whether the ranks stop in order now."""
        return self._able.exists()

    def ask(self, name: str) -> None:
        """Ask the ranks to stop; the first signal counts."""
        if not self._asked.exists():
            draft = self._asked.with_name("asking")
            draft.write_text(name)
            draft.replace(self._asked)

    def end(self) -> None:
        """Tell the ranks that the SIGTERM to come is no request."""
        self._end.touch()
