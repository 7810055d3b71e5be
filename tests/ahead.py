"""Tests that run ahead, a few at a time, in threads: for those that mostly wait for programs.

A module (or a test) asks for that with the mark ``ahead(N)``: up to N of its tests then run while
pytest is at the first of them, and pytest waits for each where it would have run it. Such a test
takes its parameters, a folder (``tmp_path`` or ``user``) and fixtures of the module or the session;
it changes nothing that other tests see.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.system.cli import install_user

_FOLDERS: dict[str, Callable[[Path], Path]] = {
    "tmp_path": lambda folder: folder,
    "user": install_user,
}


class Ahead:
    """The tests of a module that run ahead."""

    def __init__(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        self._request, self._folders = request, tmp_path_factory
        self._running: dict[pytest.Function, Future[Any]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def wait_for(self, test: pytest.Function) -> None:
        """Return when `test` has ended, or raise what it raised; the first call starts them all."""
        if self._pool is None:
            self._pool = self._start()
        self._running[test].result()

    def end(self) -> None:
        """Wait for the tests that run, and start no other."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _start(self) -> ThreadPoolExecutor:
        tests = {test: mark for test in self._tests() if (mark := test.get_closest_marker("ahead"))}
        arguments = {test: self._arguments(test) for test in tests}
        pool = ThreadPoolExecutor(max(mark.args[0] for mark in tests.values()))
        for test in tests:
            self._running[test] = pool.submit(test.obj, **arguments[test])
        return pool

    def _tests(self) -> list[pytest.Function]:
        """Return the tests of the module in the order in which pytest comes to them."""
        here = self._request.module
        return [test for test in self._request.session.items if test.module is here]

    def _arguments(self, test: pytest.Function) -> dict[str, Any]:
        parameters = test.callspec.params if hasattr(test, "callspec") else {}
        names = inspect.signature(test.obj).parameters
        return {n: parameters[n] if n in parameters else self._value(n) for n in names}

    def _value(self, name: str) -> Any:
        if name in _FOLDERS:
            return _FOLDERS[name](self._folders.mktemp("ahead"))
        return self._request.getfixturevalue(name)
