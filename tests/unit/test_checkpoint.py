"""Checkpoints: all bits come back on any number of ranks, and damage is found."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import parcompute as pc
from parcompute.io import checkpoint
from tests.unit import on_saved

RANKS = (1, 2, 3)


@pytest.fixture(scope="module")
def saved(launch, tmp_path_factory):
    """Return checkpoints of the same arrays, by the number of ranks that saved them."""
    folders = {ranks: tmp_path_factory.mktemp(f"of-{ranks}") for ranks in RANKS}
    for ranks, folder in folders.items():
        launch(on_saved.write, ranks, (folder, 5))
    return {ranks: checkpoint.path_of(folder, 5) for ranks, folder in folders.items()}


def names(path):
    return sorted(entry.name for entry in path.parent.iterdir())


def read_by(launch, ranks, paths):
    def all_of(comm):
        return [on_saved.read(comm, path) for path in paths]

    return launch(all_of, ranks)


@pytest.mark.parametrize("ranks", RANKS)
def test_all_bits_come_back_on_any_number_of_ranks(launch, saved, ranks):
    assert read_by(launch, ranks, list(saved.values())) == [[True] * len(saved)] * ranks


def test_there_is_nothing_but_the_checkpoint(saved):
    assert {tuple(names(path)) for path in saved.values()} == {("step_000000005.h5",)}


def test_rank_0_can_write_for_all(launch, tmp_path):
    launch(on_saved.write, 3, (tmp_path, 5, "gathered"))
    assert read_by(launch, 2, [checkpoint.path_of(tmp_path, 5)]) == [[True]] * 2


def test_it_is_an_ordinary_file(saved):
    with h5py.File(saved[3]) as file:
        for name, array in on_saved.arrays().items():
            assert file[name][...].tobytes() == array.tobytes()


def test_the_two_latest_are_kept(launch, tmp_path):
    small = {"fields/u": np.arange(6.0)}

    def write(comm):
        kept = []
        for step in (9, 10, 200, 1000):
            on_saved.write(comm, tmp_path, step, whole=small)
            comm.Barrier()
            kept.append([int(path.stem[5:]) for path in checkpoint.found(tmp_path)])
            comm.Barrier()
        return kept

    expected = [[9], [10, 9], [200, 10], [1000, 200]]
    assert launch(write, 2) == [expected] * 2


def test_a_draft_that_a_killed_run_has_left_is_removed(tmp_path):
    folder = tmp_path / checkpoint.FOLDER
    folder.mkdir()
    (folder / ".step_000000001.h5.part").write_text("half")
    (folder / ".step_000000002.h5.part").write_text("half")
    on_saved.write(pc.serial(), tmp_path, 2)
    assert names(checkpoint.path_of(tmp_path, 2)) == ["step_000000002.h5"]
    assert on_saved.read(pc.serial(), checkpoint.path_of(tmp_path, 2))


@pytest.mark.parametrize("shape", [(2_500_000,), (5, 500_000), (2, 3, 420_000), (1, 1, 2_500_000)])
def test_large_arrays_have_a_checksum_for_each_block(launch, tmp_path, shape):
    whole = {"fields/u": np.random.default_rng(3).normal(size=shape)}
    path = checkpoint.path_of(tmp_path, 1)

    def change(comm):
        on_saved.write(comm, tmp_path, 1, whole=whole)
        right = on_saved.read(comm, path, whole)
        comm.Barrier()
        if comm.Get_rank() == 0:
            with h5py.File(path, "r+") as file:
                file["fields/u"][(*(n - 1 for n in shape[:-1]), shape[-1] // 2)] *= -1
        comm.Barrier()
        return right, on_saved.verdict(comm, path, whole)

    first, second = launch(change, 2)
    assert first == second
    assert first[0]
    assert first[1].startswith("the checksum of its block")
    with h5py.File(path) as file:
        rows = file["blocks/fields/u"][...]
    sizes = np.prod(rows[:, len(shape) : -1] - rows[:, : len(shape)], axis=1)
    assert sizes.sum() == np.prod(shape)
    assert len(shape) > 1 or len(rows) == 2
    assert shape[-1] * 8 > 2**23 or sizes.max() * 8 <= 2**23


@pytest.mark.parametrize("short", [0, 1])
def test_a_full_disk_costs_no_earlier_checkpoint(launch, tmp_path, short):
    results = launch(on_saved.fill_the_disk, 2, (tmp_path, short))
    assert results[0] == results[1]
    text, left, sound, again = results[0]
    assert text.endswith(".")
    assert len(text.splitlines()) == 1
    assert ".step_000000003.h5.part" in text
    assert left == ["step_000000001.h5", "step_000000002.h5"]
    assert sound == [True, True]
    assert again


def test_a_folder_that_cannot_be_made_is_one_sentence(launch, tmp_path):
    (tmp_path / checkpoint.FOLDER).write_text("a file")

    def write(comm):
        with pytest.raises(pc.ParcomputeError, match=r"^File exists: .*\.$"):
            on_saved.write(comm, tmp_path, 1)
        return True

    assert launch(write, 2) == [True] * 2


def test_a_file_cut_anywhere_is_damaged(launch, saved, tmp_path):
    data = saved[2].read_bytes()
    lengths = {*range(0, len(data), 331), 1, 7, 8, 9, len(data) - 1, len(data) // 2}
    files = {f"{length}.h5": data[:length] for length in lengths}
    first, second = launch(on_saved.damage, 2, (tmp_path, files))
    assert first == second
    assert len(first) == len(lengths)
    assert {name for name, verdict in first.items() if verdict in ("right", "wrong")} == set()
    assert all(len(verdict.splitlines()) == 1 for verdict in first.values())


def test_a_file_with_holes_is_damaged(launch, saved, tmp_path):
    """As after a power failure: the size is right, but some blocks of the disk are zero."""
    data = saved[2].read_bytes()
    files = {}
    for begin in range(0, len(data), 512):
        hole = data[:begin] + bytes(len(data[begin : begin + 512])) + data[begin + 512 :]
        if hole != data:
            files[f"{begin}.h5"] = hole
    verdicts = launch(on_saved.damage, 2, (tmp_path, files))
    assert verdicts[0] == verdicts[1]
    assert "wrong" not in verdicts[0].values()
    assert sum(verdict != "right" for verdict in verdicts[0].values()) > len(files) / 2


@pytest.mark.parametrize("seed", [1, 2])
def test_a_flipped_bit_is_found_or_does_not_matter(launch, tmp_path, seed):
    first, second = launch(on_saved.flip_bits, 2, (tmp_path, 150, seed))
    assert first == second
    assert [bit for bit, verdict in first if verdict == "wrong"] == []
    found = [verdict for _, verdict in first if verdict != "right"]
    assert all(found)
    assert len(found) > 15  # most of a small file is structure, much of it unused


def test_a_flipped_bit_in_each_value_is_found(tmp_path):
    whole = {"fields/u": np.arange(1.0, 65.0).reshape(8, 8)}
    on_saved.write(pc.serial(), tmp_path, 1, whole=whole)
    path = checkpoint.path_of(tmp_path, 1)
    data = path.read_bytes()
    start = data.index(whole["fields/u"].tobytes())
    for place in range(start, start + 8 * 64, 7):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        verdict = on_saved.verdict(pc.serial(), path, whole)
        assert verdict == "the checksum of its block [0, 0] to [8, 8] of 'fields/u' is wrong"


def test_what_is_no_checkpoint_is_damaged(launch, saved, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["u"] = [1.0]
    files = {
        "empty.h5": b"",
        "text.h5": b"step,time\n0,0.0\n" * 100,
        "fields.h5": (tmp_path / "other.h5").read_bytes(),
    }
    first, second = launch(on_saved.damage, 2, (tmp_path, files))
    assert first == second
    assert all(verdict.startswith("it cannot be read (") for verdict in first.values()), first


def test_a_missing_file_and_a_folder_are_damaged(tmp_path):
    for path in (tmp_path / "none.h5", tmp_path):
        verdict = on_saved.verdict(pc.serial(), path, {})
        assert verdict.startswith("it cannot be read ("), verdict


def _drop(file):
    del file["fields/u"]


def _drop_blocks(file):
    del file["blocks/own/i"]


def _another_format(file):
    file.attrs["format"] = 2


def _another_type(file):
    values = file["own/i"][...].astype(np.int32)
    del file["own/i"]
    file["own/i"] = values


def _another_shape(file):
    values = file["fields/u"][:-1]
    del file["fields/u"]
    file["fields/u"] = values


def _another_state(file):
    file["state"][3] += 1


def _another_manifest(file):
    file["manifest"][3] += 1


def _a_group(file):
    del file["fields/v"]
    file.create_group("fields/v")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            _drop,
            "it cannot be read (Unable to synchronously open object (object 'u' doesn't exist))",
        ),
        (_drop_blocks, "object 'i' doesn't exist"),
        (_another_format, "it has format 2, this parcompute reads 1"),
        (_another_type, "'own/i' is"),
        (_another_shape, "'fields/u' is"),
        (_another_state, "the checksum of its state is wrong"),
        (_another_manifest, "the checksum of its manifest is wrong"),
        (_a_group, "cannot be read"),
    ],
)
def test_the_reason_is_told(saved, tmp_path, change, reason):
    path = tmp_path / "changed.h5"
    path.write_bytes(saved[1].read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    assert reason in on_saved.verdict(pc.serial(), path, on_saved.arrays())


def test_the_last_two_are_those_of_the_most_steps(tmp_path):
    folder = tmp_path / checkpoint.FOLDER
    folder.mkdir()
    for step in (999_999_998, 999_999_999, 1_000_000_000):  # as text the last comes first
        checkpoint.path_of(tmp_path, step).touch()
    checkpoint.tidy(folder)
    steps = [int(path.stem.removeprefix("step_")) for path in checkpoint.found(tmp_path)]
    assert steps == [1_000_000_000, 999_999_999]
