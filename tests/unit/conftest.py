"""Hypothesis: the same examples in every run, and no limit on the time of one."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from parcompute.stencils import passes, repeats

settings.register_profile(
    "parcompute",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("parcompute")


@pytest.fixture
def threads_for_few_cells(monkeypatch):
    """Share even the few cells of a test among threads."""
    monkeypatch.setattr(passes, "_FEW", 0)


@pytest.fixture
def stages_of_small_values(monkeypatch):
    """Keep any value that several cells need, however little it takes to compute it."""
    monkeypatch.setattr(repeats, "LEAST", -99)


_COMPARED = pytest.StashKey[list[int]]()


@pytest.fixture(scope="session")
def compared(request):
    """Return a function that counts the kernels of a program."""
    counts = request.config.stash.setdefault(_COMPARED, [])
    return lambda program: counts.append(len(program.calls))


def pytest_terminal_summary(terminalreporter, config):
    """Print how many kernels have been compared, if many were asked for."""
    if os.environ.get("PARCOMPUTE_TEST_EXAMPLES"):
        total = sum(config.stash.get(_COMPARED, []))
        terminalreporter.write_line(f"{total} random kernels compared.")
