"""The picture of a run: first and last snapshot of each field, on one colour scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.box import Box, Index
from parcompute.io.reader import Contents, Reader
from parcompute.run import directory

_MOST_PIXELS = 1200  # along an axis; larger snapshots are thinned out
_ROW = 4.6  # inches
_FAR = 1e4  # m
_LAND = "#b8ad9a"  # where values are missing
_LOPSIDED = 5  # one sign this many times larger than the other is no wave about zero
_NARROW = 8  # cells across; a map of fewer shows nothing that a curve does not


def load_matplotlib() -> None:
    """Import what `draw` needs, so that it can be done while the ranks compute."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def draw(folder: Path, title: str) -> None:
    """Write ``preview.png`` of the run in `folder`.

    Two-dimensional fields are shown as maps, one-dimensional ones as curves, of
    three-dimensional ones the middle plane of the slowest axis, and of strips that are a few rows
    wide the middle row.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with Reader(folder / directory.FIELDS) as reader:
        contents = reader.contents
        last = len(contents.steps) - 1
        height = _ROW * len(contents.fields)
        figure = Figure(figsize=(11, height))
        FigureCanvasAgg(figure)
        figure.suptitle(title, y=1 - 0.15 / height, va="top")
        # fixed margins in inches: an automatic layout draws everything twice
        rows = figure.subplots(
            len(contents.fields),
            3,
            squeeze=False,
            width_ratios=(1, 1, 0.04),
            gridspec_kw={"left": 0.075, "right": 0.93, "wspace": 0.2, "hspace": 0.3}
            | {"bottom": 0.55 / height, "top": 1 - 0.75 / height},
        )
        for row, name in zip(rows, contents.fields, strict=True):
            pair = [_drawable(_plane(reader, name, index)) for index in (0, last)]
            if name in contents.missing:
                pair = [np.where(v == contents.missing[name], np.nan, v) for v in pair]
            _draw_field(figure, row, contents, name, pair)
    figure.savefig(folder / directory.PREVIEW, dpi=100)


def _plane(reader: Reader, name: str, index: int) -> NDArray[Any]:
    """Read the cells that are shown, and no others."""
    whole = Box.of_shape(reader.contents.shape)
    if not _is_cut(whole.stop):
        return reader.read(name, index)
    middle, rest = whole.stop[0] // 2, whole.stop[1:]
    block = reader.read(name, index, Box((middle, *(0 for _ in rest)), (middle + 1, *rest)))
    return block.reshape(rest)


def _is_cut(shape: Index) -> bool:
    """Return whether only the middle of the first axis is shown: of volumes and narrow strips."""
    return len(shape) == 3 or (len(shape) == 2 and shape[0] <= _NARROW < shape[1])


def _drawable(values: NDArray[Any]) -> NDArray[Any]:
    """Return complex numbers as their moduli."""
    return np.abs(values) if np.iscomplexobj(values) else values


def _draw_field(
    figure: Any, row: Any, contents: Contents, name: str, pair: list[NDArray[Any]]
) -> None:
    """Draw both snapshots into the first two axes of `row`, the colour bar into the third."""
    *places, bar = row
    for axes, values, index in zip(places, pair, (0, -1), strict=True):
        axes.set_title(f"step {contents.steps[index]}, {_time(contents, index)}", fontsize=10)
        axes.set_xlabel(_label(contents, list(contents.axes)[-1]))
        draw_one = _draw_curve if values.ndim == 1 else _draw_map
        image = draw_one(axes, contents, values, pair)
    if image is None:
        bar.set_axis_off()
        places[0].set_ylabel(_label(contents, name))
    else:
        places[0].set_ylabel(_label(contents, list(contents.axes)[-2]))
        figure.colorbar(image, cax=bar, label=_label(contents, name))


def _draw_curve(axes: Any, contents: Contents, values: NDArray[Any], pair: Any) -> None:
    low, high = _range(pair)
    margin = 0.05 * (high - low) or 1.0
    axis = list(contents.axes)[-1]
    axes.plot(_scale(contents, axis)[0] * contents.axes[axis], values)
    axes.set_ylim(low - margin, high + margin)


def _draw_map(axes: Any, contents: Contents, values: NDArray[Any], pair: Any) -> Any:
    """Draw a map with the larger y at the top; colours of waves about zero are white there."""
    low, high = _range(pair)
    is_wave = low < 0 < high and -_LOPSIDED < low / high < -1 / _LOPSIDED
    if is_wave:
        low, high = -max(-low, high), max(-low, high)
    axes.set_facecolor(_LAND)
    (bottom, top), (left, right) = [
        [_scale(contents, axis)[0] * wall for wall in contents.walls[axis]]
        for axis in list(contents.axes)[-2:]
    ]
    return axes.imshow(
        values[tuple(slice(None, None, -(-n // _MOST_PIXELS)) for n in values.shape)],
        origin="lower" if bottom < top else "upper",
        extent=(left, right, min(bottom, top), max(bottom, top)),
        vmin=low,
        vmax=high,
        cmap="RdBu_r" if is_wave else "viridis",
        aspect="equal" if 0.2 < abs((top - bottom) / (right - left)) < 5 else "auto",
        interpolation="nearest",
    )


def _range(pair: list[NDArray[Any]]) -> tuple[float, float]:
    """Return the extremes, without what is missing."""
    both = np.concatenate([v[np.isfinite(v)] for v in pair])
    return (float(both.min()), float(both.max())) if both.size else (0.0, 0.0)


def _time(contents: Contents, index: int) -> str:
    text = f"time {contents.times[index]:.4g}{_unit(contents, 'time')}"
    if _is_cut(contents.shape):
        axis = next(iter(contents.axes))
        middle = contents.axes[axis][contents.shape[0] // 2]
        text += f", {axis} = {middle:.4g}{_unit(contents, axis)}"
    return text


def _unit(contents: Contents, name: str) -> str:
    units = contents.units[name]
    return "" if units in ("", "1") else f" {units}"


def _scale(contents: Contents, axis: str) -> tuple[float, str]:
    """Return a factor for positions, and the unit that they then have: many metres are km."""
    units = contents.units[axis]
    is_far = units == "m" and max(map(abs, contents.walls[axis])) >= _FAR
    return (1e-3, "km") if is_far else (1.0, units)


def _label(contents: Contents, name: str) -> str:
    units = _scale(contents, name)[1] if name in contents.axes else contents.units[name]
    text = name if name in contents.axes else contents.long_names[name]
    return text + (f" [{units}]" if units not in ("", "1") else "")
