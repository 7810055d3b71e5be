"""The picture of a run: two snapshots of each field, on one colour scale."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.analysis.page import Page
from parcompute.analysis.statistics import Exact, solution
from parcompute.box import Box, Index
from parcompute.io.reader import Contents, Reader
from parcompute.run import directory

_MOST_PIXELS = 1200  # along an axis; larger snapshots are thinned out
_LARGER = {  # units: larger ones, their size, and from where on they are used
    "m": ("km", 1e3, 1e4),
    "s": ("h", 3600.0, 1e4),
    "yr": ("Myr", 1e6, 1e6),
}
_POWERS = (-2, 4)  # powers of ten that are not written with all digits
_LAND = "#b8ad9a"  # where values are missing
_LOPSIDED = 5  # one sign this many times larger than the other is no wave about zero
_NARROW = 8  # cells across; a map of fewer shows nothing that a curve does not
_CURVE = 0.75  # height of a panel with a curve by its width


def load_matplotlib() -> None:
    """Import what `draw` needs, so that it can be done while the ranks compute."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def draw(folder: Path, title: str) -> None:
    """Write ``preview.png`` of the run in `folder`, under `title` and the number of cells."""
    figure(folder, title).savefig(folder / directory.PREVIEW, dpi=100)


def figure(folder: Path, title: str) -> Any:
    """Return the picture of the run in `folder`, a figure of matplotlib.

    The first and the last snapshot are shown; that in the middle in place of a first one in which
    nothing varies. Two-dimensional fields are maps, one-dimensional ones curves beside the exact
    solution, if there is one. Of three-dimensional fields the middle plane of the second axis is
    shown, which stands upright, and of strips that are a few rows wide the middle row.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with Reader(folder / directory.FIELDS) as reader:
        contents = reader.contents
        shown = _shown(reader)
        values = {
            name: [_values(reader, name, index) for index in shown] for name in contents.fields
        }
    is_map = next(iter(values.values()))[0].ndim == 2
    page = Page(len(values), abs(_aspect(contents)) if is_map else _CURVE, is_map)
    made = Figure(figsize=page.size)
    FigureCanvasAgg(made)
    page.title(made, f"{title}: {' x '.join(map(str, contents.shape))} cells")
    exact: Exact = (lambda _: {}) if is_map else solution(directory.read_record(folder))[0]
    for row, (name, pair) in enumerate(values.items()):
        panels = [page.panel(made, row, column) for column in range(2)]
        _label_panels(panels, contents, shown)
        if is_map:
            image = _draw_maps(panels, contents, pair)
            panels[0].set_ylabel(_label(contents, _drawn_axes(contents)[0]))
            bar = page.bar(made, row)
            made.colorbar(image, cax=bar, label=_label(contents, name))
            bar.ticklabel_format(axis="y", scilimits=_POWERS)
        else:
            _draw_curves(panels, contents, pair)
            _draw_exact(panels, contents, name, shown, exact)
            panels[0].set_ylabel(_label(contents, name))
    return made


def _shown(reader: Reader) -> list[int]:
    """Return which snapshots are drawn."""
    last = len(reader.contents.steps) - 1
    first = [_values(reader, name, 0) for name in reader.contents.fields]
    return [0 if any(np.ptp(_finite(v)) > 0 for v in first) else last // 2, last]


def _values(reader: Reader, name: str, index: int) -> NDArray[Any]:
    """Return the values that are drawn: complex numbers as their moduli, missing ones as NaN."""
    values = _plane(reader, name, index)
    if np.iscomplexobj(values):
        values = np.abs(values)
    if name in reader.contents.missing:
        values = np.where(values == reader.contents.missing[name], np.nan, values)
    return values


def _plane(reader: Reader, name: str, index: int) -> NDArray[Any]:
    """Read the cells that are shown, and no others."""
    whole = Box.of_shape(reader.contents.shape)
    axis = _cut(whole.stop)
    if axis is None:
        return reader.read(name, index)
    start, stop = list(whole.start), list(whole.stop)
    start[axis] = whole.stop[axis] // 2
    stop[axis] = start[axis] + 1
    return reader.read(name, index, Box(tuple(start), tuple(stop))).squeeze(axis)


def _cut(shape: Index) -> int | None:
    """Return the axis of which only the middle is shown: of volumes and narrow strips."""
    if len(shape) == 3:
        return 1
    return 0 if len(shape) == 2 and shape[0] <= _NARROW < shape[1] else None


def _drawn_axes(contents: Contents) -> list[str]:
    cut = _cut(contents.shape)
    return [name for axis, name in enumerate(contents.axes) if axis != cut]


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    """Return what is finite, or a zero."""
    found = values[np.isfinite(values)].astype(float)
    return found if found.size else np.zeros(1)


def _label_panels(panels: list[Any], contents: Contents, shown: list[int]) -> None:
    for axes, index in zip(panels, shown, strict=True):
        axes.set_title(_moment(contents, index), fontsize=10)
        axes.set_xlabel(_label(contents, _drawn_axes(contents)[-1]))
    panels[1].tick_params(labelleft=False)  # both are alike


def _draw_curves(panels: list[Any], contents: Contents, pair: list[NDArray[Any]]) -> None:
    low, high = _limits(pair)
    margin = 0.05 * (high - low)
    axis = _drawn_axes(contents)[-1]
    for axes, values in zip(panels, pair, strict=True):
        axes.plot(_scale(contents, axis)[0] * contents.axes[axis], values, lw=2.5)
        axes.set_ylim(low - margin, high + margin)
        axes.ticklabel_format(axis="y", scilimits=_POWERS)


def _draw_exact(
    panels: list[Any], contents: Contents, name: str, shown: list[int], exact: Exact
) -> None:
    """Draw the exact solution as a broken line over the curve, if there is one."""
    *across, along = contents.positions(name)
    place = [*(middle[len(middle) // 2] for middle in across), along]
    scaled = _scale(contents, _drawn_axes(contents)[-1])[0] * along
    for axes, index in zip(panels, shown, strict=True):
        with suppress(AttributeError):  # of an experiment that needs its `setup` for it
            function = exact(float(contents.times[index])).get(name)
            if function is None:
                continue
            axes.plot(scaled, function(*place), "k--", lw=1, label="exact")
            axes.lines[0].set_label("computed")
            axes.legend(frameon=False)


def _draw_maps(panels: list[Any], contents: Contents, pair: list[NDArray[Any]]) -> Any:
    """Draw maps with the larger y at the top; colours of waves about zero are white there."""
    low, high = _limits(pair)
    is_wave = low < 0 < high and -_LOPSIDED < low / high < -1 / _LOPSIDED
    if is_wave:
        low, high = -max(-low, high), max(-low, high)
    (bottom, top), (left, right) = _extent(contents)
    for axes, values in zip(panels, pair, strict=True):
        axes.set_facecolor(_LAND)
        image = axes.imshow(
            values[tuple(slice(None, None, -(-n // _MOST_PIXELS)) for n in values.shape)],
            origin="lower" if bottom < top else "upper",
            extent=(left, right, min(bottom, top), max(bottom, top)),
            vmin=low,
            vmax=high,
            cmap="RdBu_r" if is_wave else "viridis",
            aspect="auto",  # the panel has that of the grid
            interpolation="nearest",
        )
    return image


def _extent(contents: Contents) -> list[tuple[float, float]]:
    """Return the walls of the axes of a map, in the units of its labels."""
    found = []
    for axis in _drawn_axes(contents):
        low, high = (_scale(contents, axis)[0] * wall for wall in contents.walls[axis])
        found.append((low, high))
    return found


def _aspect(contents: Contents) -> float:
    """Return height by width of a map; 1 if it is a strip in which nothing would be seen."""
    (bottom, top), (left, right) = _extent(contents)
    ratio = (top - bottom) / (right - left)
    return ratio if 0.2 < abs(ratio) < 5 else 1.0


def _limits(pair: list[NDArray[Any]]) -> tuple[float, float]:
    """Return the extremes, without what is missing; something around a value that is the only one.

    Otherwise matplotlib would find limits for each map.
    """
    both = np.concatenate([_finite(v) for v in pair if np.isfinite(v).any()] or [np.zeros(1)])
    low, high = float(both.min()), float(both.max())
    margin = (abs(low) / 10 or 1.0) if low == high else 0.0
    return low - margin, high + margin


def _moment(contents: Contents, index: int) -> str:
    """Return when and where a panel is."""
    text = f"step {contents.steps[index]}"
    if not np.array_equal(contents.steps, contents.times):  # as where a step has no duration
        text += f", time {_number(float(contents.times[index]), contents.units['time'])}"
    cut = _cut(contents.shape)
    if cut is not None:
        axis = list(contents.axes)[cut]
        middle = contents.axes[axis][contents.shape[cut] // 2]
        text += f", {axis} = {_number(float(middle), contents.units[axis])}"
    return text


def _number(value: float, units: str) -> str:
    name, size, least = _LARGER.get(units, ("", 1.0, np.inf))
    if abs(value) >= least:
        value, units = value / size, name
    return f"{value:.4g}" + ("" if units in ("", "1") else f" {_pretty(units)}")


def _scale(contents: Contents, axis: str) -> tuple[float, str]:
    """Return a factor for positions, and the unit that they then have: many metres are km."""
    units = contents.units[axis]
    name, size, least = _LARGER.get(units, ("", 1.0, np.inf))
    return (1 / size, name) if max(map(abs, contents.walls[axis])) >= least else (1.0, units)


def _label(contents: Contents, name: str) -> str:
    is_axis = name in contents.axes
    units = _scale(contents, name)[1] if is_axis else contents.units[name]
    text = name if is_axis else contents.long_names[name].replace("_", " ")
    return text + (f" [{_pretty(units)}]" if units not in ("", "1") else "")


def _pretty(units: str) -> str:
    """Return units of CF as they are printed: m s-1 with a raised -1."""
    return re.sub(r"(?<=[A-Za-z])(-?\d+)", r"$^{\1}$", units).replace("degC", "°C")
