# ruff: noqa: N802 (the names are mpi4py's)
"""Requests: messages under way, once or persistent; here those that receive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, PROC_NULL
from parcompute.comm.process.messages.completion import RequestLists
from parcompute.comm.process.messages.failures import ERR_TRUNCATE, Exception
from parcompute.comm.process.messages.pickles import loads
from parcompute.comm.process.transport.engine import Engine
from parcompute.comm.process.transport.mailbox import Key
from parcompute.comm.process.transport.waits import Awaited, awaited_message


class Request(RequestLists):
    """A message under way; `done` once the buffer may be used again.

    It is `active` from its start until its completion was reported. Then it is false and equal to
    ``REQUEST_NULL``, unless it is `persistent`: made to be started again.
    """

    done = True
    active = False
    persistent = False
    spins = 0
    error: str | None = None

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __bool__(self) -> bool:
        return self.active or self.persistent

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Request) and not self and not other)

    __hash__ = object.__hash__

    def lasting(self) -> Request:
        """Be persistent."""
        self.persistent = True
        return self

    def Start(self) -> None:
        """Send the buffer as it is now, or be ready for the next message."""

    def Free(self) -> None:
        """Give the request up: it is ``REQUEST_NULL`` then."""
        self.active = self.persistent = False

    def Cancel(self) -> None:
        """Withdraw a receive that no message has matched; anything else goes on."""

    def Wait(self, status: Any = None) -> bool:
        """Return when the buffer may be used again.

        Raises
        ------
        Exception
            If a longer message came than the buffer takes.
        """
        if not self.done:
            self.engine.wait(self)
        self._conclude(status)
        return True

    def Test(self, status: Any = None) -> bool:
        """Say whether the message is complete, and let it progress."""
        if not self.done:
            self.engine.poll()
        if self.done:
            self._conclude(status)
        return self.done

    def wait(self, status: Any = None) -> Any:
        """Return the received object, when it is there; None for a send."""
        active = self.active
        self.Wait(status)
        return self._result() if active else None

    def test(self, status: Any = None) -> tuple[bool, Any]:
        """Return (whether it is complete, the received object)."""
        active = self.active
        done = self.Test(status)
        return done, self._result() if done and active else None

    def Get_status(self, status: Any = None) -> bool:
        """Say whether the message is complete, and leave the request as it is."""
        if not self.done:
            self.engine.poll()
        if self.done and status is not None:
            self._describe(status)
        return self.done

    def get_status(self, status: Any = None) -> bool:
        """Say whether the message is complete, and leave the request as it is."""
        return self.Get_status(status)

    def cancel(self) -> None:
        """Withdraw a receive that no message has matched; anything else goes on."""
        self.Cancel()

    def awaited(self) -> Awaited:
        """Return what is missing, to explain a wait that lasts."""
        return Awaited("", "", ())

    def _conclude(self, status: Any) -> None:
        """Report that it is complete."""
        if status is not None:
            self._describe(status)
        self.active = False

    def _describe(self, status: Any) -> None:
        status.set(ANY_SOURCE, ANY_TAG, 0)

    def _result(self) -> Any:
        """Return the received object (None, for a send or a buffer)."""


class ProcNullRequest(Request):
    """A message from or to ``PROC_NULL``: complete at once, buffer untouched."""

    def __init__(self, engine: Engine, *, receives: bool) -> None:
        self.engine = engine
        self._receives = receives

    def Start(self) -> None:
        """Be complete."""
        self.active = True

    def _describe(self, status: Any) -> None:
        source = PROC_NULL if self._receives and self.active else ANY_SOURCE
        status.set(source, ANY_TAG, 0)


class RecvRequest(Request):
    """A message into a buffer; restarted with `Start`.

    Parameters
    ----------
    engine : Engine
        Of this rank.
    key : tuple of int
        Source, context and tag, where the source is counted among all ranks of the job.
    data : memoryview
        The buffer.
    members : sequence of int, optional
        Which ranks of the job the communicator has, to report the source.
    """

    def __init__(
        self, engine: Engine, key: Key, data: memoryview, members: Sequence[int] | None = None
    ) -> None:
        self.engine = engine
        self.key = key
        self.order = 0
        self._data = data
        self._members = range(engine.size) if members is None else members
        self._came = key[0], key[2], 0
        self._cancelled = False

    def Start(self) -> None:
        """Be ready for the next message."""
        self.done = self._cancelled = False
        self.active = True
        self.engine.mailbox.post(self)

    def Cancel(self) -> None:
        """Withdraw the receive, if no message has matched it."""
        if not self.done and self.engine.mailbox.withdraw(self):
            self.done = self._cancelled = True

    def accept(self, source: int, tag: int, data: memoryview) -> None:
        """Take a copy of a whole message, and be complete."""
        nbytes = len(data)
        self.landing(nbytes)[:] = data
        self._came = source, tag, nbytes
        self.done = True

    @property
    def missing(self) -> int:
        """Bytes of the buffer that the message did not fill."""
        return len(self._data) - self._came[2]

    def awaited(self) -> Awaited:
        """Return what is missing: a message."""
        return awaited_message(self.engine, self.key)

    def landing(self, nbytes: int) -> memoryview:
        """Return the part of the buffer that the message fills."""
        if nbytes == len(self._data):
            return self._data
        if nbytes < len(self._data):
            return self._data[:nbytes]
        self.error = f"a message of {nbytes} bytes came for a buffer of {len(self._data)}"
        return memoryview(bytearray(nbytes))

    def finish(self, source: int, tag: int, nbytes: int) -> None:
        """Be complete."""
        self._came = source, tag, nbytes
        self.done = True

    def _conclude(self, status: Any) -> None:
        if status is not None:
            self._describe(status)
        self.active = self._cancelled = False
        if self.error is not None:
            self._raise()

    def _describe(self, status: Any) -> None:
        if self._cancelled or not self.active:
            status.set(ANY_SOURCE, ANY_TAG, 0, cancelled=self._cancelled)
            return
        source, tag, nbytes = self._came
        status.set(self._members.index(source), tag, nbytes)

    def _raise(self) -> NoReturn:
        sentence, self.error = self.error, None
        source, tag, _ = self._came
        raise Exception(
            ERR_TRUNCATE,
            f"rank {self.engine.rank}: {sentence} (from rank {self._members.index(source)}, "
            f"tag {tag}): make the receive buffer as large as the message",
        )


class ObjectRequest(RecvRequest):
    """A pickled object of any size."""

    def __init__(self, engine: Engine, key: Key, members: Sequence[int] | None = None) -> None:
        super().__init__(engine, key, memoryview(b""), members)

    def landing(self, nbytes: int) -> memoryview:
        """Return new memory for the pickle."""
        self._data = memoryview(bytearray(nbytes))
        return self._data

    def _result(self) -> Any:
        return loads(self._data)
