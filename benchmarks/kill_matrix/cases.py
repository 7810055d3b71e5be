"""The configurations that are killed."""

from __future__ import annotations

import shutil
from pathlib import Path

_USER = Path(__file__).parent / "user"
_HEAT = ["+exp=heat2d", "experiment.shape=[96,128]"]
_LONG = [*_HEAT, "experiment.steps=16000", "output.every=400"]
_EVERY = "checkpoint.every=700"  # so that some are at steps with output, and most are not
_STATE = ["+exp=stateful", "output.every=9", "checkpoint.every=21"]

CASES: dict[str, list[str]] = {
    "plain": [*_LONG, _EVERY, "output.writer=pwrite"],
    "state": _STATE,
    "gzip": [*_LONG, _EVERY, "output.compression=gzip"],
    "gathered": [*_LONG, _EVERY, "output.writer=gathered"],
    "state gzip": [*_STATE, "output.compression=gzip", "output.overlap=false"],
    "blocking": [*_LONG, _EVERY, "output.overlap=false"],
    "minutes": [*_LONG, "checkpoint.minutes=0.001"],
    "state minutes": ["+exp=stateful", "output.every=10", "checkpoint.minutes=0.001"],
}
"""Arguments of ``parcompute run`` by name."""


def install(folder: Path) -> None:
    """Give `folder` the experiments that the cases need."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_USER, folder, dirs_exist_ok=True, ignore=ignore)
