"""Files of a run are taken back to the snapshots of a checkpoint, and continued."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

import parcompute as pc
from parcompute.io.rewind import rewind
from parcompute.run.table import Table
from tests.unit.written import (
    FACE,
    STEPS,
    TIMES,
    Written,
    columns,
    datasets,
    in_file,
    same_bytes,
    values,
)

KINDS = ["bool", "int16", "float64", "complex64"]
WAYS = ["pwrite", "gathered", "gzip", "zstd"]


def a_run(folder, way="pwrite", name="a", *, planned=4):
    """Return what makes a file, on one rank."""
    file = Written(folder / f"{name}.h5", dtypes=KINDS, faces=True, way=way, planned=planned)
    file.swarm, file.key, file.measures = True, "id", ["total"]
    file.attributes = {"history": f"{name} began", "title": name}
    return file


def go_back(file, kept, **changes):
    """Rewind the file to the steps `kept` for a run that is changed; return what makes it."""
    changed = replace(file, **changes)
    changed.prepare(pc.serial())
    rewind(changed.path, changed.layout, changed.filters, kept)
    return changed


def go_on(file, indices):
    """Add snapshots."""
    snapshots = file.open(new=False)
    file.add(snapshots, indices)
    snapshots.close()


def assert_holds(path, indices, planned):
    """Assert that the file has the snapshots of these numbers, and no others."""
    data = datasets(path)
    n = len(indices)
    rest = planned - n
    assert data["step"].tolist() == [STEPS[index] for index in indices] + [-1] * rest
    np.testing.assert_array_equal(data["time"], [TIMES[i] for i in indices] + [np.nan] * rest)
    np.testing.assert_array_equal(data["total"], [i + 0.5 for i in indices] + [np.nan] * rest)
    for place, index in enumerate(indices):
        for name in (*KINDS, FACE):
            expected = in_file(values((7, 10), index, "float32" if name == FACE else name))
            assert len(data[name]) == planned
            assert data[name][place].tobytes() == expected.tobytes(), (name, place)
    every = [columns(index) for index in indices]
    counts = [len(c["id"]) for c in every]
    assert data["swarm_count"].tolist() == counts + [0] * rest
    assert data["swarm"].tolist() == np.repeat(np.arange(n), counts).tolist()
    for name in ("id", "x"):
        expected = np.concatenate([[], *(c[name] for c in every)])
        np.testing.assert_array_equal(data[f"swarm_{name}"], expected)
    last = max(n - 1, 0)
    times = [TIMES[indices[min(k, last)]] if n else 0.0 for k in range(max(2, planned))]
    assert data["VTKHDF/Steps/Values"].tolist() == times


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_in_place(tmp_path, way, kept):
    file = a_run(tmp_path, way)
    file.write(pc.serial(), 3)
    inode = file.path.stat().st_ino
    changed = go_back(file, STEPS[:kept])
    assert file.path.stat().st_ino == inode
    assert_holds(file.path, range(kept), 4)
    go_on(changed, range(kept, 4))
    assert_holds(file.path, range(4), 4)
    never = a_run(tmp_path, way, "never")
    never.write(pc.serial(), 4)
    same_bytes(datasets(file.path), datasets(never.path))


@pytest.mark.parametrize("way", WAYS)
def test_rebuilt_with_room_for_more(tmp_path, way):
    file = replace(a_run(tmp_path, way), planned=3)
    file.write(pc.serial(), 3)
    changed = go_back(file, STEPS[:2], planned=4)
    assert_holds(file.path, range(2), 4)
    go_on(changed, [2, 3])
    assert_holds(file.path, range(4), 4)
    never = a_run(tmp_path, way, "never")
    never.write(pc.serial(), 4)
    same_bytes(datasets(file.path), datasets(never.path))
    assert {path.name for path in tmp_path.iterdir()} == {"a.h5", "never.h5"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("indices", [[0, 2], [2], [1, 2]])
def test_rebuilt_without_some(tmp_path, way, indices):
    file = a_run(tmp_path, way)
    file.write(pc.serial(), 4)
    go_back(file, [STEPS[index] for index in indices], planned=5)
    assert_holds(file.path, indices, 5)


@pytest.mark.parametrize("planned", [4, 6])
def test_history_grows(tmp_path, planned):
    file = a_run(tmp_path)
    file.write(pc.serial(), 3)
    attributes = {"history": "a went on", "title": "longer"}
    go_back(file, STEPS[:2], planned=planned, attributes=attributes)
    with h5py.File(file.path, "r") as data:
        assert data.attrs["history"] == "a began\na went on"
        assert data.attrs["title"] == "longer"
        assert data.attrs["Conventions"] == "CF-1.11"


@pytest.mark.parametrize("planned", [4, 6])
def test_a_snapshot_that_is_missing(tmp_path, planned):
    file = a_run(tmp_path)
    file.write(pc.serial(), 2)
    before = file.path.read_bytes()
    with pytest.raises(pc.ConfigError, match="has no snapshot of step 20") as raised:
        go_back(file, [0, 10, 20], planned=planned)
    assert str(file.path) in str(raised.value)
    assert file.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def _nothing(path):
    path.unlink(missing_ok=True)


def _text(path):
    path.write_text("no")


def _cut_off(path):
    a_run(path.parent, name=path.stem).write(pc.serial(), 1)
    path.write_bytes(path.read_bytes()[:3000])


def _another(path):
    with h5py.File(path, "w") as file:
        file["u"] = np.zeros(3)


@pytest.mark.parametrize("make", [_nothing, _text, _cut_off, _another])
def test_a_file_that_cannot_be_read(tmp_path, make):
    make(tmp_path / "a.h5")
    with pytest.raises(pc.ConfigError, match="to which the run would add, cannot be read") as error:
        go_back(a_run(tmp_path), [0])
    assert "\n" not in str(error.value)


ROWS = [(0, 0.5), (10, float(1 / 3)), (20, np.float32(0.1)), (30, np.int64(7))]


@pytest.fixture
def table(tmp_path):
    """Return a table of four rows."""
    made = Table(tmp_path / "a.csv")
    for step, value in ROWS:
        made.append({"step": step, "time": step / 20}, {"total, all": value})
    return tmp_path / "a.csv"


@pytest.mark.parametrize(
    ("count", "dropped", "kept"),
    [
        (4, set(), [0, 10, 20, 30]),
        (2, set(), [0, 10]),
        (3, {20, 30}, [0, 10]),
        (4, {10}, [0, 20, 30]),
        (0, set(), []),
    ],
)
def test_table_keeps_rows_as_they_are(table, count, dropped, kept):
    lines = table.read_bytes().splitlines(keepends=True)
    assert len(lines) == 5
    again = Table(table)
    assert again.rewind(count, dropped) == (kept[-1] if kept else -1)
    assert again.columns == ["step", "time", "total, all"]
    expected = [lines[0], *(lines[1 + STEPS.index(step)] for step in kept)]
    assert table.read_bytes() == b"".join(expected)
    again.append({"step": 40, "time": 2.0}, {"total, all": 0.25})
    assert table.read_bytes() == b"".join(expected) + b"40,2.0,0.25\r\n"
    assert again.rows == len(kept) + 1
    assert [path.name for path in table.parent.iterdir()] == ["a.csv"]


def test_table_holds_numbers_to_the_last_digit(table):
    got = [line.split(",") for line in table.read_text().splitlines()[1:]]
    assert [(int(step), float(value)) for step, _, value in got] == [(s, float(v)) for s, v in ROWS]


def test_table_lacks_a_row(table):
    before = table.read_bytes()
    with pytest.raises(pc.ConfigError, match="has 4 complete rows of the 5"):
        Table(table).rewind(5)
    assert table.read_bytes() == before


def test_table_whose_last_row_is_cut_off(table):
    table.write_bytes(table.read_bytes()[:-1].rstrip(b"\r"))
    with pytest.raises(pc.ConfigError, match="has 3 complete rows of the 4"):
        Table(table).rewind(4)
    Table(table).rewind(2)
    assert [line.split(",")[0] for line in table.read_text().splitlines()] == ["step", "0", "10"]


def test_table_that_is_not_there(tmp_path):
    with pytest.raises(pc.ConfigError, match="has 0 complete rows of the 1"):
        Table(tmp_path / "a.csv").rewind(1)


def test_table_refuses_other_columns_after_a_rewind(table):
    again = Table(table)
    again.rewind(1)
    with pytest.raises(pc.ConfigError, match="the same names each time"):
        again.append({"step": 10, "time": 0.5}, {"mean": 1.0})
