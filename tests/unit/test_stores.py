"""``fields.h5``: the same in every way of writing and on any number of ranks."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import parcompute as pc
from parcompute.errors import ParcomputeError
from parcompute.io.layout import Layout, contiguous
from parcompute.io.pwrite import make
from parcompute.io.stores import open_store
from parcompute.io.views import View
from tests.unit.written import (
    DTYPES,
    FACE,
    SHAPES,
    STEPS,
    TIMES,
    WAYS,
    Written,
    columns,
    datasets,
    in_file,
    same_bytes,
    values,
)

NAMES = {
    "pwrite": "pwrite (preallocated, each rank its rows)",
    "gathered": "gathered (rank 0 writes)",
    **{c: f"chunks ({c}; each rank compresses, rank 0 writes)" for c in WAYS[2:]},
}
LARGE = (4500, 4000)  # of bytes: two slabs, five chunks of which the last is cut off
REGIONS = {
    "strides": (["1:7:2", "-7:"], (slice(1, 7, 2), slice(-7, None))),
    "one": (["3", ":"], (slice(3, 4), slice(None))),
    "corner": (["0:1", " 0 : 2 "], (slice(0, 1), slice(0, 2))),  # other ranks own nothing of it
    "far": (["::6", "9"], (slice(None, None, 6), slice(9, 10))),
}


def write_all(comm, folder):
    """Write in every way; return what the writers are called."""
    names = {}
    for way in WAYS:
        for shape in SHAPES:
            file = Written(folder / f"{way}{len(shape)}.h5", shape, DTYPES, faces=True, way=way)
            file.measures, file.swarm, file.key = ["total", "float64"], True, "id"
            names[way] = file.write(comm)
    for region, (texts, _) in REGIONS.items():
        for way in ("pwrite", "gathered", "gzip"):
            kinds = ["bool", "int16", "complex64"]
            path = folder / f"{region}_{way}.h5"
            Written(path, (7, 10), kinds, faces=True, way=way, region=texts).write(comm)
    for way in WAYS:
        path = folder / f"alone_{way}.h5"
        Written(path, dtypes=["float32"], way=way, overlap=False).write(comm)
        path = folder / f"overlap_{way}.h5"
        Written(path, dtypes=["float32"], way=way).write(comm)
    single = ["bool", "int64", "float16", "float32", "float64", "complex128"]
    Written(folder / "single.h5", dtypes=single, precision="single").write(comm)
    Written(folder / "no_key.h5", dtypes=[], swarm=True).write(comm)
    Written(folder / "no_key_gzip.h5", dtypes=[], swarm=True, way="gzip").write(comm)
    for way in ("pwrite", "gathered", "lzf"):
        Written(folder / f"large_{way}.h5", LARGE, ["int8"], way=way, planned=2).write(comm, 1)
    return names


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return folders of files written by one and by three ranks, and what each rank said."""
    folders = {ranks: tmp_path_factory.mktemp(f"ranks{ranks}") for ranks in (1, 3)}
    said = {1: [write_all(pc.serial(), folders[1])], 3: pc.launch(write_all, 3, (folders[3],))}
    return folders, said


def test_ways_have_names(written):
    _, said = written
    assert said == {1: [NAMES], 3: [NAMES] * 3}


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_types_are_what_numpy_has(written, ranks, shape):
    data = datasets(written[0][ranks] / f"pwrite{len(shape)}.h5")
    assert data["step"].tolist() == [0, 10, 20, -1]
    np.testing.assert_array_equal(data["time"], [*TIMES[:3], np.nan])
    for name in (*DTYPES, FACE):
        for index in range(3):
            expected = in_file(values(shape, index, "float32" if name == FACE else name))
            got = data[name][index]
            assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
            assert got.tobytes() == expected.tobytes(), name
    np.testing.assert_array_equal(data["total"], [0.5, 1.5, 2.5, np.nan])
    np.testing.assert_array_equal(data["float64_measure"], [0.5, 1.5, 2.5, np.nan])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_bytes_in_every_way_and_on_any_number_of_ranks(written, way, shape):
    first = datasets(written[0][1] / f"pwrite{len(shape)}.h5")
    for ranks in (1, 3):
        same_bytes(first, datasets(written[0][ranks] / f"{way}{len(shape)}.h5"))


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("way", ["pwrite", "gathered", "lzf"])
def test_more_than_a_slab_and_a_chunk(written, ranks, way):
    with h5py.File(written[0][ranks] / f"large_{way}.h5", "r") as file:
        assert np.array_equal(file["int8"][0], values(LARGE, 0, "int8"))
        assert file["int8"].chunks == ((1, 1048, 4000) if way == "lzf" else None)


