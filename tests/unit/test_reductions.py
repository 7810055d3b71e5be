"""Reductions against `math.fsum`, whole numbers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import parcompute as pc
from parcompute import reductions
from parcompute.reductions import ExactSum, exact_sum

finite = st.floats(allow_nan=False, allow_infinity=False)
lists = st.lists(finite, min_size=1, max_size=40)
TINY = 5e-324
HUGE = 1.7976931348623157e308
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


def rounded(exact):
    """Return the fraction `exact` as the nearest float, infinite beyond the largest."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


@given(lists)
@example([TINY] * 3)
@example([HUGE, HUGE, -HUGE, TINY])
@example([HUGE, HUGE])
@example([1e16, 1.0, -1e16])
@example([-0.0, 0.0])
@example([2.0**53, 1.0, TINY])
def test_sum_is_exact(values):
    expected = rounded(sum(map(Fraction, values)))
    assert float(exact_sum(np.array(values))) == expected


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40))
def test_sum_is_that_of_fsum(values):
    assert float(exact_sum(np.array(values))) == math.fsum(values)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_sum_of_float32(values):
    assert float(exact_sum(np.array(values, np.float32))) == math.fsum(values)


@pytest.mark.parametrize("dtype", [*INTEGERS, np.bool_])
def test_sum_of_integers(dtype):
    @given(arrays.arrays(dtype, st.integers(0, 30)))
    def check(array):
        assert exact_sum(array) == exact_sum(array[::-1])
        assert float(exact_sum(array)) == float(sum(map(int, array)))

    check()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_sum_of_the_largest_integers_over_many_chunks(dtype):
    for limit in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        array = np.full(600_000, limit, dtype)
        assert float(exact_sum(array)) == float(600_000 * int(limit))


def test_sum_of_many_numbers_of_all_sizes():
    rng = np.random.default_rng(3)
    values = rng.normal(size=700_000) * 2.0 ** rng.integers(-900, 900, 700_000)
    assert float(exact_sum(values)) == math.fsum(values)
    assert float(exact_sum(np.concatenate([values, -values]))) == 0.0


def test_sum_of_a_strided_view():
    values = np.random.default_rng(4).normal(size=(30, 20))[3:-3, ::2]
    assert float(exact_sum(values)) == math.fsum(values.ravel())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, math.inf], math.inf),
        ([-math.inf, 5.0], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
        ([math.nan, math.inf], math.nan),
    ],
)
@pytest.mark.filterwarnings("error")
def test_sum_of_what_is_not_finite(values, expected):
    np.testing.assert_equal(float(exact_sum(np.array(values))), expected)
    split = sum((exact_sum(np.array([v])) for v in values), ExactSum())
    np.testing.assert_equal(float(split), expected)


@given(lists, st.data())
def test_any_split_gives_the_same_sum(values, data):
    cut = data.draw(st.integers(0, len(values)))
    a, b = np.array(values[:cut]), np.array(values[cut:])
    assert exact_sum(a) + exact_sum(b) == exact_sum(np.array(values))
    assert exact_sum(b) + exact_sum(a) == exact_sum(np.array(values))


@given(lists)
@example([HUGE, HUGE])
@example([TINY, 0.0])
@example([TINY, TINY, 0.0])
def test_mean_is_correctly_rounded(values):
    expected = rounded(sum(map(Fraction, values)) / len(values))
    assert reductions.mean(pc.serial(), np.array(values)) == expected


@given(arrays.arrays(np.int64, st.integers(1, 20)))
def test_mean_of_integers(array):
    expected = float(Fraction(sum(map(int, array)), array.size))
    assert reductions.mean(pc.serial(), array) == expected


@given(st.lists(st.integers(-(2**26), 2**26), min_size=1, max_size=30))
def test_norm_of_whole_numbers(values):
    expected = math.sqrt(sum(v * v for v in values))
    assert reductions.norm(pc.serial(), np.array(values, float)) == expected


def test_norm_against_hypot():
    values = np.random.default_rng(5).normal(size=1000)
    assert reductions.norm(pc.serial(), values) == pytest.approx(math.hypot(*values), rel=1e-15)
    assert reductions.norm(pc.serial(), np.array([3, 4], np.int8)) == 5.0


@given(lists)
def test_extremes(values):
    array = np.array(values)
    assert reductions.smallest(pc.serial(), array) == min(values)
    assert reductions.largest(pc.serial(), array) == max(values)


def test_extremes_of_nan_and_of_integers():
    comm = pc.serial()
    for extreme in (reductions.smallest, reductions.largest):
        assert math.isnan(extreme(comm, np.array([1.0, math.nan, -2.0])))
    assert reductions.largest(comm, np.array([2**63 + 1], np.uint64)) == 2**63 + 1
    assert reductions.smallest(comm, np.array([True, False])) is False
