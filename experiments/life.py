"""Conway's game of life, from pattern files as the community shares them.

Run with ``python -m parcompute run +exp=life``; a second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import parcompute as pc

PATTERNS = Path(__file__).parent / "patterns"


@pc.stencil
def generation(alive):
    around = -alive[0, 0]
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            around += alive[dy, dx]
    return np.uint8(pc.where(around == 3 or (around == 2 and alive[0, 0] == 1), 1, 0))


def read_rle(path):
    """Return the cells of a pattern in run-length encoding (.rle) as an array of 0 and 1.

    Lines that begin with # are comments, one with x = says how large it is; then b is a dead cell,
    o a living one, $ the end of a row, ! that of the pattern, and a number before it repeats it.
    """
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    size = re.match(r"\s*x\s*=\s*(\d+)\s*,\s*y\s*=\s*(\d+)", lines[0] if lines else "")
    body = "".join(lines[1:]).partition("!")[0]
    if not size or re.fullmatch(r"(\d*[bo$]|\s)*", body) is None:
        raise pc.ConfigError(f"'{path}' is no pattern in run-length encoding (.rle).")
    columns, rows = map(int, size.groups())
    cells = np.zeros((rows, columns), np.uint8)
    y = x = 0
    for count, kind in re.findall(r"(\d*)([bo$])", body):
        run = int(count or 1)
        if kind == "$":
            y, x = y + run, 0
            continue
        if y >= rows or x + run > columns:
            raise pc.ConfigError(f"'{path}' has cells beyond its size, {columns} x {rows}.")
        cells[y, x : x + run] = kind == "o"
        x += run
    return cells


@dataclass
class Life(pc.Experiment):
    """Conway's game of life: born with 3 neighbours, alive with 2 or 3 (Gardner 1970).

    The R-pentomino has 116 cells from generation 1103 on; Gosper's gun has period 30.
    """

    shape: tuple[int, int] = (640, 640)  # cells [y, x]; the pattern stands in the middle
    pattern: str = "r-pentomino"  # FILE.rle, or one of those beside this file
    torus: bool = False  # whether the plane wraps around; else all is dead outside
    steps: int = 1103  # generations

    def validate(self):
        rows, columns = self.cells().shape
        if rows > self.shape[0] or columns > self.shape[1]:
            raise pc.ConfigError(
                f"experiment.shape={list(self.shape)} must hold the pattern '{self.pattern}', "
                f"which has {rows} x {columns} cells."
            )

    def cells(self):
        """Return the pattern."""
        for path in (Path(self.pattern), PATTERNS / f"{self.pattern}.rle"):
            if path.is_file():
                return read_rle(path)
        known = ", ".join(sorted(path.stem for path in PATTERNS.glob("*.rle")))
        raise pc.ConfigError(f"There is no pattern '{self.pattern}'; there are {known}.")

    def setup(self, comm):
        grid = pc.Grid(self.shape, comm=comm, periods=self.torus)
        boundary = pc.Periodic() if self.torus else pc.Fixed(0)
        self.alive = grid.field("alive", dtype=np.uint8, boundary=boundary)
        cells = self.cells()
        y, x = ((n - m) // 2 for n, m in zip(self.shape, cells.shape, strict=True))
        self.alive[y : y + cells.shape[0], x : x + cells.shape[1]] = cells

    def advance(self, n):
        generation(self.alive, sweeps=n)

    def measure(self):
        return {"population": int(self.alive.sum())}
