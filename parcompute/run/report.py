"""What a finished run tells about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from parcompute.run.directory import shown


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
            ("steps", f"{self.made} in {self.first + self.seconds:.3f} s{self._rate()}"),
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
            where = shown(Path(self.directory))
            text = (
                f"at step {self.steps} by {self.stopped}, resumable: parcompute run resume={where}"
            )
            rows.append(("stopped early", text))
        return [f"{label:<14} {value}" for label, value in rows]

    def _rate(self) -> str:
        rate = f", {self.mlups:.1f} MLUP/s" if self.mlups else ""
        return f"{rate} after the first, which took {self.first:.3f} s" if rate else ""
