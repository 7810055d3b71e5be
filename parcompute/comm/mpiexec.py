"""Finds the mpiexec that belongs to the MPI library that mpi4py loads.

A machine often has several; the wrong one starts N worlds of one rank. MPI is asked in a process
of its own, which does not initialize it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from parcompute.comm.cores import physical_cores
from parcompute.comm.launcher import INSTALL_MPI, detect, library_name, without_launcher
from parcompute.errors import ConfigError

_TIMEOUT = 30.0
_NAMES = ("mpiexec", "mpiexec.hydra", "mpiexec.openmpi", "mpiexec.mpich")
_MARKS = {  # library version -> what `mpiexec --version` then says
    "Open MPI": ("Open MPI", "OpenRTE", "PRRTE", "prte"),
    "Intel(R) MPI": ("Intel(R) MPI",),
    "MPICH": ("HYDRA",),
    "MVAPICH": ("HYDRA",),
}
_ASK = """
import json, sys
import mpi4py
mpi4py.rc.initialize = mpi4py.rc.finalize = False
from mpi4py import MPI
if sys.platform == "darwin":
    import ctypes
    dyld = ctypes.CDLL(None)
    dyld._dyld_get_image_name.restype = ctypes.c_char_p
    loaded = [dyld._dyld_get_image_name(i).decode() for i in range(dyld._dyld_image_count())]
else:
    with open("/proc/self/maps") as maps:
        loaded = [line.split()[-1] for line in maps]
found = [path for path in loaded if path.rpartition("/")[2].startswith(("libmpi.", "libmpich."))]
print(json.dumps([MPI.Get_library_version().strip("\\0"), found[0] if found else ""]))
"""


class Library(NamedTuple):
    """The MPI library that mpi4py loads.

    Attributes
    ----------
    version : str
        As it describes itself.
    path : str
        Its file; "" if unknown.
    """

    version: str
    path: str


def mpiexec_command(ranks: int) -> list[str]:
    """Return the command that starts `ranks` processes of what follows, e.g. ``python -m …``.

    Raises
    ------
    ConfigError
        If there is no mpi4py, no MPI library, or no mpiexec of that library.
    """
    library = mpi_library()
    vendor = next((name for name in _MARKS if name in library.version), None)
    name = library_name(library.version)
    if vendor is None:
        raise ConfigError(f"no mpiexec is known for {name}: start the run with your MPI's launcher")
    for candidate in _candidates(library):
        if any(mark in _version(candidate) for mark in _MARKS[vendor]):
            return [candidate, *_options(vendor, ranks), "-n", str(ranks)]
    raise ConfigError(
        f"found no mpiexec of {name} ({library.path}), which mpi4py uses: "
        "put the folder of that mpiexec on PATH, or start the run with it"
    )


@cache
def mpi_library() -> Library:
    """Return the library that mpi4py loads (ConfigError if there is none)."""
    answer = _run([sys.executable, "-c", _ASK])
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
        raise ConfigError(f"backend=mpi needs mpi4py and MPI ({reason}): {INSTALL_MPI}")
    return Library(*json.loads(answer.stdout.splitlines()[-1]))


def _candidates(library: Library) -> Iterator[str]:
    """Yield what may be its mpiexec: beside the library, beside this Python, on PATH."""
    prefixes = list(Path(library.path).resolve().parents)[:4] if library.path else []
    for folder in [*(prefix / "bin" for prefix in prefixes), Path(sys.executable).parent]:
        for name in _NAMES:
            if os.access(folder / name, os.X_OK):
                yield str(folder / name)
    yield from filter(None, map(shutil.which, _NAMES))


def _version(candidate: str) -> str:
    answer = _run([candidate, "--version"])
    return answer.stdout + answer.stderr


def _options(vendor: str, ranks: int) -> list[str]:
    if vendor != "Open MPI" or ranks <= physical_cores() or detect() is not None:
        return []  # inside a Slurm job, Open MPI takes the number of slots from it
    return ["--oversubscribe"]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=without_launcher(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
