"""The choice of time tiles: what is tried, what is chosen, what is remembered."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from parcompute.stencils.shapes import Recipe, default_recipe, plain_shape, recipes, shape_of
from parcompute.stencils.tuning import FixedDepth, Tuner, candidates
from tests.unit import kernels

SLOW, FAST = Recipe(4, 512, 0, 8), Recipe(8, 512, 0, 8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PARCOMPUTE_CACHE_DIR", str(tmp_path))
    return tmp_path / "kernels"


def tried(tuner, remaining, seconds, sweeps=1000):
    """Ask for choices and report times, until one is given three times as a settled choice."""
    made = []
    while sweeps > 0:
        choice = tuner.next(remaining)
        made.append(choice)
        count = choice.depth if choice else 1
        tuner.record(choice, seconds[choice] * count, count)
        sweeps -= count
    return made


def test_each_recipe_is_tried_three_times_and_the_fastest_stays(cache):
    seconds = {None: 3.0, SLOW: 2.0, FAST: 1.0}
    made = tried(Tuner(pc.serial(), "a", [SLOW, FAST]), 32, seconds)
    assert [made[:9].count(choice) for choice in seconds] == [3, 3, 3]
    assert set(made[9:]) == {FAST}
    assert [path.suffix for path in cache.iterdir()] == [".json"]


def test_what_was_found_is_used_at_once_the_next_time(cache):
    seconds = {None: 1.0, SLOW: 2.0, FAST: 3.0}
    tried(Tuner(pc.serial(), "a", [SLOW, FAST]), 32, seconds)
    assert Tuner(pc.serial(), "a", [SLOW, FAST]).next(32) is None
    assert len({Tuner(pc.serial(), "other", [SLOW, FAST]).next(32)}) == 1
    tried(Tuner(pc.serial(), "b", [SLOW, FAST]), 32, seconds | {SLOW: 0.5})
    known = Tuner(pc.serial(), "b", [SLOW, FAST])
    assert known.next(32) == SLOW
    assert known.next(3) == SLOW._replace(depth=3)
    assert known.describe() == "4 sweeps per tile"


def test_a_choice_is_not_deeper_than_the_sweeps_that_are_left(cache):
    seconds = {None: 3.0, SLOW: 2.0, FAST: 1.0}
    tuner = Tuner(pc.serial(), "a", [SLOW, FAST])
    assert set(tried(tuner, 4, seconds)) == {None, SLOW}
    assert not cache.exists()  # not all has been tried
    assert tried(tuner, 8, seconds)[-1] == FAST
    assert tuner.next(4) == SLOW


@pytest.mark.parametrize(
    "content", ["", "[1]", "{", '["x", 1, 2, 3, true]', "[99, 1, 1, 1, false]"]
)
def test_a_memory_that_makes_no_sense_is_not_used(cache, content):
    tuner = Tuner(pc.serial(), "a", [SLOW, FAST])
    cache.mkdir()
    tuner.path.write_text(content)
    again = Tuner(pc.serial(), "a", [SLOW, FAST])
    assert {again.next(32) for _ in range(1)} <= {None, SLOW, FAST}
    made = tried(again, 32, {None: 3.0, SLOW: 2.0, FAST: 1.0})
    assert made[-1] == FAST


def test_a_depth_that_was_chosen_is_kept():
    fixed = FixedDepth(2, 6)
    assert [fixed.next(n).depth for n in (100, 6, 5)] == [6, 6, 5]


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_tiles_cover_the_block_and_are_not_larger(ndim, threads):
    for cells in (1, 7, 100, 1000):
        block = (cells, 33, 700)[-ndim:]
        for recipe in [*recipes(ndim, stream=True), default_recipe(ndim, 5)]:
            shape = shape_of(recipe, block, threads)
            assert all(t > 0 for t in shape.tile)
            assert all(t <= n + 7 for t, n in zip(shape.tile, block, strict=True))
        for staged in (False, True):
            tile = plain_shape(block, threads, staged=staged).tile
            assert all(0 < t <= n + 7 for t, n in zip(tile, block, strict=True))


def test_tiles_that_are_mostly_margins_are_not_tried():
    found = candidates(3, (4, 4, 4), (64, 64, 64), stream=False)
    assert {recipe.depth for recipe in found} <= {2, 3, 4, 6}
    assert not candidates(2, (1, 400), (1000, 512), stream=False)


@pytest.mark.parametrize("periods", [False, True])
def test_trials_do_not_change_the_answer(periods):
    answers = []
    for engine, tile in (("numpy", 1), ("numba", "auto")):
        grid = pc.Grid((40, 300), comm=pc.serial(), periods=periods)
        u = grid.field("u")
        u[...] = np.random.default_rng(0).normal(size=(40, 300))
        with use(Settings(engine=engine, time_tile=tile)):
            for sweeps in (1, 5, 40, 200):
                kernels.diffuse(u, r=0.2, sweeps=sweeps)
        answers.append(u.owned.copy())
    kernels.assert_same_bits(*answers)
