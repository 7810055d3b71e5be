"""What every rank of a job says about itself in shared memory: readable whatever the rank does.

Each rank has a panel with its state, the wait that it is in, and a log of its latest collective
calls. Only the rank writes there, but for words in which the supervisor asks it to stop. A log
entry is one word: the number of the call in its communicator, and the number of its site. A site is
a line of a program that makes such a call; it is described once. The numbers are small, since that
is what Python is fast with, and begin again after the last one, when no entry of the log has them
any more.
"""

from __future__ import annotations

import struct
from ast import literal_eval
from itertools import cycle
from signal import Signals
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RUNNING, WAITING, FINISHED = range(3)
"""States of a rank: computes, is blocked in a wait, has nothing left to send after its function."""

SITES = 256
"""The sites that a panel holds: the latest ones."""

SITE_BITS = 11
"""Of the number of a site in an entry of the log; the number of the call has the rest."""

NUMBERS = (1 << 19) - 1
"""The largest number of a call."""

_LOG = 1024  # entries
# more than entries in the log, which has at least one for every site; all fit in their bits, and
# the last one ends a round of places
_SITE_NUMBERS = 7 * SITES
_SITE_BYTES = 192
_STATE_AT, _STOPS_AT, _WAIT_AT, _LOG_AT = 0, 8, 64, 4096
_ABLE, _ASKED, _END = range(3)  # words about stopping
_WAIT_BYTES = 4000
_SITES_AT = _LOG_AT + _LOG * 4
_PANEL_BYTES = 1 << 16
_LENGTH = struct.Struct("=H")
_SITE = struct.Struct("=IIIH")  # number, communicator, checksum, bytes of the text
_SITE_TYPE = np.dtype(
    {
        "names": ["number", "communicator", "checksum"],
        "formats": ["u4", "u4", "u4"],
        "offsets": [0, 4, 8],
        "itemsize": _SITE_BYTES,
    }
)


Key = tuple[int, int, int, str, tuple[Any, ...]]
"""Of a site: id of the code, instruction, communicator, name and signature of the call."""


class Wait(NamedTuple):
    """A wait that lasts.

    Attributes
    ----------
    text : str
        The call, with the user's file and line.
    ranks : tuple of int, optional
        Those of which any could end it; None: any other rank.
    unsent : tuple of int
        The ranks to which something is left to send.
    number : int
        Of the collective call in its communicator; 0 for any other call.
    """

    text: str
    ranks: tuple[int, ...] | None
    unsent: tuple[int, ...]
    number: int = 0


class Site(NamedTuple):
    """A line of a program that makes a collective call.

    Attributes
    ----------
    number : int
        Counted from 1, in each rank for itself.
    communicator : int
        The same number on all its ranks.
    checksum : int
        Of what must be the same on all ranks.
    text : str
        The call, with the user's file and line.
    code : CodeType, optional
        To which the line belongs; kept, so that no other code gets the id that is in the key.
    """

    number: int
    communicator: int
    checksum: int
    text: str
    code: CodeType | None = None


KnownSite = tuple[int, int, Site]
"""A site behind its number and its checksum, since a plain tuple is faster to unpack."""


def board_bytes(ranks: int) -> int:
    """Return the size of the panels of all ranks; what is not written takes no memory."""
    return ranks * _PANEL_BYTES


def panels(memory: memoryview) -> list[Panel]:
    """Return the panels of all ranks."""
    starts = range(0, len(memory), _PANEL_BYTES)
    return [Panel(memory[start : start + _PANEL_BYTES]) for start in starts]


def private_panel() -> Panel:
    """Return a panel that no other process sees."""
    return Panel(memoryview(bytearray(_PANEL_BYTES)))


