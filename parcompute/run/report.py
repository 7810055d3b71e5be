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
    """

    directory: str
    engine: str
    ranks: int
    dims: tuple[int, ...] | None
    steps: int
    cells: int
    first: float
    seconds: float
    errors: dict[str, dict[str, float]]
    memory: int
    writer: str
    kernels: list[str]

    @property
    def mlups(self) -> float:
        """Million cell updates per second, without the first step."""
        return self.cells * (self.steps - 1) / self.seconds / 1e6 if self.seconds else 0.0

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
            ("steps", f"{self.steps} in {self.first + self.seconds:.3f} s{self._rate()}"),
            *(
                (f"error of {name}", f"max {e['max']:.3e}, rms {e['rms']:.3e} (exact solution)")
                for name, e in self.errors.items()
            ),
            ("memory", f"{self.memory / 2**20:.0f} MiB in the largest rank"),
            *(("kernels", text) for text in self.kernels),
            ("output", self.writer),
        ]
        return [f"{label:<14} {value}" for label, value in rows]

    def _rate(self) -> str:
        rate = f", {self.mlups:.1f} MLUP/s" if self.mlups else ""
        return f"{rate} after the first, which took {self.first:.3f} s" if rate else ""
