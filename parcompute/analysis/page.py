"""Where the panels of a picture stand: two beside each other in each row, with a colour bar.

An automatic layout of matplotlib draws everything twice; here all places are in inches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_WIDEST, _HIGHEST, _LOWEST = 4.2, 5.0, 1.2  # of a panel
_LEFT, _BETWEEN, _RIGHT = 0.85, 0.4, 0.3
_BAR, _BAR_LABELS = 0.16, 0.85
_TOP, _BOTTOM, _ROW_GAP = 0.75, 0.55, 0.85


@dataclass
class Page:
    """Panels of one size.

    Attributes
    ----------
    rows : int
        How many rows there are.
    aspect : float
        Height of a panel by its width; what is very flat or very high is drawn less so.
    bars : bool
        Whether there is a colour bar in each row.
    """

    rows: int
    aspect: float
    bars: bool

    def __post_init__(self) -> None:
        self._width = min(_WIDEST, _HIGHEST / self.aspect)
        self._height = max(_LOWEST, self._width * self.aspect)
        beside = _BETWEEN / 2 + _BAR + _BAR_LABELS if self.bars else _RIGHT
        width = _LEFT + 2 * self._width + _BETWEEN + beside
        height = _TOP + self.rows * (self._height + _ROW_GAP) - _ROW_GAP + _BOTTOM
        self.size = (width, height)

    def panel(self, figure: Any, row: int, column: int) -> Any:
        """Return new axes in `figure` for the panel in this row and column."""
        left = _LEFT + column * (self._width + _BETWEEN)
        return self._axes(figure, left, row, self._width)

    def bar(self, figure: Any, row: int) -> Any:
        """Return new axes in `figure` for the colour bar of this row."""
        left = _LEFT + 2 * self._width + 1.5 * _BETWEEN
        return self._axes(figure, left, row, _BAR)

    def _axes(self, figure: Any, left: float, row: int, width: float) -> Any:
        across, high = self.size
        bottom = high - _TOP - self._height - row * (self._height + _ROW_GAP)
        return figure.add_axes((left / across, bottom / high, width / across, self._height / high))

    def title(self, figure: Any, text: str) -> None:
        """Write `text` over everything."""
        figure.suptitle(text, y=1 - 0.15 / self.size[1], va="top")
