"""``fields.h5`` by `open_run` and `Reader`, also while it is being written."""

from __future__ import annotations

import json

import dask.array
import h5py
import numpy as np
import pytest

import parcompute as pc
from parcompute.io.reader import Reader
from tests import helpers
from tests.unit.written import (
    AXES,
    CONFIG,
    DTYPES,
    EXTENT,
    FACE,
    KINDS,
    SHAPES,
    STEPS,
    TIMES,
    Written,
    columns,
    datasets,
    positions,
    same_bytes,
    values,
    write_kinds,
)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Return files of grids of one to three axes, with three of four snapshots."""
    return write_kinds(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("key", KINDS, ids=str)
def test_open_run(paths, key):
    shape = SHAPES[key[1] - 1]
    axes = AXES[-len(shape) :]
    with pc.open_run(paths[key]) as data:
        assert data.sizes["time"] == 3
        assert data.step.values.tolist() == STEPS[:3]
        assert data.time.values.tolist() == TIMES[:3]
        assert "complex" not in {*data.dims, *data.variables}
        for name in DTYPES:
            expected = np.stack([values(shape, index, name) for index in range(3)])
            if name == "float16":
                expected = expected.astype("f4")
            assert data[name].dims == ("time", *axes)
            assert {*data[name].coords} == {"time", "step", *axes}
            assert data[name].dtype == expected.dtype
            assert data[name].attrs["units"] == "K"
            assert isinstance(data[name].data, dask.array.Array)
            assert data[name].chunks == ((1, 1, 1), *((n,) for n in shape))
            assert data[name].values.tobytes() == expected.tobytes(), name
        assert data[FACE].dims == ("time", *axes[:-1], "x_face")
        np.testing.assert_array_equal(data.total, [0.5, 1.5, 2.5])
        ids = np.concatenate([columns(index)["id"] for index in range(3)])
        np.testing.assert_array_equal(data.swarm_id, ids)
        assert data.swarm_count.values.tolist() == [5, 0, 7]
        assert json.loads(data.attrs["config"]) == CONFIG


def test_open_run_takes_the_folder(tmp_path):
    Written(tmp_path / "fields.h5").write(pc.serial())
    with pc.open_run(str(tmp_path)) as data:
        np.testing.assert_array_equal(data.float64[2], values((7, 10), 2, "float64"))


def test_open_run_again_while_the_first_is_open(tmp_path):
    file = Written(tmp_path / "a.h5", way="gzip")
    file.prepare(pc.serial())
    snapshots, opened = file.open(), []
    for index in range(3):
        file.add(snapshots, [index])
        snapshots.sync()
        opened.append(pc.open_run(file.path))
        for done in range(index + 1):
            expected = values((7, 10), done, "float64")
            np.testing.assert_array_equal(opened[-1].float64[done], expected)
    for data in opened:
        data.close()
    snapshots.close()


@pytest.mark.parametrize(
    "program",
    [
        "import parcompute as pc; print(pc.open_run(PATH).int16[2, 3, 4].values)",
        "from parcompute.io.reader import Reader; print(Reader(PATH).read('int16', 2)[3, 4])",
    ],
)
def test_a_new_process_reads_zstd(tmp_path, program):
    Written(tmp_path / "a.h5", dtypes=["int16"], way="zstd").write(pc.serial())
    done = helpers.run(helpers.python("-c", program.replace("PATH", repr(str(tmp_path / "a.h5")))))
    assert done.stdout.strip() == str(values((7, 10), 2, "int16")[3, 4]), done.stderr


@pytest.fixture
def no_runs(tmp_path):
    """Return a folder of things that are no runs."""
    (tmp_path / "text.h5").write_text("no")
    (tmp_path / "folder").mkdir()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.zeros((2, 2))
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["step"] = file["time"] = np.zeros(2)
    return tmp_path


@pytest.mark.parametrize("name", ["none", "text.h5", "other.h5", "folder"])
def test_open_run_of_what_is_no_run(no_runs, name):
    with pytest.raises(pc.ConfigError, match="cannot be read as a run") as raised:
        pc.open_run(no_runs / name)
    assert str(no_runs / name) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["none", "text.h5", "other.h5", "empty.h5"])
def test_reader_of_what_is_no_run(no_runs, name):
    with pytest.raises(pc.ConfigError, match="cannot be read as the fields of a run"):
        Reader(no_runs / name)


@pytest.mark.parametrize("key", KINDS, ids=str)
def test_reader(paths, key):
    shape = SHAPES[key[1] - 1]
    axes = AXES[-len(shape) :]
    box = pc.Box((1,) * len(shape), tuple(n - 2 for n in shape))
    with Reader(paths[key]) as reader:
        contents = reader.contents
        assert contents.fields == (*DTYPES, FACE)
        assert contents.places == dict.fromkeys(DTYPES, axes) | {FACE: (*axes[:-1], "x_face")}
        assert (contents.shape, contents.planned) == (shape, 4)
        assert contents.steps.tolist() == STEPS[:3]
        assert contents.times.tolist() == TIMES[:3]
        assert contents.walls == dict(zip(axes, EXTENT[-len(shape) :], strict=True))
        assert list(contents.faces) == ["x_face"]
        faces = positions("x", shape[-1], face=True)
        np.testing.assert_allclose(contents.positions(FACE)[-1], faces)
        for axis, n, found in zip(axes, shape, contents.positions("bool"), strict=True):
            np.testing.assert_allclose(found, positions(axis, n), rtol=1e-14)
        assert (contents.units["bool"], contents.units["x"], contents.units["time"]) == (
            "K",
            "km",
            "s",
        )
        assert contents.long_names[FACE] == "flux"
        for name in DTYPES:
            expected = values(shape, 2, name)
            for got, part in (
                (reader.read(name, 2), expected),
                (reader.read(name, 2, box), expected[box.slices]),
            ):
                assert got.dtype == ("f4" if name == "float16" else expected.dtype)
                np.testing.assert_array_equal(got, part)


@pytest.mark.parametrize("way", ["pwrite", "gathered", "gzip", "zstd"])
def test_readers_and_the_writer_do_not_disturb_each_other(tmp_path, way):
    kinds = ["float64", "complex64"]
    file = Written(tmp_path / "a.h5", dtypes=kinds, way=way, planned=4, swarm=True, key="id")
    file.prepare(pc.serial())
    snapshots = file.open()
    for index in range(4):
        with Reader(file.path) as reader, pc.open_run(file.path) as data:
            file.add(snapshots, [index])
            snapshots.sync()
            assert reader.contents.steps.tolist() == STEPS[:index] == data.step.values.tolist()
            if index and way in ("pwrite", "gathered"):
                expected = values((7, 10), index - 1, "complex64")
                np.testing.assert_array_equal(reader.read("complex64", index - 1), expected)
                np.testing.assert_array_equal(data.complex64[-1], expected)
        with Reader(file.path) as reader:
            for done in range(index + 1):
                for name in kinds:
                    expected = values((7, 10), done, name)
                    np.testing.assert_array_equal(reader.read(name, done), expected)
    snapshots.close()
    alone = Written(tmp_path / "b.h5", dtypes=kinds, way=way, planned=4, swarm=True, key="id")
    alone.write(pc.serial(), 4)
    same_bytes(datasets(file.path), datasets(alone.path))