@pytest.mark.parametrize("way", WAYS)
def test_compression_is_that_of_hdf5(written, way):
    with h5py.File(written[0][3] / f"{way}2.h5", "r") as file:
        u = file["float64"]
        filters = u.id.get_create_plist()
        found = [filters.get_filter(i)[0] for i in range(filters.get_nfilters())]
        known = {"gzip": h5py.h5z.FILTER_DEFLATE, "lzf": h5py.h5z.FILTER_LZF, "zstd": 32015}
        assert found == ([h5py.h5z.FILTER_SHUFFLE, known[way]] if way in known else [])
        assert (u.chunks is not None) == u.shuffle == (way in known)


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("way", ["pwrite", "gathered", "gzip"])
@pytest.mark.parametrize("region", REGIONS)
def test_regions_are_slices_of_numpy(written, ranks, way, region):
    data = datasets(written[0][ranks] / f"{region}_{way}.h5")
    chosen = REGIONS[region][1]
    for name in ("bool", "int16", "complex64", FACE):
        for index in range(3):
            whole = values((7, 10), index, "float32" if name == FACE else name)
            np.testing.assert_array_equal(data[name][index], in_file(whole[chosen]))
    np.testing.assert_array_equal(data["y"], (np.arange(7) + 0.5)[chosen[0]])
    np.testing.assert_array_equal(data["x"], (np.arange(10) + 0.5)[chosen[1]])
    np.testing.assert_array_equal(data["x_face"], np.arange(10.0)[chosen[1]])


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (["0:3"], r"got \['0:3'\]"),
        (["0:3", "0:3", "1"], "3 indices"),
        (["a:b", ":"], "invalid literal"),
        (["1:2:3:4", ":"], "too many colons"),
        (["5:5", ":"], "at least one cell"),
        (["::-1", ":"], "a positive step"),
        (["::0", ":"], "zero"),
        (["7", ":"], "out of bounds"),
        (["", ":"], "got"),
        ([], "got"),
    ],
    ids=str,
)
def test_a_region_that_does_not_suit(tmp_path, region, words):
    with pytest.raises(pc.ConfigError, match=words) as raised:
        Written(tmp_path / "a.h5", region=region).prepare(pc.serial())
    message = str(raised.value)
    assert message.startswith("output.region must give START:STOP:STEP for each of 2 axes")
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("ranks", [1, 3])
def test_single_precision(written, ranks):
    with h5py.File(written[0][ranks] / "single.h5", "r") as file:
        for name, kept in {"float64": "f4", "complex128": "c8", "float32": "f4"}.items():
            expected = in_file(values((7, 10), 1, name).astype(kept))
            assert file[name].dtype == "f4"
            np.testing.assert_array_equal(file[name][1], expected)
        for name in ("float64", "complex128"):
            text = f"rounded from {name} (output.precision)"
            assert file[name].attrs["precision"] == text
        for name in ("bool", "int64", "float32", "float16"):
            assert "precision" not in file[name].attrs
        assert file["int64"].dtype == "i8"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float64", np.longdouble])
@pytest.mark.parametrize("numbers", [[3e38, 3e38], [np.inf, -np.inf], [np.nan, 1e-300]], ids=str)
def test_what_single_precision_holds(numbers, dtype):
    u = pc.Grid((3, 2), comm=pc.serial()).field("u", dtype=dtype)
    u[...] = np.array([numbers] * 3, dtype)
    values_ = View.of(u, None, "single").piece(0).values[0]
    np.testing.assert_array_equal(values_, np.array([numbers] * 3, "f4"))


def test_a_type_that_netcdf_has_not():
    u = pc.Grid((3, 2), comm=pc.serial()).field("u", dtype=np.clongdouble)
    with pytest.raises(pc.ConfigError, match="Field 'u' is of the type complex256"):
        View.of(u)


