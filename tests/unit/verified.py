"""Runs for the tests of ``parcompute verify``."""

from __future__ import annotations

from pathlib import Path

from parcompute.run.spec import Output, RunSpec
from tests.helpers import ROOT

USER = ROOT / "tests/system/user/experiments"


def spec(path: Path, **parameters: object) -> RunSpec:
    """Return a run of the experiment at `path` with an output every second step."""
    return RunSpec(path.stem, path.stem, str(path), parameters, "", {}, output=Output(every=2))
