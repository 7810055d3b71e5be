"""Gray-Scott against NumPy, and the game of life against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

import parcompute as pc
from tests.gallery.made import advance, made, refused

R_PENTOMINO = {"shape": (640, 640), "pattern": "r-pentomino"}


def reacted(u, v, run, f, k):
    """Return Gray and Scott's step by NumPy alone, the sums in the order of the stencils."""

    def around(a):
        shifts = [np.roll(a, s, axis) for axis in range(a.ndim) for s in (1, -1)]
        total = shifts[0] + shifts[1]
        for shifted in shifts[2:]:
            total = total + shifted
        return total - 2.0 * a.ndim * a

    reaction = u * v * v
    return (
        u + run.du * around(u) - reaction + f * (1.0 - u),
        v + run.dv * around(v) + reaction - (f + k) * v,
    )


@pytest.mark.parametrize(
    ("shape", "du", "steps"), [((40, 30), 0.16, 200), ((12, 14, 10), 0.12, 40)]
)
def test_gray_scott_is_that_of_numpy_bit_for_bit(shape, du, steps):
    run = made("gray_scott", shape=shape, du=du, spots=3, steps=0)
    u, v = run.u[...], run.v[...]
    assert v.min() == 0.0
    assert v.max() > 0.24
    advance(run, steps)
    for _ in range(steps):
        u, v = reacted(u, v, run, 0.058, 0.063)
    np.testing.assert_array_equal(run.u[...], u)
    np.testing.assert_array_equal(run.v[...], v)


def test_gray_scott_grows_patterns():
    run = made("gray_scott", shape=(64, 64), steps=3000)
    assert run.v.variance() > 0.005
    assert 0 < run.v.min() < run.v.max() < 0.5


def test_r_pentomino_settles_at_generation_1103():
    run = made("life", **R_PENTOMINO, steps=1101)
    assert run.measure()["population"] != 116
    populations = []
    for _ in range(4):
        advance(run, 1)
        populations.append(run.measure()["population"])
    assert populations[0] != 116  # generation 1102
    assert populations[1:] == [116] * 3


def test_gosper_gun_has_period_30():
    run = made("life", shape=(200, 200), pattern="gosper-gun", steps=30)
    gun = (slice(80, 100), slice(80, 120))
    first = run.alive[gun].copy()
    gliders = run.measure()["population"]
    advance(run, 15)
    assert not np.array_equal(run.alive[gun], first)
    advance(run, 15)
    np.testing.assert_array_equal(run.alive[gun], first)
    assert run.measure()["population"] == gliders + 5  # one glider more


def test_life_is_that_of_a_convolution():
    run = made("life", shape=(60, 70), pattern="gosper-gun", torus=True, steps=0)
    alive = (np.random.default_rng(1).random((60, 70)) < 0.3).astype(np.uint8)
    run.alive[...] = alive
    advance(run, 20)
    ring = np.ones((3, 3), int)
    ring[1, 1] = 0
    for _ in range(20):
        around = scipy.signal.convolve2d(alive, ring, mode="same", boundary="wrap")
        alive = (around == 3) | ((around == 2) & (alive == 1))
    np.testing.assert_array_equal(run.alive[...], alive)


def test_a_pattern_file_of_ones_own(tmp_path):
    path = tmp_path / "beacon.rle"
    path.write_text("#C two blocks\nx = 4, y = 5\n2o$2o$$2b2o$\n2b2o!  whatever\n")
    run = made("life", shape=(9, 9), pattern=str(path), steps=0)
    rows = ["1100", "1100", "0000", "0011", "0011"]
    np.testing.assert_array_equal(run.alive[2:7, 2:6], [[int(c) for c in row] for row in rows])


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("life", {"pattern": "glyder"}, "there are glider, gosper-gun, r-pentomino"),
        ("life", {"pattern": "gosper-gun", "shape": (30, 30)}, "has 9 x 36 cells"),
        ("gray_scott", {"du": 0.3}, "(0, 0.2188]"),
        ("gray_scott", {"shape": (32, 32, 32)}, "(0, 0.1458]"),
        ("gray_scott", {"pattern": "omega"}, "one of alpha, beta"),
        ("gray_scott", {"shape": (30,)}, "2 or 3 entries"),
    ],
)
def test_what_makes_no_sense_is_refused(name, parameters, reason):
    assert reason in refused(name, **parameters)


@pytest.mark.parametrize(
    "text", ["", "x = 2, y = 2\n2q!", "x = 2, y = 1\n3o!", "x = 2, y = 1\n2$o!"]
)
def test_a_pattern_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "wrong.rle"
    path.write_text(text)
    with pytest.raises(pc.ConfigError, match=r"no pattern in run-length|beyond its size"):
        made("life", pattern=str(path))
