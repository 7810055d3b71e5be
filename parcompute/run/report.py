"""What a finished run tells about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from parcompute.run.directory import now, shown, update_record
from parcompute.run.progress import Say


@dataclass
class Report:
    """The summary at the end of a run.

    Attributes
    ----------
    directory : str
        Run directory.
    engine : str
        serial, multiprocessing or mpi.
    ranks, dims
        Number of ranks, and along each axis (None without a grid).
    steps : int
        Steps made.
    made : int
        Those of them made in this session: fewer if the run was resumed.
    cells : int
        Cells of the grid.
    first : float
        Wall time of the first step, which also loads (or compiles) the kernels.
    seconds : float
        Wall time of the other steps, without output.
    errors : dict
        For each field with an exact solution, its largest and root-mean-square error at the end.
    memory : int
        Largest resident memory of a rank [bytes].
    writer : str
        How ``fields.h5`` was written.
    kernels : list of str
        How stencils were computed.
    saved : int, optional
        Step of the last checkpoint.
    stopped : str, optional
        Why the run was stopped before its last step; it can go on.
    part_of : str, optional
        Directory of the ensemble of which this is a member; what goes on is the ensemble.
    """

    directory: str
    engine: str
    ranks: int
    dims: tuple[int, ...] | None
    steps: int
    made: int
    cells: int
    first: float
    seconds: float
    errors: dict[str, dict[str, float]]
    memory: int
    writer: str
    kernels: list[str]
    saved: int | None = None
    stopped: str | None = None
    part_of: str | None = None

    @property
    def mlups(self) -> float:
        """Million cell updates per second, without the first step."""
        return self.cells * (self.made - 1) / self.seconds / 1e6 if self.seconds else 0.0

    def record(self) -> dict[str, Any]:
        """Return the entries for ``run.json``."""
        values = asdict(self)
        del values["directory"]
        return {**values, "mlups": self.mlups}

    def lines(self) -> list[str]:
        """Return the summary as lines for the user."""
        dims = "" if self.dims is None else f", dims {' x '.join(map(str, self.dims))}"
        rows = [
            ("run directory", shown(Path(self.directory))),
            ("engine", f"{self.engine}, {self.ranks} rank{'s' * (self.ranks != 1)}{dims}"),
            *self._work(),
            *(
                (f"error of {name}", f"max {e['max']:.3e}, rms {e['rms']:.3e} (exact solution)")
                for name, e in self.errors.items()
            ),
            ("memory", f"{self.memory / 2**20:.0f} MiB in the largest rank"),
            *(("kernels", text) for text in self.kernels),
            ("output", self.writer),
            *((("checkpoint", f"at step {self.saved}"),) if self.saved is not None else ()),
        ]
        if self.stopped:
            where = shown(Path(self.part_of or self.directory))
            how = f"by {self.stopped}, resumable: parcompute run resume={where}"
            rows.append(("stopped early", f"{self._place()} {how}"))
        return [f"{label:<14} {value}" for label, value in rows]

    def _work(self) -> list[tuple[str, str]]:
        return [("steps", f"{self.made} in {self.first + self.seconds:.3f} s{self._rate()}")]

    def _place(self) -> str:
        return f"at step {self.steps}"

    def _rate(self) -> str:
        rate = f", {self.mlups:.1f} MLUP/s" if self.mlups else ""
        return f"{rate} after the first, which took {self.first:.3f} s" if rate else ""


@dataclass
class EnsembleReport(Report):
    """The summary of an ensemble.

    The steps are those of a member, and `made` those of all members together; `seconds` is the wall
    time of the members with all they do.

    Attributes
    ----------
    members, complete : int
        How many there are to be, and how many are complete.
    groups : int
        Groups of ranks that made members side by side.
    """

    members: int = 1
    complete: int = 0
    groups: int = 1

    @property
    def mlups(self) -> float:
        """Million cell updates per second, of all members in the wall time of all they do."""
        return self.cells * self.made / self.seconds / 1e6 if self.seconds else 0.0

    def _work(self) -> list[tuple[str, str]]:
        groups = f"{self.groups} group{'s' * (self.groups != 1)} of ranks"
        rate = f", {self.mlups:.1f} MLUP/s" if self.mlups else ""
        return [
            ("members", f"{self.complete} of {self.members} complete, on {groups}"),
            ("steps", f"{self.made} in {self.seconds:.3f} s{rate} with setup and output"),
        ]

    def _place(self) -> str:
        return f"with {self.complete} of {self.members} members complete"


def conclude(report: Report, say: Say) -> None:
    """Complete the record of a run that has ended well, and say its summary."""
    status = "stopped" if report.stopped else "complete"
    folder = Path(report.directory)
    update_record(folder, status=status, finished=now(), report=report.record())
    for line in report.lines():
        say(line)
