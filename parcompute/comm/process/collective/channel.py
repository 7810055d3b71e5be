"""Where collective calls run: at once to their end, or bit by bit whenever the rank waits.

A collective call is written once, as a generator that yields the request it waits for next and
returns the result.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from parcompute.comm.process.collective.calls import Calls
from parcompute.comm.process.collective.trees import rounds, tree
from parcompute.comm.process.messages.failures import ERR_ROOT, ArgumentError
from parcompute.comm.process.messages.pickles import dumps
from parcompute.comm.process.messages.point_to_point import PointToPoint
from parcompute.comm.process.messages.requests import ObjectRequest, Request
from parcompute.comm.process.transport.engine import Engine
from parcompute.comm.process.transport.waits import Awaited

_SMALL = 1 << 16

Steps = Generator[Any, None, Any]
"""A collective call under way."""


class Channel(PointToPoint):
    """Messages of the collective calls of a communicator: they never meet those of the user.

    Attributes
    ----------
    calls : Calls
        Gives every call its tag.
    rounds : list
        The exchanges of reductions, see `trees.rounds`.
    through_one : bool
        Whether small data of all ranks go through rank 0: in fewer messages, if not in fewer
        rounds, which is faster where ranks share cores (1.5 times with 8 ranks on 2 cores).
    neighbours : list of int
        On a Cartesian grid: below and above, axis by axis.
    """

    def __init__(self, engine: Engine, context: int, members: Sequence[int]) -> None:
        super().__init__(engine, context, members)
        self.calls = Calls(engine.panel, context, members)
        engine.calls[context] = self.calls
        self.rounds = list(rounds(self.rank, self.size))
        self.through_one = engine.crowded and self.size > 3
        self.neighbours: list[int] = []

    def check_root(self, root: int) -> None:
        """Raise `ArgumentError` if `root` is no rank."""
        if not 0 <= root < self.size:
            raise ArgumentError(ERR_ROOT, f"root must be in 0 … {self.size - 1}, got {root}")

    def tree(self, root: int) -> tuple[int | None, list[int]]:
        """Return parent and children of this rank in the binomial tree below `root`."""
        return tree(self.rank, self.size, root)

    def receive_bytes(self, source: int, tag: int) -> Request:
        """Start to receive a message of any size as it is, without unpickling."""
        request = _BytesRequest(self._engine, self._key(source, tag), self._members)
        request.Start()
        return request

    def swap(self, obj: Any, dests: Sequence[int], source: int, tag: int) -> Any:
        """Send an object to some ranks and return that of another, which does the same."""
        data = dumps(obj)
        if len(data) <= _SMALL:  # never waits for its receiver
            for dest in dests:
                self.Send(data, dest, tag)
            return self.recv(None, source, tag)
        sends = [self.Isend(data, dest, tag) for dest in dests]
        other = self.recv(None, source, tag)
        for request in sends:
            request.Wait()
        return other

    def run(self, steps: Steps) -> Any:
        """Run a call that has its tag already to its end; return its result."""
        try:
            while True:
                request = next(steps)
                if not request.done:
                    self._engine.wait(request)
        except StopIteration as end:
            return end.value

    def start(self, steps: Steps, awaited: Any) -> Task:
        """Leave a call that has begun, and waits for `awaited`, under way."""
        return Task(self._engine, steps, awaited, self.calls.awaited())


class Task(Request):
    """A collective call under way, and the request that is complete when it is.

    Parameters
    ----------
    engine : Engine
        Of this rank.
    steps : generator
        The call, which has begun.
    awaited : Request, optional
        What it waits for first.
    call : Awaited
        The call, to explain a wait that lasts.
    """

    def __init__(self, engine: Engine, steps: Steps, awaited: Any, call: Awaited) -> None:
        super().__init__(engine)
        self._call = call
        self._steps = steps
        self._awaited = awaited
        self._failure: BaseException | None = None
        self.active = True
        self.done = False
        self.advance()
        if not self.done:
            engine.tasks.append(self)

    def advance(self) -> None:
        """Go on until a request is not done."""
        try:
            while self._awaited is None or self._awaited.done:
                self._awaited = next(self._steps)
        except StopIteration:
            self.done = True
        except Exception as error:  # raised by the call that completes the request
            self._failure, self.error = error, str(error)
            self.done = True

    def awaited(self) -> Awaited:
        """Return what is missing: a message of any rank, which may advance other calls as well."""
        return self._call

    def _conclude(self, status: Any) -> None:
        super()._conclude(status)
        failure, self._failure, self.error = self._failure, None, None
        if failure is not None:
            raise failure


class _BytesRequest(ObjectRequest):
    def _result(self) -> memoryview:
        return self._data


def receive(request: Request) -> Steps:
    """Return the object, when it is there."""
    if not request.done:
        yield request
    return request.wait()


def receive_all(requests: Sequence[Request]) -> Steps:
    """Return the objects, when they are there."""
    yield from wait_all(requests)
    return [request.wait() for request in requests]


def wait_all(requests: Sequence[Request]) -> Steps:
    """Return when all are done."""
    for request in requests:
        if not request.done:
            yield request
