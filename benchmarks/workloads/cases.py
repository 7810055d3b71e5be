"""What is measured: experiments, their sizes, and what memory must move for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """An experiment on one size.

    Attributes
    ----------
    experiment : str
        Name of its file.
    stencil : str
        Name of the stencil that takes the time.
    parameters : dict
        What differs from the defaults.
    steps : int
        Steps of one repeat.
    nbytes : int
        Bytes that a step must read and write for each cell, each array once.
    goals : dict
        Least values of columns of the table: "x plain", "of bound", "2 / 1 ranks", "MLUP/s".
    """

    experiment: str
    stencil: str
    parameters: dict[str, Any]
    steps: int
    nbytes: int
    goals: dict[str, float] = field(default_factory=dict)


_GOALS = {"x plain": 10.0, "of bound": 0.8, "2 / 1 ranks": 1.75}
CASES = {
    "gray_scott": Case("gray_scott", "react2d", {"shape": (2048, 2048)}, 40, 32, goals=_GOALS),
    "euler2d": Case(
        "euler2d",
        "flow",
        {"shape": (1024, 1024), "walls": ("periodic", "periodic"), "fastest": 2.7},
        20,
        64,
        goals=_GOALS,
    ),
    "life": Case(
        "life",
        "generation",
        {"shape": (4096, 4096), "torus": True},
        64,
        2,
        goals={"MLUP/s": 1000.0, "2 / 1 ranks": 1.75},
    ),
    "shallow_water": Case("shallow_water", "water", {"shape": (1024, 1024)}, 40, 64, goals=_GOALS),
}
