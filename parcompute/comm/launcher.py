"""Which launcher started this process, told from environment variables (MPI is not imported).

The variables are those of Hydra (MPICH, Intel MPI) and of Slurm's PMI-1/2 plug-ins, of Open MPI's
mpiexec, and of a Slurm step. The order matters: an mpiexec inside a Slurm job starts its helpers
with srun, so that its ranks see variables of a step too, with the number of *nodes* as its size.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from parcompute.errors import ConfigError

INSTALL_MPI = 'pip install "parcompute[mpi]"'

_MPIEXEC = (
    ("mpiexec (Open MPI)", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("mpiexec (Hydra)", "PMI_RANK", "PMI_SIZE"),
)
_NOT_STEPS = ("4294967291", "4294967290")  # batch shell, interactive shell
_PRIVATE = ("PMI_", "PMIX_", "OMPI_COMM_", "OMPI_UNIVERSE_", "PRTE_", "MPI_LOCAL", "HYDI_")


class Launcher(NamedTuple):
    """How this process came to be.

    Attributes
    ----------
    name : str
        As a user knows it, e.g. "srun".
    rank, size : int
        Number of this process, and how many there are.
    started : bool
        True: `size` processes were started. False: this is the shell of a Slurm job with `size`
        tasks, of which none has been started.
    """

    name: str
    rank: int
    size: int
    started: bool = True


def detect(environ: Mapping[str, str] = os.environ) -> Launcher | None:
    """Return the launcher of this process; None outside of launchers and Slurm jobs."""
    for name, rank, size in _MPIEXEC:
        if rank in environ and size in environ:
            by = "srun" if _in_step(environ) and environ[size] == _step_size(environ) else name
            return Launcher(by, int(environ[rank]), int(environ[size]))
    if _in_step(environ):
        return Launcher("srun", int(environ["SLURM_PROCID"]), int(_step_size(environ)))
    if "SLURM_JOB_ID" in environ and "SLURM_NTASKS" in environ:
        return Launcher("Slurm job", 0, int(environ["SLURM_NTASKS"]), started=False)
    return None


def check_world(
    size: int, library: str = "the MPI library", environ: Mapping[str, str] = os.environ
) -> None:
    """Refuse a world of one rank where a launcher started several.

    Parameters
    ----------
    size : int
        Size of ``MPI.COMM_WORLD``.
    library : str
        Name of the MPI library, for the message.

    Raises
    ------
    ConfigError
        If the launcher and the MPI library do not know each other.
    """
    launcher = detect(environ)
    if size > 1 or launcher is None or not launcher.started or launcher.size == 1:
        return
    advice = "start it with the mpiexec that belongs to that library"
    if launcher.name == "srun":
        advice = f"choose a type it knows (srun --mpi=list, then srun --mpi=TYPE), or {advice}"
    raise ConfigError(
        f"{launcher.name} started {launcher.size} processes, but {library} makes a world of one "
        f"rank of each, so that each would compute everything: {advice}"
    )


def check_launcher(library: str, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse the mpiexec of another MPI, before ``MPI_Init`` would end the process its own way.

    Parameters
    ----------
    library : str
        Name of the MPI library.

    Raises
    ------
    ConfigError
        If it is Open MPI's under another mpiexec, or another's under that of Open MPI.
    """
    launcher = detect(environ)
    if launcher is None or launcher.name not in [name for name, _, _ in _MPIEXEC]:
        return
    if ("Open MPI" in launcher.name) != ("Open MPI" in library):
        raise ConfigError(
            f"{launcher.name} started this process, but mpi4py uses {library}: start it with the "
            f"mpiexec that belongs to {library}, or give backend=mpi backend.ranks="
            f"{launcher.size} without a launcher, which finds it"
        )


def library_name(version: str) -> str:
    """Return e.g. "Open MPI v4.1.4" or "MPICH 5.0.2" from what ``Get_library_version`` says."""
    first = version.partition("\n")[0].partition(",")[0]
    return " ".join(first.replace("Version:", "").strip("\0").split())


def without_launcher(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment without what a launcher tells its ranks.

    Another thread may take variables away meanwhile.
    """
    names = [name for name in environ if not name.startswith(_PRIVATE)]
    return {name: value for name in names if (value := environ.get(name)) is not None}


def _in_step(environ: Mapping[str, str]) -> bool:
    needed = ("SLURM_PROCID", "SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS")
    return all(name in environ for name in needed) and environ["SLURM_STEP_ID"] not in _NOT_STEPS


def _step_size(environ: Mapping[str, str]) -> str:
    return environ["SLURM_STEP_NUM_TASKS"]
