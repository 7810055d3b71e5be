"""Commands of parcompute in a folder of their own, and what they leave there."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from subprocess import CompletedProcess
from threading import Lock
from typing import Any
from uuid import uuid4

import h5py
import numpy as np

from parcompute.comm.mpiexec import mpiexec_command
from tests.helpers import environment, python, run
from tests.system.forked import Forks

USER = Path(__file__).parent / "user"
"""``experiments/`` and ``configs/`` as a user has them in the current folder."""

COMPLETE = {
    ".hydra",
    "diagnostics.csv",
    "fields.h5",
    "log.txt",
    "preview.png",
    "run.json",
    "timings.json",
}
"""What stands in the directory of a run that has ended well."""

forks = Forks()

launcher = cache(mpiexec_command)
"""Asking MPI which mpiexec is its own takes half a second; the answer does not change."""


def command(*words: object, ranks: int = 0) -> list[str]:
    """Return ``python -m parcompute WORDS``, under mpiexec if `ranks` is not 0."""
    return [*(launcher(ranks) if ranks else []), *python("-m", "parcompute", *map(str, words))]


def parcompute(
    *words: object, cwd: Path, ranks: int = 0, env: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run parcompute with these arguments; forked unless an import may depend on how it starts.

    On other systems than Linux a process that has imported so much may not be forked.
    """
    if ranks or "PYTHONPATH" in (env or {}) or sys.platform != "linux":
        return run(command(*words, ranks=ranks), cwd=cwd, env=env)
    return forks.run(list(map(str, words)), env=environment() | dict(env or {}), cwd=cwd)


def install_user(folder: Path) -> Path:
    """Give `folder` the user's experiments and configurations."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(USER, folder, dirs_exist_ok=True, ignore=ignore)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Return all files under `folder` by name, without what Python caches."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def run_directories(folder: Path) -> list[Path]:
    """Return all run directories under `folder`."""
    return sorted(path.parent for path in folder.rglob("run.json"))


class Made:
    """A run directory, and what was printed when it was made."""

    def __init__(self, folder: Path, done: CompletedProcess[str] | None = None) -> None:
        self.folder = folder
        self.done = done

    @cached_property
    def record(self) -> dict[str, Any]:
        """``run.json``."""
        values: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return values

    @cached_property
    def u(self) -> np.ndarray:
        """All snapshots of the field u."""
        return self.dataset("u")

    def dataset(self, name: str) -> np.ndarray:
        """Return a dataset of ``fields.h5``."""
        with h5py.File(self.folder / "fields.h5") as file:
            values: np.ndarray = file[name][...]
        return values

    @property
    def checksum(self) -> str:
        """Digest of shape, type and bits of u."""
        head = f"{self.u.dtype.str} {self.u.shape}".encode()
        return hashlib.sha256(head + self.u.tobytes()).hexdigest()

    def table(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a CSV file."""
        with (self.folder / name).open(newline="") as stream:
            return list(csv.DictReader(stream))

    @property
    def files(self) -> set[str]:
        """Names in the run directory."""
        return set(os.listdir(self.folder))


class Workshop:
    """A folder with the user's experiments, where each run is made once for all tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = install_user(folder)
        self._made: dict[tuple[object, ...], Made] = {}
        self._making: defaultdict[tuple[object, ...], Lock] = defaultdict(Lock)

    def make(self, *words: object, ranks: int = 0) -> Made:
        """Return the run ``parcompute run WORDS``, under mpiexec if `ranks` is not 0."""
        key = (*words, ranks)
        with self._making[key]:
            if key not in self._made:
                self._made[key] = self._new(*words, ranks=ranks)
        return self._made[key]

    def make_all(self, *runs: tuple[object, ...]) -> list[Made]:
        """Return runs, each given by its words; two are made at a time."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda words: self.make(*words), runs))

    def _new(self, *words: object, ranks: int) -> Made:
        name = f"made/{uuid4().hex}"
        done = parcompute("run", *words, f"hydra.run.dir={name}", cwd=self.folder, ranks=ranks)
        assert done.returncode == 0, done.stderr + done.stdout
        return Made(self.folder / name, done)
