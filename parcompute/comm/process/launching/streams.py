"""The standard streams of ranks: whole lines of all of them on those of the supervisor.

Each rank writes to pipes of its own; a thread passes on what comes, line by line, so that lines of
different ranks never mix and what a rank had written is not lost when it is killed. Rank 0 reads
the standard input; the others find it empty.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence
from multiprocessing.reduction import DupFd
from threading import Thread
from typing import Any

_CHUNK = 1 << 16
_IDLE = 0.1  # seconds after which an unfinished line on a terminal is taken for a prompt


class RankStreams:
    """The ends of one rank. They can be pickled to a process that is being started, only there."""

    def __init__(self, rank: int, stdout: int, stderr: int) -> None:
        self._rank = rank
        self._fds = stdout, stderr

    def __reduce__(self) -> tuple[Any, ...]:
        return _attach, (self._rank, *map(DupFd, self._fds))

    def enter(self) -> None:
        """Make them the standard streams of this process."""
        for own, standard in zip(self._fds, (1, 2), strict=True):
            os.dup2(own, standard)
            os.close(own)
        if self._rank != 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin = open(0, errors="surrogateescape", closefd=False)  # noqa: SIM115

    def close(self) -> None:
        """Leave them to the rank alone."""
        for fd in self._fds:
            os.close(fd)


def _attach(rank: int, *inherited: Any) -> RankStreams:
    return RankStreams(rank, *(end.detach() for end in inherited))


def occupy_standard_streams() -> None:
    """Open what of 0, 1 and 2 is closed, so that no pipe gets these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


class Forwarder:
    """Passes the output of `ranks` ranks on to the standard output and error of this process.

    Parameters
    ----------
    ranks : int
        Number of ranks.
    prefix : bool
        Whether each line begins with the number of its rank, as in ``[2] text``.
    on_broken : callable
        Called once when nobody reads the output any more; what else comes is dropped.
    """

    def __init__(self, ranks: int, *, prefix: bool, on_broken: Callable[[], None]) -> None:
        self.broken = False
        self._on_broken = on_broken
        self._lines: dict[int, _Lines] = {}
        targets = _Target(1), _Target(2)
        self.ends = [self._connect(rank, prefix, targets) for rank in range(ranks)]
        self._stop, self._stopper = os.pipe()
        self._thread = Thread(target=self._forward, name="parcompute-streams", daemon=True)

    def _connect(self, rank: int, prefix: bool, targets: Sequence[_Target]) -> RankStreams:
        theirs = []
        for target in targets:
            reader, writer = os.pipe()
            self._lines[reader] = _Lines(target, f"[{rank}] ".encode() if prefix else b"", rank)
            theirs.append(writer)
        return RankStreams(rank, *theirs)

    def start(self) -> None:
        """Begin, after the ranks have been started."""
        for end in self.ends:
            end.close()
        self._thread.start()

    def finish(self) -> None:
        """Pass on what is left, after the ranks have ended."""
        if self._thread.is_alive():
            os.write(self._stopper, b".")
            self._thread.join()

    def _forward(self) -> None:
        while self._lines:
            ready = self._ready()
            for fd in ready:
                if fd != self._stop:
                    self._pull(fd)
            if ready == [self._stop]:  # programs that a rank has started may keep a pipe open
                break
        for lines in self._lines.values():
            self._guarded(lines.finish)

    def _ready(self) -> list[int]:
        """Wait for output; show unfinished lines meanwhile where they may be prompts."""
        prompts = [lines for lines in self._lines.values() if lines.is_prompt]
        poll = select.poll()
        for fd in (*self._lines, self._stop):
            poll.register(fd, select.POLLIN)
        events = poll.poll(1000 * _IDLE if prompts else None)
        if not events:
            for lines in prompts:
                self._guarded(lines.show)
        return [fd for fd, _ in events]

    def _pull(self, fd: int) -> None:
        data = os.read(fd, _CHUNK)
        lines = self._lines[fd]
        if data:
            self._guarded(lines.take, data)
        else:
            self._guarded(lines.finish)
            del self._lines[fd]
            os.close(fd)

    def _guarded(self, function: Callable[..., None], *args: Any) -> None:
        if self.broken:
            return
        try:
            function(*args)
        except OSError:
            self.broken = True
            Thread(target=self._on_broken, daemon=True).start()  # while this one keeps reading


class _Target:
    """Standard output or error of this process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.is_terminal = os.isatty(fd)
        self._unfinished: _Lines | None = None  # whose prompt stands there

    def write(self, data: bytes, lines: _Lines) -> None:
        """Write whole lines, or what is to be seen of one."""
        if self._unfinished not in (None, lines):
            data = b"\n" + data
        self._unfinished = None if data.endswith(b"\n") else lines
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                select.select([], [self._fd], [])


class _Lines:
    """What one rank writes to one stream."""

    def __init__(self, target: _Target, prefix: bytes, rank: int) -> None:
        self._target = target
        self._prefix = prefix
        self._rank = rank
        self._rest = bytearray()  # of a line that is not complete
        self._begun = False  # whether the beginning of that line has been shown

    @property
    def is_prompt(self) -> bool:
        """Whether there is an unfinished line that a user may have to answer."""
        return bool(self._rest) and self._rank == 0 and self._target.is_terminal

    def take(self, data: bytes) -> None:
        """Take what has come, pass on complete lines."""
        self._rest += data
        end = data.rfind(b"\n")
        if self._target.is_terminal:  # bars of progress end with a carriage return
            end = max(end, data.rfind(b"\r"))
        if end >= 0:
            self._pass_on(len(self._rest) - len(data) + end + 1)

    def show(self) -> None:
        """Pass on the beginning of a line."""
        self._pass_on(len(self._rest))

    def finish(self) -> None:
        """Pass on the last line, which may lack its end."""
        if self._rest:
            self._rest += b"\n"
            self._pass_on(len(self._rest))

    def _pass_on(self, count: int) -> None:
        data = bytes(self._rest[:count])
        del self._rest[:count]
        text = data if self._begun else self._prefix + data
        inner = text[:-1].replace(b"\n", b"\n" + self._prefix)
        self._begun = not text.endswith(b"\n")
        self._target.write(inner + text[-1:], self)
