"""A killed, failed or interrupted transaction leaves the old contents of the file or the new."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from functools import cache
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcompute.io.journal import replay, transaction
from parcompute.io.overlay import Overlay, allocated_end

SHAPE = (64, 96, 97)  # a step, y, x; a chunk is 1 step
CHILD = """
import errno, os, random, resource, signal, sys, time
from pathlib import Path
import h5py
from parcompute.io.journal import replay, transaction
from tests.unit.test_journal import change, check, chunk
path = Path(sys.argv[1])
"""


@cache
def snapshot(step):
    return np.random.default_rng(step).normal(size=SHAPE[1:])


@cache
def chunk(step):
    return zlib.compress(snapshot(step).tobytes(), 1)


def make(path, libver="earliest"):
    with h5py.File(path, "w", libver=libver, track_order=True) as file:
        file.create_dataset("u", SHAPE, "f8", chunks=(1, *SHAPE[1:]), compression="gzip")
        file["steps"] = np.full(SHAPE[0], -1)
        file.create_dataset("log", (0,), "i8", maxshape=(None,), chunks=(16,))
    return path


def change(file, step):
    """Append snapshot `step`: a chunk, an element of a small dataset, a longer one, attributes."""
    file["u"].id.write_direct_chunk((step, 0, 0), chunk(step))
    file["steps"][step] = step
    file["log"].resize((step + 1,))
    file["log"][step] = step
    file.attrs["last"] = step
    file.attrs[f"attribute {step % 5}"] = "a" * (step % 7) * 50


def check(path, least, most):
    """Check that the file holds the snapshots 0 to n, least <= n <= most; return n."""
    with h5py.File(path) as file:
        last = int(file.attrs.get("last", -1))
        assert least <= last <= most
        steps = file["steps"][:]
        np.testing.assert_array_equal(steps[: last + 1], np.arange(last + 1))
        assert (steps[last + 1 :] == -1).all()
        np.testing.assert_array_equal(file["log"][:], np.arange(last + 1))
        for step in range(last + 1):
            np.testing.assert_array_equal(file["u"][step], snapshot(step))
        assert file["u"].id.get_num_chunks() == last + 1
    return last


def run(code, *arguments):
    """Run the code in a process of its own; return what it printed."""
    command = [sys.executable, "-c", CHILD + code, *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert process.returncode == 0, process.stderr
    return process.stdout


def journal_of(path):
    return path.with_name(f".{path.name}.journal")


@pytest.fixture
def libver():
    return "earliest"


both_versions = pytest.mark.parametrize("libver", ["earliest", "latest"])


@pytest.fixture
def path(tmp_path, libver):
    return make(tmp_path / "a.h5", libver)


@given(st.data())
def test_the_overlay_is_like_a_file_and_writes_nothing_over_old_bytes(tmp_path, data):
    old = bytes(range(1, 61))
    target = tmp_path / "plain"
    target.write_bytes(old)
    expected = bytearray(old)
    with target.open("r+b") as file:
        overlay = Overlay(file.fileno(), len(old))
        for value in range(100, 100 + data.draw(st.integers(1, 12))):
            offset, size = data.draw(st.integers(0, 80)), data.draw(st.integers(1, 30))
            overlay.seek(offset)
            assert overlay.write(bytes([value]) * size) == size
            expected += bytes(max(offset + size - len(expected), 0))
            expected[offset : offset + size] = bytes([value]) * size
        overlay.seek(0)
        assert overlay.read(len(expected)) == expected
        assert overlay.seek(0, os.SEEK_END) == len(expected)
        assert target.read_bytes()[:60] == old
        applied = bytearray(target.read_bytes())
        changes = overlay.changes()
        assert all(a + len(b) < c for (a, b), (c, _) in pairwise(changes))
        for offset, change_ in changes:
            applied[offset : offset + len(change_)] = change_
        assert applied == expected
        overlay.truncate(20)
        assert all(offset + len(change_) <= 20 for offset, change_ in overlay.changes())
        assert target.read_bytes() == old


@both_versions
@pytest.mark.parametrize("durable", [False, True])
def test_snapshots_are_there_after_each_commit(path, durable):
    for step in range(12):
        with transaction(path, durable=durable) as file:
            change(file, step)
            with h5py.File(path) as reader:
                assert reader.attrs.get("last", -1) == step - 1
        assert check(path, step, step) == step
    assert sorted(path.parent.iterdir()) == [path]


@both_versions
def test_the_file_is_not_longer_than_with_h5py_alone(path, tmp_path):
    other = tmp_path / "b.h5"
    other.write_bytes(path.read_bytes())
    for step in range(5):
        with transaction(path) as file:
            change(file, step)
        with h5py.File(other, "r+") as file:
            change(file, step)
    assert path.stat().st_size <= other.stat().st_size


@both_versions
def test_deleted_objects_make_the_file_shorter(path):
    with transaction(path) as file:
        file["last"] = np.arange(100_000)
    long = path.stat().st_size
    with transaction(path) as file:
        del file["last"]
        change(file, 0)
    assert path.stat().st_size < long - 100_000
    check(path, 0, 0)


def test_after_an_exception_nothing_has_changed(path):
    with transaction(path) as file:
        change(file, 0)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), transaction(path) as file:  # noqa: PT012
        change(file, 1)
        file.flush()
        raise ZeroDivisionError
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == [path]


@both_versions
def test_a_dead_tail_is_written_over(path):
    length = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(length)
        file.write(b"dead" * 100_000)
        file.flush()
        assert allocated_end(file.fileno()) == length
    check(path, -1, -1)
    with transaction(path) as file:
        change(file, 0)
    check(path, 0, 0)
    assert path.stat().st_size < length + 200_000


def test_an_empty_transaction_changes_nothing(path):
    before = path.read_bytes()
    with transaction(path) as file:
        file["steps"][0] = -1
    assert path.read_bytes() == before


def test_it_needs_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.h5"), transaction(tmp_path / "a.h5"):
        pass
    assert replay(tmp_path / "a.h5") is False
    (tmp_path / "a.h5").write_text("no HDF5 file, but a text")
    with pytest.raises(OSError, match="signature"), transaction(tmp_path / "a.h5"):
        pass
    assert (tmp_path / "a.h5").read_text() == "no HDF5 file, but a text"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.h5"]


def test_one_writer_at_a_time(path):
    with transaction(path) as file:
        change(file, 0)
        with pytest.raises(BlockingIOError, match="another process"), transaction(path):
            pass
        assert replay(path) is False
    check(path, 0, 0)


def test_a_reader_does_not_stop_the_writer(path):
    with h5py.File(path) as reader, transaction(path) as file:
        change(file, 0)
        assert reader["steps"][0] == -1
    check(path, 0, 0)


KILLED_AT_WRITE = """
pwrite, left = os.pwrite, 0
def write(file, data, offset):
    global left
    left -= 1
    if left < 0:
        if sys.argv[2] == "torn":
            pwrite(file, data[: len(data) // 2], offset)
        os.kill(os.getpid(), signal.SIGKILL)
    return pwrite(file, data, offset)
os.pwrite = write
for writes in range(60):
    if os.fork() == 0:
        left = writes
        with transaction(Path(f"{path}.{writes}")) as file:
            change(file, 1)
        os._exit(7)
    if os.waitstatus_to_exitcode(os.wait()[1]) == 7:
        print(writes)
        break
"""


@pytest.mark.parametrize(("libver", "how"), [("earliest", "torn"), ("latest", "between")])
def test_killed_at_each_write(path, how):
    with transaction(path) as file:
        change(file, 0)
    old = path.read_bytes()
    copies = [path.with_name(f"{path.name}.{n}") for n in range(60)]
    for copy in copies:
        copy.write_bytes(old)
    writes = int(run(KILLED_AT_WRITE, path, how))
    check(copies[writes], 1, 1)
    replays = [replays_well(copy, old) for copy in copies[:writes]]
    assert replays == sorted(replays)  # False until the journal is complete
    assert replays.count(False) >= 2
    assert replays.count(True) >= 2


def replays_well(path, old):
    """Replay and check; return whether there was anything to replay."""
    replayed = replay(path)
    assert check(path, 0, 1) == replayed
    new = path.read_bytes()
    assert replayed or new.startswith(old)
    assert replay(path) is False
    assert path.read_bytes() == new
    assert not journal_of(path).exists()
    with transaction(path) as file:  # writes over the dead tail
        change(file, replayed + 1)
    assert check(path, 0, 2) == replayed + 1
    return replayed


def test_a_transaction_replays(killed):
    with transaction(killed) as file:
        assert file.attrs["last"] == 1
        change(file, 2)
    check(killed, 2, 2)


def test_replay_can_be_killed_too(killed):
    copy, journal = killed.read_bytes(), journal_of(killed).read_bytes()
    assert replay(killed) is True
    new = killed.read_bytes()
    for damaged in (copy, new, new[: len(new) // 9] + copy[len(new) // 9 :]):
        killed.write_bytes(damaged)
        journal_of(killed).write_bytes(journal)
        assert replay(killed) is True
        assert killed.read_bytes() == new


@pytest.mark.parametrize("damage", ["shorter", "longer", "flipped", "zeros", "other file"])
def test_a_damaged_journal_is_dropped(killed, damage):
    journal = bytearray(journal_of(killed).read_bytes())
    if damage == "other file":
        make(killed)
    elif damage == "flipped":
        journal[len(journal) // 2] ^= 1
    else:
        cut = {"shorter": journal[:-1], "longer": journal + b"a", "zeros": bytes(len(journal))}
        journal = cut[damage]
    journal_of(killed).write_bytes(journal)
    before = killed.read_bytes()
    assert replay(killed) is False
    assert killed.read_bytes() == before
    assert not journal_of(killed).exists()


KILLED_IN_APPLY = """
with transaction(path) as file:
    change(file, 0)
pwrite = os.pwrite
def write(file, data, offset):
    if bytes(data).startswith(bytes([0x89]) + b"HDF"):
        os.kill(os.getpid(), signal.SIGKILL)  # the superblock: first of all changes
    return pwrite(file, data, offset)
os.pwrite = write
if os.fork() == 0:
    with transaction(path) as file:
        change(file, 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL
"""


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory):
    """Return the bytes of a file and of its journal after a kill within the changes."""
    path = make(tmp_path_factory.mktemp("killed") / "a.h5")
    run(KILLED_IN_APPLY, path)
    return path.read_bytes(), journal_of(path).read_bytes()


@pytest.fixture
def killed(killed_once, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(killed_once[0])
    journal_of(path).write_bytes(killed_once[1])
    return path


KILLED_AT_RANDOM = """
def transactions(pipe):
    for step in range(check(path, -1, 64) + 1, 64):
        with transaction(path) as file:
            change(file, step)
        os.write(pipe, bytes([step + 1]))
    time.sleep(9)

for step in range(64):
    chunk(step)
empty, random_ = path.read_bytes(), random.Random(7)
end, trials, replayed, last = time.monotonic() + 0.6, 0, 0, -1
while time.monotonic() < end:
    if last > 20:
        path.write_bytes(empty)
        last = -1
    outlet, inlet = os.pipe()
    child = os.fork()
    if child == 0:
        transactions(inlet)
    os.close(inlet)
    time.sleep(random_.uniform(0.001, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    told = max([last, *(step - 1 for step in os.read(outlet, 99))])
    os.close(outlet)
    if random_.random() < 0.5:
        replayed += replay(path)
    else:
        with transaction(path):
            pass
    last = check(path, told, told + 1)
    trials += 1
print(trials)
"""


@both_versions
def test_killed_at_random(path):
    assert int(run(KILLED_AT_RANDOM, path)) >= 5


FILE_TOO_LARGE = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with transaction(path) as file:
    change(file, 0)
old = path.read_bytes()
size, unlimited = len(old), resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in (size, size + 1, size + 1000, size + len(chunk(1)) + 10, 30, 0):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
    try:
        with transaction(path) as file:
            change(file, 1)
    except OSError as error:
        assert (error.errno, error.filename) == (errno.EFBIG, str(path)), repr(error)
    else:
        raise AssertionError(limit)
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == [path.name]
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
with transaction(path) as file:
    change(file, 1)
check(path, 1, 1)
"""


def test_a_file_that_becomes_too_large_stays_as_it_is(path):
    run(FILE_TOO_LARGE, path)