@pytest.mark.parametrize("name", ["time", "step", "x", "VTKHDF", "swarm", "swarm_x", "swarm_count"])
def test_names_that_the_file_needs(name):
    grid = pc.Grid((3, 2), comm=pc.serial())
    swarm = pc.Particles("swarm", pc.serial(), {"x": float})
    with pytest.raises(pc.ConfigError, match=f"cannot be named '{name}'"):
        Layout.of(grid, [View.of(grid.field(name))], 1, particles=[swarm])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ranks", [1, 3])
def test_particles_of_varying_number(written, way, ranks):
    data = datasets(written[0][ranks] / f"{way}2.h5")
    every = [columns(index) for index in range(3)]
    assert data["swarm_count"].tolist() == [5, 0, 7, 0]
    assert data["swarm"].tolist() == [0] * 5 + [2] * 7
    np.testing.assert_array_equal(data["swarm_id"], np.concatenate([c["id"] for c in every]))
    np.testing.assert_array_equal(data["swarm_x"], np.concatenate([c["x"] for c in every]))
    assert data["swarm_x"].dtype == "f4"


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("name", ["no_key", "no_key_gzip"])
def test_particles_without_fields_and_without_key(written, ranks, name):
    data = datasets(written[0][ranks] / f"{name}.h5")
    assert {*data} == {"time", "step", "swarm", "swarm_count", "swarm_id", "swarm_x"}
    begin = 0
    for index, count in enumerate([5, 0, 7]):
        rows = slice(begin, begin + count)
        order = np.argsort(data["swarm_id"][rows])
        for column, expected in columns(index).items():
            np.testing.assert_array_equal(data[f"swarm_{column}"][rows][order], expected)
        begin += count
    assert len(data["swarm_id"]) == begin


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ranks", [1, 3])
def test_with_and_without_overlap(written, way, ranks):
    folder = written[0][ranks]
    same_bytes(datasets(folder / f"overlap_{way}.h5"), datasets(folder / f"alone_{way}.h5"))


def _big_endian(file):
    contiguous(file, "u", (2, 3), np.dtype(">f8"))


def _not_allocated(file):
    file.create_dataset("u", (2, 3), "f8")


def _compact(file):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((2, 3))
    h5py.h5d.create(file.id, b"u", h5py.h5t.NATIVE_DOUBLE, space, dcpl=plist)


def _external(file):
    file.create_dataset("u", (2, 3), "f8", external="other.raw")


@pytest.mark.parametrize(
    ("define", "words"),
    [
        (_big_endian, "not in native byte order"),
        (_not_allocated, "not allocated"),
        (_compact, "not in this file"),
        (_external, "not in this file"),
    ],
)
def test_datasets_to_which_ranks_cannot_write(tmp_path, define, words):
    with pytest.raises(ParcomputeError, match=f"Dataset '/u' is .*{words}") as raised:
        make(tmp_path / "a.h5", define)
    assert "output.writer=gathered" in str(raised.value)


def test_places_are_those_of_hdf5(tmp_path):
    file = Written(tmp_path / "a.h5", (5, 6, 7), ["int16", "float64"])
    file.write(pc.serial())
    places = make(file.path, None)
    raw = file.path.read_bytes()
    for name in ("int16", "float64", "step", "VTKHDF/Steps/Values"):
        array = datasets(file.path)[name]
        assert (places[name].shape, places[name].itemsize) == (array.shape, array.itemsize)
        offset = places[name].offset
        assert raw[offset : offset + array.nbytes] == array.tobytes()


def test_mpio_needs_parallel_hdf5(tmp_path):
    with pytest.raises(pc.ConfigError, match="needs MPI ranks and an h5py that was built with"):
        open_store(tmp_path / "a.h5", None, pc.serial(), writer="mpio")


def test_the_fast_writer_is_taken_where_it_is_sound(tmp_path):
    file = Written(tmp_path / "a.h5", way="auto", planned=1)
    assert file.write(pc.serial(), 1) == NAMES["pwrite"]
    assert STEPS[:1] == datasets(file.path)["step"].tolist()
