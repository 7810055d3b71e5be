"""Which collective call a message belongs to, and who made it where.

The tag of a call is made of what all calls before it were, too. So ranks that make different calls
never exchange data: they wait, and are told why.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import _getframe
from typing import Any
from zlib import crc32

from parcompute.comm.process.transport.board import NUMBERS, SITE_BITS, KnownSite, Panel, Site
from parcompute.comm.process.transport.places import users_call
from parcompute.comm.process.transport.waits import Awaited

_FACTOR = 5  # odd: different tags stay different; one more than a multiple of 4: they last long
_TAGS = (1 << 27) - 1  # small enough for fast arithmetic, with the factor too
_ONE = 1 << SITE_BITS  # call, as it is counted in the log
_COUNTS = NUMBERS << SITE_BITS
_DEPTH = 3  # frames from `begin` to the user: the function of the call, and the method
_WRAPPER = "call"  # the name of what calls a function of a collective call
_ROOTED = {"bcast", "scatter", "scatterv", "gather", "gatherv", "reduce"}


class Calls:
    """The collective calls of one communicator: every rank makes the same, in order.

    Parameters
    ----------
    panel : Panel
        Where they are logged, with a call number 0 that says that this rank belongs to it.
    context : int
        Of the communicator.
    members : sequence of int
        Its ranks.
    """

    __slots__ = (
        "__weakref__",
        "_communicator",
        "_count",
        "_latest",
        "_log",
        "_next_entry",
        "_panel",
        "_sites",
        "_tag",
        "members",
    )

    def __init__(self, panel: Panel, context: int, members: Sequence[int]) -> None:
        self.members = members
        self._panel = panel
        self._communicator = crc32(repr((context, *members)).encode())
        self._sites, self._log, self._next_entry = panel.sites, panel.log, panel.next_entry
        self._count = self._tag = 0
        self._latest: Site | None = None
        start = Site(0, self._communicator, 0, "")
        number, _, _ = panel.add_site((0, 0, self._communicator, "", ()), start)
        self._log[self._next_entry()] = number

    def begin(self, name: str, *signature: Any) -> int:
        """Return the tag of all messages of the next call.

        Parameters
        ----------
        name : str
            Of the call, e.g. "Bcast".
        *signature
            What must be the same on all ranks, e.g. the root.
        """
        frame = _getframe(_DEPTH)
        key = id(frame.f_code), frame.f_lasti, self._communicator, name, signature
        number, checksum, self._latest = self._sites.get(key) or self._site(name, signature)
        self._count = count = self._count + _ONE & _COUNTS
        self._log[self._next_entry()] = count | number
        self._tag = tag = (self._tag * _FACTOR + checksum) & _TAGS
        return tag

    def awaited(self, tag: int | None = None, ranks: tuple[int, ...] | None = None) -> Awaited:
        """Return the call that began last, or an unknown one if that has not this tag."""
        if self._latest is None or tag not in (None, self._tag):
            return Awaited("an earlier collective call", "", ranks)
        call, _, place = self._latest.text.rpartition(" at ")
        name, _, arguments = call.partition("(")
        return Awaited(name, arguments.removesuffix(")"), ranks, place, self._count // _ONE)

    def _site(self, name: str, signature: tuple[Any, ...]) -> KnownSite:
        """Return the site of the call that is beginning."""
        call = users_call(_getframe(2))
        code = call.frame.f_code
        key = id(code), call.frame.f_lasti, self._communicator, name, signature
        if key not in self._sites:
            words = [name, *map(str, signature)]
            checksum = crc32("\0".join(words).encode()) & _TAGS | 1
            text = f"{_sentence(call.name, name, *signature)} at {call.place}"
            self._panel.add_site(key, Site(0, self._communicator, checksum, text, code))
        return self._sites[key]


def _sentence(method: str, name: str, *signature: Any) -> str:
    """Return the call as users know it, e.g. ``bcast(root=0)``."""
    if method not in (_WRAPPER, name):  # which is made of collective calls
        return f"{method}()"
    words = [f"{value} bytes" if isinstance(value, int) else str(value) for value in signature]
    if name.lower() in _ROOTED:
        words[0] = f"root={signature[0]}"
    return f"{name}({', '.join(words)})"