class Panel:
    """What one rank says about itself."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._state = memory[_STATE_AT : _STATE_AT + 8].cast("Q")
        self._stops = memory[_STOPS_AT : _STOPS_AT + 24].cast("Q")
        self.log = memory[_LOG_AT:_SITES_AT].cast("I")
        self.next_entry = cycle(range(_LOG)).__next__
        self.sites: dict[Key, KnownSite] = {}
        self._added = 0
        self._sequence = 0

    def run(self) -> None:
        """Say that the rank computes."""
        self._enter(RUNNING)

    def finish(self) -> None:
        """Say that the rank will send nothing more."""
        self._enter(FINISHED)

    def wait(self, wait: Wait) -> None:
        """Say what the rank waits for; it takes in nothing before it calls `run`."""
        data = repr(tuple(wait)).encode()
        if len(data) > _WAIT_BYTES:  # so many ranks: it goes on as running
            return
        _LENGTH.pack_into(self._memory, _WAIT_AT, len(data))
        start = _WAIT_AT + _LENGTH.size
        self._memory[start : start + len(data)] = data
        self._enter(WAITING)

    def _enter(self, state: int) -> None:
        self._sequence += 1
        self._state[0] = self._sequence << 2 | state

    def offer(self, able: bool) -> None:
        """Say whether the rank stops in an orderly way when it is asked to."""
        self._stops[_ABLE] = able

    def able(self) -> bool:
        """Return whether the rank stops in an orderly way."""
        return bool(self._stops[_ABLE])

    def ask(self, name: str) -> None:
        """Ask the rank to stop because of this signal (by the supervisor); the first counts."""
        self._stops[_ASKED] = self._stops[_ASKED] or Signals[name]

    def request(self) -> str | None:
        """Return the name of the signal that asks the rank to stop."""
        number = self._stops[_ASKED]
        return Signals(number).name if number else None

    def end(self) -> None:
        """Say that the next SIGTERM ends the rank (by the supervisor)."""
        self._stops[_END] = 1

    def ends(self) -> bool:
        """Return whether the supervisor ends the rank."""
        return bool(self._stops[_END])

    def add_site(self, key: Key, site: Site) -> KnownSite:
        """Describe a line that is going to make collective calls, from now on known by `key`."""
        if self._added % SITES == 0:
            self.sites.clear()  # their place is taken by the next ones
        self._added = self._added % _SITE_NUMBERS + 1
        site = site._replace(number=self._added)
        self.sites[key] = known = site.number, site.checksum, site
        data = _start_of(site.text.encode(), _SITE_BYTES - _SITE.size)
        start = _site_at(site.number)
        _SITE.pack_into(self._memory, start, *site[:3], len(data))
        start += _SITE.size
        self._memory[start : start + len(data)] = data
        return known

    def moment(self) -> tuple[int, int]:
        """Return (state, a number that is another one after every change of the state)."""
        word = self._state[0]
        return word & 3, word

    def read_wait(self) -> Wait | None:
        """Return what the rank waits for: sound if its `moment` is the same before and after."""
        (length,) = _LENGTH.unpack_from(self._memory, _WAIT_AT)
        start = _WAIT_AT + _LENGTH.size
        try:
            return Wait(*literal_eval(str(self._memory[start : start + length], "utf-8")))
        except (ValueError, SyntaxError, TypeError):  # it is being written
            return None

    def read_site(self, number: int) -> str:
        """Return the text of a site."""
        start = _site_at(number)
        found, _, _, length = _SITE.unpack_from(self._memory, start)
        start += _SITE.size
        text = bytes(self._memory[start : start + length])
        return text.decode(errors="replace") if found == number else "a call"

    def read_calls(self) -> NDArray[np.int64]:
        """Return the latest calls as rows (communicator, number, checksum, site), not in order."""
        log = np.frombuffer(self.log, np.uint32).astype(np.int64)
        log = log[log != 0]
        numbers, sites = log >> SITE_BITS, log & ((1 << SITE_BITS) - 1)
        table = np.frombuffer(self._memory[_SITES_AT:], _SITE_TYPE, SITES)[sites % SITES]
        rows = [table["communicator"], numbers, table["checksum"], sites]
        valid: NDArray[np.bool_] = table["number"] == sites
        return np.stack(rows, axis=1)[valid]


def _site_at(number: int) -> int:
    return _SITES_AT + number % SITES * _SITE_BYTES


def _start_of(text: bytes, room: int) -> bytes:
    return text if len(text) <= room else text[:room].decode(errors="ignore").encode()
