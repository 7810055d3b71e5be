"""Where the messages from one other rank come from: its ring."""

from __future__ import annotations

from parcompute.comm.constants import ANY_TAG
from parcompute.comm.process.transport.mailbox import Mailbox, Sink
from parcompute.comm.process.transport.ring import Inlet

Taken = tuple[int, memoryview]
"""Tag and bytes of a message that still lies in the ring."""


class Inbox:
    """Messages from one other rank: read from its ring into whatever receives them."""

    __slots__ = ("_inlet", "_mailbox", "_nbytes", "_rest", "_sink", "_source", "_tag")

    def __init__(self, source: int, inlet: Inlet, mailbox: Mailbox) -> None:
        self._source = source
        self._inlet = inlet
        self._mailbox = mailbox
        self._sink: Sink | None = None
        self._rest = memoryview(b"")
        self._tag = self._nbytes = 0

    def pull(self) -> None:
        """Take in everything that has been published."""
        inlet = self._inlet
        if not inlet.look():
            return
        if self._sink is None:
            self._pull_whole()
        while self._sink is not None or self._begin():
            count = inlet.read(self._rest)
            if count < len(self._rest):
                self._rest = self._rest[count:]
                break
            self._end()
        inlet.release()

    def _pull_whole(self) -> None:
        """Take in the messages that lie in the ring whole, as most do."""
        inlet, source = self._inlet, self._source
        while (message := inlet.read_message()) is not None:
            context, tag, data = message
            inlet.skip(len(data))
            self._mailbox.sink_for((source, context, tag)).accept(source, tag, data)

    def take(self, context: int, tag: int, most: int) -> Taken | None:
        """Take out the next message, if it is expected and fits; `copy` has to follow.

        None: it is another one, or not yet there whole; it is left for `pull`.
        """
        inlet = self._inlet
        if self._sink is not None or not inlet.look():
            return None
        message = inlet.read_message()
        if message is None:
            return None
        came_context, came_tag, data = message
        nbytes = len(data)
        if came_context != context or (came_tag != tag and tag != ANY_TAG) or nbytes > most:
            return None
        inlet.skip(nbytes)
        return came_tag, data

    def copy(self, message: Taken, target: memoryview | bytearray) -> tuple[int, int]:
        """Copy what was taken to `target`; return tag and number of bytes."""
        tag, data = message
        nbytes = len(data)
        if nbytes == len(target):
            target[:] = data
        else:
            target[:nbytes] = data
        self._inlet.release()
        return tag, nbytes

    def _begin(self) -> bool:
        header = self._inlet.read_header()
        if header is None:
            return False
        context, self._tag, size = header
        key = self._source, context, self._tag
        self._sink, self._nbytes = self._mailbox.route(key, size)
        self._rest = self._sink.landing(self._nbytes)
        return True

    def _end(self) -> None:
        sink, self._sink = self._sink, None
        assert sink is not None
        sink.finish(self._source, self._tag, self._nbytes)
