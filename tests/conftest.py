"""What all tests share: several of them at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ahead import Ahead
from tests.lasting import Lasting

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every process would compile parcompute anew


@pytest.fixture(scope="module", autouse=True)
def _ahead(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ahead]:
    """Run the tests of a module that are marked ``ahead``, a few at a time."""
    ahead = Ahead(request, tmp_path_factory)
    yield ahead
    ahead.end()


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """Return what does as `parcompute.launch`, on ranks that last for the tests of a module."""
    with Lasting() as lasting:
        yield lasting.launch


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Wait for a test that runs ahead, in the place of running it."""
    if not pyfuncitem.get_closest_marker("ahead"):
        return None
    pyfuncitem.funcargs["_ahead"].wait_for(pyfuncitem)
    return True
