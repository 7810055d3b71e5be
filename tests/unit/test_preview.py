"""What is drawn of a run: which snapshots, in which colours and units, beside what."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from parcompute.analysis import preview
from parcompute.io.layout import Layout, define
from parcompute.io.snapshots import Snapshots
from parcompute.io.stores import open_store
from parcompute.io.views import View
from parcompute.run import directory

RECORD = {
    "experiment_file": "",
    "config": {"experiment": {"name": "heat1d", "shape": [40], "depth": 1.0}},
}


def drawn(folder, shape, snapshots, extent=None, times=None, *, time_units="", **about):
    """Return the figure of a run with these arrays as the snapshots of one field."""
    grid = pc.Grid(shape, extent or [(0.0, 1.0)] * len(shape), units="m", comm=pc.serial())
    field = grid.field("u", **about)
    layout = Layout.of(grid, [View.of(field)], len(snapshots), time_units, {"title": "a test"})
    path = folder / directory.FIELDS
    store = open_store(path, lambda file: define(file, layout, None), grid.comm)
    out = Snapshots(store, path, grid.comm, [View.of(field)], overlap=False)
    for index, values in enumerate(snapshots):
        field.owned[...] = values
        out.write(index, 10 * index, times[index] if times else 10.0 * index, {})
    out.close()
    directory.write_json(folder / directory.RECORD, RECORD)
    return preview.figure(folder, "a test")


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def waves(shape):
    """Return three different snapshots about zero."""
    rng = np.random.default_rng(3)
    return [rng.normal(size=shape) for _ in range(3)]


def test_the_first_and_the_last_snapshot_are_shown_on_one_scale(tmp_path):
    first, between, last = waves((9, 12))
    figure = drawn(tmp_path, (9, 12), [first, 100.0 * between, last])
    left, right, _ = figure.axes
    largest = max(abs(first).max(), abs(last).max())
    for axes, values in ((left, first), (right, last)):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), values)
        assert image.get_clim() == (-largest, largest)
    assert titles(figure) == ["step 0", "step 20"]
    assert figure.get_suptitle() == "a test: 9 x 12 cells"


def test_the_middle_snapshot_is_shown_where_nothing_varies_at_first(tmp_path):
    _, between, last = waves((9, 12))
    figure = drawn(tmp_path, (9, 12), [np.full((9, 12), 2.0), between, last])
    assert titles(figure) == ["step 10", "step 20"]


def test_a_field_without_variation_has_the_same_colour_in_both_maps(tmp_path):
    left, right, bar = drawn(tmp_path, (9, 12), [0.0, 0.0]).axes
    assert left.images[0].get_clim() == right.images[0].get_clim() == (-1.0, 1.0)
    assert bar.get_ylim() == (-1.0, 1.0)


@pytest.mark.parametrize(("extent", "ratio"), [((1.0, 2.0), 0.5), ((3.0, 2.0), 1.5)])
def test_maps_have_the_proportions_of_the_grid(tmp_path, extent, ratio):
    height, width = extent
    figure = drawn(tmp_path, (9, 12), waves((9, 12)), [(0.0, height), (0.0, width)])
    for axes in figure.axes[:2]:
        box = axes.get_position()
        across, high = figure.get_size_inches()
        assert box.height * high / (box.width * across) == pytest.approx(ratio)


def test_volumes_are_cut_upright(tmp_path):
    first, between, last = waves((5, 6, 7))
    extent = [(0.0, -3e4), (0.0, 6.0), (0.0, 7.0)]
    left, right, _ = drawn(tmp_path, (5, 6, 7), [first, between, last], extent).axes
    np.testing.assert_array_equal(left.images[0].get_array(), first[:, 3, :])
    np.testing.assert_array_equal(right.images[0].get_array(), last[:, 3, :])
    assert left.get_title() == "step 0, y = 3.5 m"
    assert (left.get_ylabel(), left.get_xlabel()) == ("z [km]", "x [m]")
    assert left.get_ylim() == (-30.0, 0.0)
    assert left.images[0].origin == "upper"  # row 0 is at the top, where z = 0


def test_large_times_and_units_are_written_out(tmp_path):
    figure = drawn(
        *(tmp_path, (9, 12), waves((9, 12)), None, [0.0, 50.0, 86400.0]),
        time_units="s",
        units="m s-1",
        long_name="velocity_x",
    )
    assert titles(figure) == ["step 0, time 0 s", "step 20, time 24 h"]
    assert figure.axes[2].get_ylabel() == "velocity x [m s$^{-1}$]"


def test_curves_are_drawn_over_their_exact_solution(tmp_path):
    x = (np.arange(40) + 0.5) / 40
    times = [0.0, 21600.0]
    figure = drawn(tmp_path, (40,), [12.0 + x, 12.0 - x], times=times, units="degC")
    fading = x / np.sqrt(5e-7 * 86400.0 / np.pi)  # of heat1d, Carslaw & Jaeger 1959
    for axes, values, time in zip(figure.axes, [12.0 + x, 12.0 - x], times, strict=True):
        computed, exact = axes.lines
        expected = 12 + 10 * np.exp(-fading) * np.sin(2 * np.pi * time / 86400.0 - fading)
        np.testing.assert_array_equal(computed.get_ydata(), values)
        np.testing.assert_allclose(exact.get_ydata(), expected, rtol=1e-13)
        np.testing.assert_allclose(exact.get_xdata(), x, rtol=1e-13)
    assert figure.axes[0].get_ylabel() == "u [°C]"
