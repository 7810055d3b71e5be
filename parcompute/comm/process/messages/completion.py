# ruff: noqa: N802 (the names are mpi4py's)
"""Waiting for and testing several requests: the class methods of mpi4py's ``Request``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG, UNDEFINED
from parcompute.comm.process.messages.status import Status
from parcompute.comm.process.transport.waits import Awaited, awaited_any


class RequestLists:
    """What `Request` does with lists of requests.

    Requests that are not under way (never started, or reported as complete before) are passed over.
    """

    @classmethod
    def Startall(cls, requests: Iterable[Any]) -> None:
        """Start all, receives and sends alike."""
        for request in requests:
            request.Start()

    @classmethod
    def Waitall(cls, requests: Iterable[Any], statuses: Sequence[Any] | None = None) -> bool:
        """Return when all are complete."""
        if statuses is not None:
            cls.waitall(list(requests), statuses)
            return True
        for request in requests:
            if not request.done or request.error is not None:
                request.Wait()
            else:
                request.active = False
        return True

    @classmethod
    def waitall(cls, requests: Sequence[Any], statuses: Sequence[Any] | None = None) -> list[Any]:
        """Return the received objects, when all are complete."""
        told = _one_for_each(statuses, len(requests))
        return [request.wait(status) for request, status in zip(requests, told, strict=True)]

    @classmethod
    def Testall(cls, requests: Sequence[Any], statuses: Sequence[Any] | None = None) -> bool:
        """Say whether all are complete; report none before."""
        _progress(requests)
        if not all(request.done for request in requests):
            return False
        return cls.Waitall(requests, statuses)

    @classmethod
    def testall(
        cls, requests: Sequence[Any], statuses: Sequence[Any] | None = None
    ) -> tuple[bool, list[Any] | None]:
        """Return (whether all are complete, the received objects)."""
        _progress(requests)
        done = all(request.done for request in requests)
        return done, cls.waitall(requests, statuses) if done else None

    @classmethod
    def Waitany(cls, requests: Sequence[Any], status: Any = None) -> int:
        """Return the index of one that is complete; UNDEFINED if none is under way."""
        return cls.waitany(requests, status)[0]

    @classmethod
    def waitany(cls, requests: Sequence[Any], status: Any = None) -> tuple[int, Any]:
        """Return (index, received object) of one that is complete."""
        _wait_for_one(requests)
        index, _, obj = cls._take_one(requests, status)
        return index, obj

    @classmethod
    def Testany(cls, requests: Sequence[Any], status: Any = None) -> tuple[int, bool]:
        """Return (index of one that is complete or UNDEFINED, whether there is one)."""
        return cls.testany(requests, status)[:2]

    @classmethod
    def testany(cls, requests: Sequence[Any], status: Any = None) -> tuple[int, bool, Any]:
        """Return (index, whether one is complete, received object)."""
        _progress(requests)
        return cls._take_one(requests, status)

    @classmethod
    def Waitsome(
        cls, requests: Sequence[Any], statuses: Sequence[Any] | None = None
    ) -> list[int] | None:
        """Return the indices of those that are complete, one or more; None if none is under way."""
        return cls.waitsome(requests, statuses)[0]

    @classmethod
    def waitsome(
        cls, requests: Sequence[Any], statuses: Sequence[Any] | None = None
    ) -> tuple[list[int] | None, list[Any] | None]:
        """Return (indices, received objects) of those that are complete."""
        _wait_for_one(requests)
        return cls._take_some(requests, statuses)

    @classmethod
    def Testsome(
        cls, requests: Sequence[Any], statuses: Sequence[Any] | None = None
    ) -> list[int] | None:
        """Return the indices of those that are complete; None if none is under way."""
        return cls.testsome(requests, statuses)[0]

    @classmethod
    def testsome(
        cls, requests: Sequence[Any], statuses: Sequence[Any] | None = None
    ) -> tuple[list[int] | None, list[Any] | None]:
        """Return (indices, received objects) of those that are complete."""
        _progress(requests)
        return cls._take_some(requests, statuses)

    @classmethod
    def _take_one(cls, requests: Sequence[Any], status: Any) -> tuple[int, bool, Any]:
        under_way = False
        for index, request in enumerate(requests):
            if request.active and request.done:
                return index, True, request.wait(status)
            under_way = under_way or request.active
        if status is not None and not under_way:
            status.set(ANY_SOURCE, ANY_TAG, 0)
        return UNDEFINED, not under_way, None

    @classmethod
    def _take_some(
        cls, requests: Sequence[Any], statuses: Sequence[Any] | None
    ) -> tuple[list[int] | None, list[Any] | None]:
        if not any(request.active for request in requests):
            return None, None
        indices = [index for index, r in enumerate(requests) if r.active and r.done]
        return indices, cls.waitall([requests[index] for index in indices], statuses)


def _one_for_each(statuses: Sequence[Any] | None, count: int) -> Sequence[Any]:
    """Return `count` statuses; a list that is too short grows."""
    if statuses is None:
        return [None] * count
    more = [Status() for _ in range(count - len(statuses))]
    if isinstance(statuses, list):
        statuses += more
        return statuses[:count]
    return [*statuses, *more][:count]


class _AnyOf:
    """Complete as soon as one of some requests is."""

    spins = 0

    def __init__(self, requests: list[Any]) -> None:
        self._requests = requests

    @property
    def done(self) -> bool:
        return any(request.done for request in self._requests)

    def awaited(self) -> Awaited:
        """Return what is missing: any of several."""
        return awaited_any([request.awaited() for request in self._requests])


def _wait_for_one(requests: Sequence[Any]) -> None:
    under_way = [request for request in requests if request.active]
    if under_way:
        under_way[0].engine.wait(_AnyOf(under_way))


def _progress(requests: Sequence[Any]) -> None:
    for request in requests:
        if not request.done:
            request.engine.poll()
            return
