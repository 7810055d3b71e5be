"""Hypothesis: the same examples in every run, and no limit on the time of one."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "parcompute",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("parcompute")
