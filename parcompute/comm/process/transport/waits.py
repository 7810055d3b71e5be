"""What a rank that waits waits for, in the words of the user, and which ranks could end it."""

from __future__ import annotations

from collections.abc import Sequence
from sys import _getframe
from typing import TYPE_CHECKING, NamedTuple, Protocol

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG
from parcompute.comm.process.transport.board import Wait
from parcompute.comm.process.transport.places import users_call

if TYPE_CHECKING:
    from parcompute.comm.process.transport.engine import Engine
    from parcompute.comm.process.transport.mailbox import Key

_ITEMS = 4  # of a list that a sentence shows
_LONGEST = 1000  # characters


class Awaited(NamedTuple):
    """What a request lacks.

    Attributes
    ----------
    call : str
        That started it, e.g. "Irecv".
    arguments : str, optional
        Of the call, e.g. "source=1, tag=7"; None: `call` is a list of calls.
    ranks : tuple of int, optional
        Ranks of the job, of which any could provide it; None: any.
    place : str
        Where it was started, if that is known.
    number : int
        Of a collective call in its communicator.
    note : str
        What else could help.
    """

    call: str
    arguments: str | None
    ranks: tuple[int, ...] | None
    place: str = ""
    number: int = 0
    note: str = ""

    def __str__(self) -> str:
        return self.call if self.arguments is None else f"{self.call}({self.arguments})"


class Waitable(Protocol):
    """What a rank can wait for.

    Attributes
    ----------
    spins : int
        Looks at the doorbell that are worth their time before the rank is put to sleep, if it has a
        core of its own; 0: as many as the last waits suggest.
    """

    spins: int

    @property
    def done(self) -> bool:
        """Whether there is nothing to wait for any more."""

    def awaited(self) -> Awaited:
        """Return what is missing."""


class Calls(Protocol):
    """What is known here of the collective calls of a communicator.

    Attributes
    ----------
    members : sequence of int
        Its ranks.
    """

    members: Sequence[int]

    def awaited(self, tag: int | None, ranks: tuple[int, ...] | None) -> Awaited:
        """Return the call whose messages have this tag, which lacks one of any of `ranks`."""


def awaited_message(engine: Engine, key: Key) -> Awaited:
    """Return what a receive or a probe lacks."""
    source, context, tag = key
    calls, hidden = _calls_of(engine, context)
    if calls is None:
        return Awaited("", "", None if source == ANY_SOURCE else (source,))
    ranks = (source,) if source != ANY_SOURCE else tuple(calls.members)
    if hidden:
        return calls.awaited(tag, ranks)
    name = calls.members.index(source) if source != ANY_SOURCE else "ANY_SOURCE"
    arguments = f"source={name}, tag={'ANY_TAG' if tag == ANY_TAG else tag}"
    return Awaited("Irecv", arguments, ranks, note=_others(engine, calls, context))


def awaited_send(engine: Engine, dest: int, context: int, tag: int) -> Awaited:
    """Return what a send lacks."""
    calls, hidden = _calls_of(engine, context)
    if calls is None:
        return Awaited("", "", (dest,))
    if hidden:
        return calls.awaited(tag, (dest,))
    return Awaited("Isend", f"dest={calls.members.index(dest)}, tag={tag}", (dest,))


def awaited_any(items: Sequence[Awaited]) -> Awaited:
    """Return what the first of several requests to be complete lacks."""
    ranks = None
    if all(item.ranks is not None for item in items):
        ranks = tuple({rank for item in items for rank in item.ranks or ()})
    names = [str(item) for item in items[:_ITEMS]]
    if len(items) > _ITEMS:
        names.append(f"{len(items) - _ITEMS} more")
    return Awaited(" or ".join(names), None, ranks)


def describe(engine: Engine, awaited: Awaited) -> Wait:
    """Return the wait that this rank is in."""
    unsent = tuple(rank for rank, outbox in engine.outboxes.items() if outbox.busy)
    ranks = None if engine.tasks else awaited.ranks
    return Wait(_sentence(awaited)[:_LONGEST], ranks, unsent, awaited.number)


def _sentence(awaited: Awaited) -> str:
    """Return the user's call with its place, and what it waits for if that began elsewhere."""
    call = users_call(_getframe(2))
    waits = call.name.lower().startswith("wait")
    if awaited.place and waits:
        return f"{call.name}() at {call.place} for {awaited} at {awaited.place}"
    if awaited.place:
        return f"{awaited} at {awaited.place}"
    text = f"{call.name}() of {awaited}" if waits else f"{call.name}({awaited.arguments or ''})"
    return f"{text} at {call.place}{awaited.note}"


def _others(engine: Engine, calls: Calls, context: int) -> str:
    """Return the messages that came, but that nobody has received: often the tag is wrong."""
    keys = engine.mailbox.early(context)
    names = [f"(source={calls.members.index(source)}, tag={tag})" for source, _, tag in keys]
    if len(names) > _ITEMS:
        names[_ITEMS:] = ["…"]
    return f"; not received: {', '.join(names)}" if names else ""


def _calls_of(engine: Engine, context: int) -> tuple[Calls | None, bool]:
    """Return the collective calls of a communicator, and whether `context` is theirs."""
    calls = engine.calls.get(context)
    return (engine.calls.get(context + 1), False) if calls is None else (calls, True)
