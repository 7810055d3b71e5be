"""``fields.h5``: the same on every way of writing, and opened by h5py and xarray alone."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import parcompute as pc
from parcompute.errors import ParcomputeError
from parcompute.io.layout import Layout
from parcompute.io.reader import Reader
from parcompute.io.writers import GatheredWriter, PwriteWriter, contiguous_runs, open_writer

AXES = ("z", "y", "x")
WAYS = ["pwrite", "gathered", "gzip", "lzf"]


@given(st.data())
def test_contiguous_runs_make_the_array(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    dtype = data.draw(st.sampled_from([np.float64, np.float32, np.int16, np.bool_]))
    spans = [sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))) for n in shape]
    box = pc.Box(tuple(a for a, _ in spans), tuple(b for _, b in spans))
    values = np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)
    written, expected = np.zeros(shape, dtype), np.zeros(shape, dtype)
    expected[box.slices] = values[box.slices]
    file = written.reshape(-1).view(np.uint8)
    block = np.ascontiguousarray(values[box.slices])
    for offset, run in contiguous_runs(block, box, shape) if box.size else []:
        start = offset * written.itemsize
        file[start : start + len(run)] = run
    np.testing.assert_array_equal(written, expected)


def test_whole_rows_are_one_run():
    block = np.zeros((3, 4, 5))
    assert len(contiguous_runs(block, pc.Box.of_shape((3, 4, 5)), (3, 4, 5))) == 1
    assert len(contiguous_runs(block, pc.Box((2, 0, 0), (5, 4, 5)), (9, 4, 5))) == 1
    assert len(contiguous_runs(block, pc.Box((2, 1, 0), (5, 5, 5)), (9, 6, 5))) == 3
    assert len(contiguous_runs(block, pc.Box((2, 1, 1), (5, 5, 6)), (9, 6, 7))) == 12


def snapshot(shape, index, dtype=np.float64):
    return np.random.default_rng(index).normal(size=shape).astype(dtype)


def write(comm, path, way, shape):
    """Write two of three snapshots of two fields; return the name of the writer."""
    extent = [(0.0, float(n)) for n in shape]
    grid = pc.Grid(shape, extent, comm=comm, units="km")
    u = grid.field("u", units="K", long_name="temperature")
    v = grid.field("v", dtype=np.float32, halo=2)
    layout = Layout.of(grid, [u, v], 3, "s", {"title": "a test"})
    if way == "gathered":
        writer = GatheredWriter(path, layout, comm, None)
    else:
        writer = open_writer(path, layout, comm, None if way == "pwrite" else way)
    for index in range(2):
        u[...] = snapshot(shape, index)
        v[...] = snapshot(shape, index + 10, np.float32)
        writer.write(index, 100 * index, 0.5 * index, [u, v])
    writer.close()
    return writer.name


def write_all(comm, folder):
    """Write a file in every way, and files of one and three axes; return what is said."""
    for shape in ((11,), (5, 6, 7)):
        write(comm, folder / f"{len(shape)}d.h5", "pwrite", shape)
    names = {way: write(comm, folder / f"{way}.h5", way, (7, 10)) for way in WAYS}
    with pytest.raises(ParcomputeError) as raised:
        write(comm, folder / "no_such_folder" / "a.h5", "pwrite", (7, 10))
    return names, str(raised.value)


@pytest.fixture(scope="module", params=[1, 3])
def written(request, tmp_path_factory):
    """Return a folder of files written by one or three ranks, and what each rank said."""
    folder = tmp_path_factory.mktemp("written")
    if request.param == 1:
        return folder, [write_all(pc.serial(), folder)]
    return folder, pc.launch(write_all, request.param, (folder,))


@pytest.mark.parametrize("way", WAYS)
def test_h5py_reads_what_was_written(written, way):
    folder, said = written
    assert said[0][0][way].split()[0] == ("pwrite" if way == "pwrite" else "gathered")
    with h5py.File(folder / f"{way}.h5") as file:
        assert list(file) == ["time", "step", "y", "x", "u", "v"]
        for index in range(2):
            assert file["u"][index].tobytes() == snapshot((7, 10), index).tobytes()
            assert file["v"][index].tobytes() == snapshot((7, 10), index + 10, "f4").tobytes()
        assert file["step"][:].tolist() == [0, 100, -1]
        np.testing.assert_array_equal(file["time"][:], [0.0, 0.5, np.nan])
        assert [d.keys() for d in file["u"].dims] == [["step", "time"], ["y"], ["x"]]
        assert all(file[name].is_scale for name in ("time", "step", "y", "x"))
        assert file["u"].compression == (way if way in ("gzip", "lzf") else None)


@pytest.mark.parametrize("shape", [(11,), (5, 6, 7)])
def test_grids_of_one_and_three_axes(written, shape):
    with xr.open_dataset(written[0] / f"{len(shape)}d.h5", engine="h5netcdf") as data:
        assert data.u.dims == ("time", *AXES[-len(shape) :])
        np.testing.assert_array_equal(data.u[1], snapshot(shape, 1))


def test_all_ranks_raise_when_the_file_cannot_be_made(written):
    messages = {message for _, message in written[1]}
    assert len(messages) == 1
    assert "no_such_folder" in messages.pop()


@pytest.mark.parametrize("way", WAYS)
def test_xarray_opens_it(written, way):
    with xr.open_dataset(written[0] / f"{way}.h5", engine="h5netcdf") as data:
        assert data.u.dims == ("time", "y", "x")
        assert set(data.u.coords) == {"time", "y", "x"}
        np.testing.assert_array_equal(data.u[1], snapshot((7, 10), 1))
        np.testing.assert_array_equal(data.y, np.arange(7) + 0.5)
        np.testing.assert_array_equal(data.step[:2], [0, 100])
        assert data.u.attrs == {"units": "K", "long_name": "temperature"}
        assert data.v.attrs == {"units": "1", "long_name": "v"}
        assert (data.y.units, data.time.units, data.x.axis) == ("km", "s", "X")
        assert (data.title, data.Conventions) == ("a test", "CF-1.11")


@pytest.fixture
def path(tmp_path):
    """Return a file written by one rank."""
    write(pc.serial(), tmp_path / "a.h5", "pwrite", (7, 10))
    return tmp_path / "a.h5"


def test_reader(path):
    with Reader(path) as reader:
        contents = reader.contents
        assert (contents.fields, contents.shape) == (("u", "v"), (7, 10))
        assert (contents.steps.tolist(), contents.times.tolist()) == ([0, 100], [0.0, 0.5])
        assert (contents.units["u"], contents.units["y"]) == ("K", "km")
        assert contents.long_names["u"] == "temperature"
        np.testing.assert_array_equal(contents.axes["x"], np.arange(10) + 0.5)
        np.testing.assert_array_equal(reader.read("u", 1), snapshot((7, 10), 1))
        box = pc.Box((2, 0), (4, 9))
        np.testing.assert_array_equal(reader.read("u", 0, box), snapshot((7, 10), 0)[2:4, :9])


def test_files_that_are_no_run(tmp_path):
    (tmp_path / "text.h5").write_text("no")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.zeros((2, 2))
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["step"] = file["time"] = np.zeros(2)
    for name in ("none", "text", "other", "empty"):
        with pytest.raises(pc.ConfigError, match="cannot be read as the fields of a run"):
            Reader(tmp_path / f"{name}.h5")


def test_an_existing_file_is_not_overwritten(path):
    before = path.read_bytes()
    with pytest.raises(ParcomputeError, match="exists"):
        write(pc.serial(), path, "pwrite", (7, 10))
    assert path.read_bytes() == before


def test_the_fast_writer_is_taken_where_it_is_sound(tmp_path):
    grid = pc.Grid((4, 4), comm=pc.serial())
    u = grid.field("u")
    layout = Layout.of(grid, [u], 1, "s", {})
    writer = open_writer(tmp_path / "a.h5", layout, pc.serial())
    writer.close()
    assert isinstance(writer, PwriteWriter)
