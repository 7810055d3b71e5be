"""The picture of a run: first and last snapshot of each field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.io.reader import Contents, Reader
from parcompute.run import directory

_MOST_PIXELS = 1200  # along an axis; larger snapshots are thinned out


def load_matplotlib() -> None:
    """Import what `draw` needs, so that it can be done while the ranks compute."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def draw(folder: Path, title: str) -> None:
    """Write ``preview.png`` of the run in `folder`.

    Two-dimensional fields are shown as maps, one-dimensional ones as curves, and of
    three-dimensional ones the middle plane of the slowest axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with Reader(folder / directory.FIELDS) as reader:
        contents = reader.contents
        last = len(contents.steps) - 1
        count = len(contents.fields)
        figure = Figure(figsize=(11, 4.6 * count), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title)
        axes = figure.subplots(count, 2, squeeze=False)
        for row, name in zip(axes, contents.fields, strict=True):
            pair = [_plane(reader.read(name, index)) for index in (0, last)]
            _draw_field(figure, row, contents, name, pair)
    figure.savefig(folder / directory.PREVIEW, dpi=100)


def _plane(values: NDArray[Any]) -> NDArray[Any]:
    return values[values.shape[0] // 2] if values.ndim == 3 else values


def _draw_field(
    figure: Any, row: Any, contents: Contents, name: str, pair: list[NDArray[Any]]
) -> None:
    quantity = _label(contents, name)
    for axes, values, index in zip(row, pair, (0, -1), strict=True):
        time = f"{contents.times[index]:.4g} {contents.units['time'].replace('1', '')}".strip()
        axes.set_title(f"step {contents.steps[index]}, time {time}")
        x_name = list(contents.axes)[-1]
        axes.set_xlabel(_axis_label(contents, x_name))
        if values.ndim == 1:
            axes.plot(contents.axes[x_name], values)
            axes.set_ylabel(quantity)
        else:
            image = _draw_map(axes, contents, values, pair)
            figure.colorbar(image, ax=axes, label=quantity, shrink=0.9)


def _draw_map(
    axes: Any, contents: Contents, values: NDArray[Any], pair: list[NDArray[Any]]
) -> Any:
    """Draw a map with the larger y at the top; both maps of a pair have one colour scale."""
    (y_name, y), (_, x) = list(contents.axes.items())[-2:]
    axes.set_ylabel(_axis_label(contents, y_name))
    thin = tuple(slice(None, None, -(-n // _MOST_PIXELS)) for n in values.shape)
    low, high = _range(pair)
    (bottom, top), (left, right) = _walls(y), _walls(x)
    upward = bottom < top
    return axes.imshow(
        values[thin],
        origin="lower" if upward else "upper",
        extent=(left, right, min(bottom, top), max(bottom, top)),
        vmin=low,
        vmax=high,
        aspect="equal" if 0.2 < abs((top - bottom) / (right - left)) < 5 else "auto",
        interpolation="nearest",
    )


def _range(pair: list[NDArray[Any]]) -> tuple[float, float]:
    return float(min(v.min() for v in pair)), float(max(v.max() for v in pair))


def _walls(centres: NDArray[np.float64]) -> tuple[float, float]:
    half = (centres[-1] - centres[0]) / (2 * (len(centres) - 1)) if len(centres) > 1 else 0.5
    return float(centres[0] - half), float(centres[-1] + half)


def _label(contents: Contents, name: str) -> str:
    units = contents.units[name]
    return contents.long_names[name] + (f" [{units}]" if units not in ("", "1") else "")


def _axis_label(contents: Contents, name: str) -> str:
    units = contents.units[name]
    return name + (f" [{units}]" if units not in ("", "1") else "")
