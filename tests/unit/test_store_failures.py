"""What one rank cannot write is one error on all ranks, and the file keeps what it had."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import nullcontext

import numpy as np
import pytest

import parcompute as pc
from parcompute.errors import ParcomputeError
from tests.unit.written import Written, datasets, values

SHAPE = (700, 100)  # more than 64 kB in each snapshot


def failing(comm, path, way, rank, hinder):
    """Write a snapshot, let `rank` be hindered at the second; return what each rank is told."""
    file = Written(path, SHAPE, way=way, precision="single")
    file.prepare(comm)
    snapshots = file.open()
    file.add(snapshots, [0])
    snapshots.sync()
    said = None
    with hinder(snapshots) if comm.Get_rank() == rank else nullcontext():
        try:
            file.add(snapshots, [1])
            snapshots.settle()
        except ParcomputeError as error:
            said = str(error)
    snapshots.close()
    return said


class LimitedSize:
    """Let this rank write no more than 64 kB of any file."""

    def __init__(self, _):
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def __enter__(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, self.before[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


class OtherFile:
    """Put another open file in the place of that of this rank."""

    def __init__(self, snapshots):
        self.number = snapshots._store._file

    def __enter__(self):
        self.before = os.dup(self.number)
        other = os.open(*self.other)
        os.dup2(other, self.number)
        os.close(other)

    def __exit__(self, *_):
        os.dup2(self.before, self.number)
        os.close(self.before)


class FullDisk(OtherFile):
    other = ("/dev/full", os.O_WRONLY)


class ForReading(OtherFile):
    other = (__file__, os.O_RDONLY)


def too_large(comm, path, way):
    """Have a value on one rank that single precision does not hold; return what is raised."""
    file = Written(path, SHAPE, precision="single", way=way)
    file.prepare(comm)
    snapshots = file.open()
    file.add(snapshots, [0])
    file.fill(1)
    file.fields["float64"][SHAPE[0] - 1, SHAPE[1] - 1] = -1e300  # of the last rank
    said = None
    try:
        snapshots.write(1, 10, 0.5, {})
        snapshots.settle()
    except ParcomputeError as error:
        said = str(error)
    snapshots.close()
    return said


def cannot_be_made(comm, path, way):
    """Try to make a file; return what is raised."""
    try:
        Written(path, way=way).write(comm)
    except ParcomputeError as error:
        return str(error)
    return None


CASES = {
    ("limited", "pwrite"): (1, LimitedSize),
    ("limited", "gathered"): (0, LimitedSize),
    ("limited", "lzf"): (0, LimitedSize),
    ("full", "pwrite"): (2, FullDisk),
    ("full", "gathered"): (0, FullDisk),
    ("reading", "pwrite"): (1, ForReading),
    ("reading", "gathered"): (0, ForReading),
}


def everything(comm, folder):
    """Let all go wrong that can; return what is raised."""
    said = {}
    for (what, way), (rank, hinder) in CASES.items():
        said[what, way] = failing(comm, folder / f"{what}_{way}.h5", way, rank, hinder)
    for way in ("pwrite", "gathered", "lzf"):
        said["large", way] = too_large(comm, folder / f"large_{way}.h5", way)
        said["none", way] = cannot_be_made(comm, folder / "no_such_folder" / "a.h5", way)
        said["there", way] = cannot_be_made(comm, folder / "there.h5", way)
    return said


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Return the folder, what all ranks were told, and what a file held before."""
    folder = tmp_path_factory.mktemp("failed")
    Written(folder / "there.h5", dtypes=["int16"]).write(pc.serial())
    before = (folder / "there.h5").read_bytes()
    first, *others = pc.launch(everything, 3, (folder,))
    for other in others:
        assert first == other
    assert all("\n" not in message and message[-1] == "." for message in first.values())
    return folder, first, before


def assert_first_snapshot_is_there(path):
    data = datasets(path)
    assert data["step"].tolist() == [0, -1, -1, -1]
    np.testing.assert_array_equal(data["float64"][0], values(SHAPE, 0, "float64").astype("f4"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_earlier_snapshots_can_be_read(failed, case):
    assert_first_snapshot_is_there(failed[0] / f"{'_'.join(case)}.h5")


@pytest.mark.parametrize("way", ["pwrite", "gathered", "lzf"])
def test_the_system_lets_one_rank_write_no_more(failed, way):
    message = failed[1]["limited", way]
    assert message.startswith(f"{os.strerror(errno.EFBIG)}: '{failed[0] / f'limited_{way}.h5'}'")
    if way != "lzf":
        assert message.endswith(f" (rank {CASES['limited', way][0]}).")


@pytest.mark.parametrize("way", ["pwrite", "gathered"])
def test_a_full_disk(failed, way):
    path, rank = failed[0] / f"full_{way}.h5", CASES["full", way][0]
    reason = os.strerror(errno.ENOSPC)
    assert failed[1]["full", way] == f"{reason}: '{path}' needs 280 kB more (rank {rank})."


@pytest.mark.parametrize("way", ["pwrite", "gathered"])
def test_a_file_that_one_rank_has_open_for_reading(failed, way):
    path, rank = failed[0] / f"reading_{way}.h5", CASES["reading", way][0]
    assert failed[1]["reading", way] == f"{os.strerror(errno.EBADF)}: '{path}' (rank {rank})."


@pytest.mark.parametrize("way", ["pwrite", "gathered", "lzf"])
def test_a_value_of_one_rank_too_large_for_single_precision(failed, way):
    words = "Field 'float64' has the value -1e+300, too large for float32"
    assert failed[1]["large", way].startswith(words)
    assert_first_snapshot_is_there(failed[0] / f"large_{way}.h5")


@pytest.mark.parametrize("way", ["pwrite", "gathered", "lzf"])
def test_a_file_that_cannot_be_made(failed, way):
    assert str(failed[0] / "no_such_folder" / "a.h5") in failed[1]["none", way]


@pytest.mark.parametrize("way", ["pwrite", "gathered", "lzf"])
def test_a_file_that_exists_is_not_overwritten(failed, way):
    path = failed[0] / "there.h5"
    assert str(path) in failed[1]["there", way]
    assert "exists" in failed[1]["there", way]
    assert path.read_bytes() == failed[2]
