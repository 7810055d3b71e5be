"""Particles: columns whose length differs from rank to rank."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc

COLUMNS = {"id": np.int32, "x": np.float64, "weight": np.float32}


def everything(comm):
    """Set, gather and scatter particles; return what this rank got."""
    rank, size = comm.Get_rank(), comm.Get_size()
    found = {}
    for key in (None, "id"):
        swarm = pc.Particles("swarm", comm, COLUMNS, key=key)
        found["empty", key] = swarm.gather()
        count = 4 * (rank % 2 + 1) if rank < 2 else 0  # ranks with 4, with 8 and with none
        ids = (np.arange(count) * 7 + rank) % 11 - 5
        swarm.set(id=ids, x=ids + 10.0 * rank, weight=np.full(count, rank))
        found["mine", key] = (len(swarm), swarm["id"].dtype.name, swarm["x"].tolist())
        found["root", key] = swarm.gather()
        found["last", key] = swarm.gather(root=size - 1)
        swarm["x"] = 3.0
        swarm["weight"] += 1
        found["changed", key] = (set(swarm["x"]), set(swarm["weight"]))
        whole = {"id": np.arange(10), "x": np.arange(10) / 4, "weight": np.ones(10)}
        for place, root in (("root", 0), ("last", size - 1)):
            swarm.scatter(whole if rank == root else None, root)
            found["share", place] = {name: swarm[name].copy() for name in COLUMNS}
    return found


@pytest.fixture(scope="module", params=[1, 3])
def ranks(request):
    """Return what each of one or three ranks found."""
    if request.param == 1:
        return [everything(pc.serial())]
    return pc.launch(everything, request.param)


def expected(size):
    """Return the particles of all ranks in the order of the ranks."""
    ids, owner = [], []
    for rank in range(min(size, 2)):
        mine = (np.arange(4 * (rank + 1)) * 7 + rank) % 11 - 5
        ids.append(mine)
        owner.append(np.full(len(mine), rank))
    ids, owner = np.concatenate(ids), np.concatenate(owner)
    return {"id": ids, "x": ids + 10.0 * owner, "weight": owner}


def test_each_rank_has_what_it_set(ranks):
    for rank, found in enumerate(ranks):
        count = 4 * (rank + 1) if rank < 2 else 0
        ids = (np.arange(count) * 7 + rank) % 11 - 5
        assert found["mine", None] == (count, "int32", (ids + 10.0 * rank).tolist())
        assert found["changed", None] == (({3.0}, {rank + 1.0}) if count else (set(), set()))


@pytest.mark.parametrize("key", [None, "id"])
@pytest.mark.parametrize("root", ["root", "last"])
def test_gather(ranks, key, root):
    here = 0 if root == "root" else len(ranks) - 1
    whole = expected(len(ranks))
    order = np.argsort(whole["id"], kind="stable") if key else slice(None)
    for rank, found in enumerate(ranks):
        if rank != here:
            assert found[root, key] is None
            continue
        assert list(found[root, key]) == list(COLUMNS)
        for name, dtype in COLUMNS.items():
            assert found[root, key][name].dtype == dtype
            np.testing.assert_array_equal(found[root, key][name], whole[name][order])


def test_gather_without_any(ranks):
    none = ranks[0]["empty", "id"]
    assert {name: array.shape for name, array in none.items()} == dict.fromkeys(COLUMNS, (0,))
    assert {name: array.dtype for name, array in none.items()} == COLUMNS


@pytest.mark.parametrize("root", ["root", "last"])
def test_scatter_gives_equal_shares_in_order(ranks, root):
    shares = [found["share", root] for found in ranks]
    counts = [len(share["id"]) for share in shares]
    assert max(counts) - min(counts) <= 1
    np.testing.assert_array_equal(np.concatenate([s["id"] for s in shares]), np.arange(10))
    np.testing.assert_array_equal(np.concatenate([s["x"] for s in shares]), np.arange(10) / 4)
    assert all(share[name].dtype == COLUMNS[name] for share in shares for name in COLUMNS)


@pytest.mark.parametrize(
    ("columns", "key", "words"),
    [
        ({}, None, r"columns \(none\)"),
        ({"x": float}, "id", "columns x and the key 'id'"),
        ({"x": float}, "x", "columns x and the key 'x'"),
        ({"x": complex}, None, "Column 'x' .* must hold integers or floats, got complex128"),
        ({"x": bool}, None, "got bool"),
    ],
)
def test_columns_that_cannot_be(columns, key, words):
    with pytest.raises(pc.ConfigError, match=words):
        pc.Particles("swarm", pc.serial(), columns, key=key)


@pytest.mark.parametrize(
    "columns",
    [
        {"id": [1]},
        {"id": [1], "x": [1.0, 2.0]},
        {"id": [1], "x": [1.0], "y": [1.0]},
        {"id": 1, "x": 1.0},
        {"id": [[1]], "x": [[1.0]]},
        {},
    ],
    ids=str,
)
def test_set_refuses_what_is_not_a_table_and_changes_nothing(columns):
    swarm = pc.Particles("swarm", pc.serial(), {"id": int, "x": float})
    swarm.set(id=[7], x=[0.5])
    with pytest.raises(pc.ConfigError, match="one array of equal length for each of id, x"):
        swarm.set(**columns)
    assert (swarm["id"].tolist(), swarm["x"].tolist()) == ([7], [0.5])


def test_what_was_set_is_a_copy():
    x = np.zeros(3)
    swarm = pc.Particles("swarm", pc.serial(), {"x": float})
    swarm.set(x=x)
    x += 1
    assert swarm["x"].tolist() == [0.0] * 3


def test_names_of_datasets():
    swarm = pc.Particles("swarm", pc.serial(), {"id": int, "x": float})
    assert swarm.datasets == ["swarm", "swarm_count", "swarm_id", "swarm_x"]
    assert repr(swarm) == "Particles('swarm', id, x, 0 here)"
