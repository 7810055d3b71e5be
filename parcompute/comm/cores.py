"""How many cores this process may use."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment that bounds the threads of OpenMP and BLAS.

    A process reads it when it first imports NumPy.
    """
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def usable_cpus() -> int:
    """Return the number of logical processors that this process may use (affinity, quota)."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return min(len(os.sched_getaffinity(0)), _quota())


def physical_cores() -> int:
    """Return the number of physical cores that this process may run on, at least 1.

    Hardware threads of one core count once: a memory-bound kernel gains nothing from the second.
    """
    if sys.platform == "darwin":
        return _darwin_cores()
    if not hasattr(os, "sched_getaffinity"):
        return usable_cpus()
    return min(len({_siblings(cpu) for cpu in os.sched_getaffinity(0)}), _quota())


def _quota() -> int:
    """Return the processors that a container may use; a large number where there is no limit."""
    try:
        allowed, period = _CGROUP_QUOTA.read_text().split()
        return max(1, math.ceil(int(allowed) / int(period)))
    except (OSError, ValueError):  # no such file, or "max"
        return sys.maxsize


def _siblings(cpu: int) -> str:
    """Return the hardware threads of the core of `cpu`, e.g. "0,4"; itself where unknown."""
    try:
        return Path(_TOPOLOGY.format(cpu)).read_text()
    except OSError:
        return str(cpu)


def _darwin_cores() -> int:
    import subprocess

    command = ["sysctl", "-n", "hw.physicalcpu"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return int(answer) if answer.strip().isdigit() else usable_cpus()
