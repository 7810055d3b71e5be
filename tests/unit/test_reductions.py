"""Reductions against `math.fsum`, fractions, NumPy and SciPy, on both engines."""

from __future__ import annotations

import functools
import math
import operator
import statistics
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import parcompute as pc
from parcompute import reductions
from parcompute.reductions import partial, reference
from parcompute.reductions.accumulator import ExactSum, carried
from parcompute.settings import Settings, use
from tests.unit import reducing

finite = st.floats(allow_nan=False, allow_infinity=False)
lists = st.lists(finite, min_size=1, max_size=40)
TINY = 5e-324
HUGE = 1.7976931348623157e308
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
COMM = pc.serial()
SUMS = {"numpy": reference.sum_of, "compiled": lambda a: partial._compiled("sum", a)}
DOTS = {"numpy": reference.dot_of, "compiled": lambda a, b: partial._compiled("dot", a, b)}
of_sums = pytest.mark.parametrize("sum_of", SUMS.values(), ids=SUMS)
of_dots = pytest.mark.parametrize("dot_of", DOTS.values(), ids=DOTS)


def rounded(exact):
    """Return the fraction `exact` as the nearest float, infinite beyond the largest."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def same(a, b):
    """Return whether two floats have the same bits, but for those of NaN."""
    return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))


@of_sums
@given(lists)
@example([TINY] * 3)
@example([HUGE, HUGE, -HUGE, TINY])
@example([HUGE, HUGE])
@example([1e16, 1.0, -1e16])
@example([2.0**53, 1.0, TINY])
@example([2.0**900, 2.0**-1074, -(2.0**900)])
def test_sum_is_exact(sum_of, values):
    expected = rounded(sum(map(Fraction, values)))
    assert float(sum_of(np.array(values))) == expected


@of_sums
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-0.0, -0.0], -0.0),
        ([-0.0, 0.0], 0.0),
        ([1.0, -1.0], 0.0),
        ([], 0.0),
        ([-TINY, TINY], 0.0),
        ([1.0, math.inf], math.inf),
        ([-math.inf, 5.0], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
        ([math.nan, math.inf], math.nan),
    ],
)
@pytest.mark.filterwarnings("error")
def test_zeros_and_what_is_not_finite_are_those_of_additions(sum_of, values, expected):
    array = np.array(values)
    if values:
        assert same(functools.reduce(operator.add, values), expected)
    assert same(float(sum_of(array)), expected)
    split = sum((sum_of(array[k : k + 1]) for k in range(len(values))), sum_of(array[:0]))
    assert same(float(split), expected)
    assert same(reductions.mean(COMM, array), expected if values else math.nan)


@of_sums
def test_sum_of_many_numbers_of_all_sizes(sum_of):
    rng = np.random.default_rng(3)
    values = rng.normal(size=200_000) * 2.0 ** rng.integers(-900, 900, 200_000)
    assert float(sum_of(values)) == math.fsum(values)
    both = np.concatenate([values, -values, [HUGE, TINY, -HUGE]])
    assert float(sum_of(both)) == TINY
    small = (rng.normal(size=20_000) * 2.0 ** rng.integers(-140, 120, 20_000)).astype(np.float32)
    assert float(sum_of(small)) == math.fsum(small)


@of_sums
def test_sum_of_views(sum_of):
    values = np.random.default_rng(4).normal(size=(6, 30, 2100))
    for view in (
        values[1:5, 3:-3, 1:-1],
        values[:, :, :3],
        values[::-1, 0],
        values[..., ::2],
        values.T,
        values[0, 0, :0],
        np.asfortranarray(values[0]),
        np.array(2.5),
        values[0].astype(">f8"),
    ):
        assert float(sum_of(view)) == math.fsum(view.ravel())


def test_carries_over_more_additions_than_fit_into_a_word():
    words = np.zeros_like(ExactSum.of(0, 0, nonzero=True).words)
    huge = np.full(3000, HUGE)  # added one by one
    kernel = partial._kernel("sum", "float64")
    for _ in range(3):
        words[70] = (1 << 29) - 1000  # as after so many additions
        partial._call(kernel, [huge], words)
    assert ExactSum(words).units == 9000 * ExactSum.of(0, 0, nonzero=True).units + 9000 * int(
        Fraction(HUGE) * 2**1074
    )
    assert (carried(words)[:69] < 1 << 32).all()


@pytest.mark.parametrize("units", [0, 1, -1, 2**32, -(2**32), 2**2200 + 5, -(2**2200) - 5])
def test_words_hold_whole_numbers(units):
    exact = ExactSum.of(units, 3, nonzero=True)
    assert (exact.units, exact.count, exact.special) == (units, 3, 0.0)
    assert (exact + exact).units == 2 * units


@pytest.mark.parametrize("dtype", [*INTEGERS, np.bool_])
def test_sum_of_integers(dtype):
    @given(arrays.arrays(dtype, st.integers(0, 30)))
    def check(array):
        assert float(reference.sum_of(array)) == float(sum(map(int, array)))
        absolute = float(sum(map(abs, map(int, array))))
        assert reductions.norm(COMM, array, 1) == absolute

    check()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_sum_of_the_largest_integers_over_many_chunks(dtype):
    for limit in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        array = np.full(100_000, limit, dtype)
        assert reductions.total(COMM, array) == float(100_000 * int(limit))


@of_dots
@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=20))
@example([(1 + 2.0**-30, 1 - 2.0**-30), (-1.0, 1.0)])
@example([(2.0**-600, 1.5 * 2.0**-475), (1.0, 0.0)])
@example([(3 * 2.0**-537, 2.0**-538)])
@example([(HUGE, 2.0), (-1.0, 1.0)])
@example([(HUGE, -2.0), (HUGE, 2.0)])
@example([(2.0**1000, 3 * 2.0**-1000 / 7), (2.0**1020, 1.0)])
@example([(-0.0, 1.0), (0.0, -5.0)])
def test_dot_is_exact(dot_of, pairs):
    a, b = (np.array(column) for column in zip(*pairs, strict=True))
    with np.errstate(over="ignore", under="ignore"):
        products = a * b
    infinite = products[~np.isfinite(products)].tolist()
    if infinite:
        expected = sum(infinite)
    else:
        units = sum(round(Fraction(x) * Fraction(y) * 2**1074) for x, y in pairs)
        expected = rounded(Fraction(units, 2**1074))
    assert float(dot_of(a, b)) == expected or (expected != expected)
    assert same(float(DOTS["numpy"](a, b)), float(DOTS["compiled"](a, b)))


@of_dots
def test_dot_of_long_arrays_that_cancel(dot_of):
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(2, 5000)) * 2.0 ** rng.integers(-20, 20, 5000)
    a, b = np.concatenate([a, -a]), np.concatenate([b, b * (1 + 2.0**-50)])
    expected = float(sum(Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)))
    assert float(dot_of(a, b)) == expected
    view = np.stack([a, a], axis=1)[:, :1].reshape(2, 5000)
    assert float(dot_of(view, b.reshape(2, 5000))) == expected


@given(arrays.arrays(np.int64, 6), arrays.arrays(np.uint64, 6))
def test_dot_of_long_integers(a, b):
    assert reductions.dot(COMM, a, b) == float(
        sum(int(x) * int(y) for x, y in zip(a, b, strict=True))
    )


def test_complex_numbers():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 400)) + 1j * rng.normal(size=(2, 400))
    assert reductions.total(COMM, a) == complex(math.fsum(a.real), math.fsum(a.imag))
    np.testing.assert_allclose(reductions.dot(COMM, a, b), np.vdot(a, b), rtol=1e-13)
    np.testing.assert_allclose(reductions.norm(COMM, a), np.linalg.norm(a), rtol=1e-13)
    np.testing.assert_allclose(reductions.norm(COMM, a, 1), np.abs(a).sum(), rtol=1e-13)
    np.testing.assert_allclose(reductions.mean(COMM, a), a.mean(), rtol=1e-13)


@given(lists)
@example([HUGE, HUGE])
@example([TINY, 0.0])
@example([TINY, TINY, 0.0])
def test_mean_is_correctly_rounded(values):
    expected = rounded(sum(map(Fraction, values)) / len(values))
    assert reductions.mean(COMM, np.array(values)) == expected


@given(arrays.arrays(np.int64, st.integers(1, 20)))
def test_mean_of_integers(array):
    expected = float(Fraction(sum(map(int, array)), array.size))
    assert reductions.mean(COMM, array) == expected


@given(st.lists(st.floats(-1e150, 1e150).filter(lambda x: x == 0 or abs(x) > 1e-150), min_size=2))
@example([1e15 + 0.5, 1e15 + 1.5, 1e15])
@example([3.0] * 7)
def test_variance_is_correctly_rounded(values):
    exact = statistics.pvariance(map(Fraction, values))
    assert reductions.variance(COMM, np.array(values)) == float(exact)
    sample = statistics.variance(map(Fraction, values))
    assert reductions.variance(COMM, np.array(values), ddof=1) == float(sample)


def test_variance_of_what_has_none():
    for values in ([], [1.0, math.inf], [math.nan, 0.0]):
        assert math.isnan(reductions.variance(COMM, np.array(values)))
    assert math.isnan(reductions.variance(COMM, np.array([1.0]), ddof=1))
    assert reductions.variance(COMM, np.array([1e200, -1e200])) == math.inf


def test_moments_are_those_of_scipy():
    values = np.random.default_rng(2).exponential(size=(300, 400)) + 1e3
    found = reductions.moments(COMM, values)
    assert found.mean == math.fsum(values.ravel()) / values.size
    assert found.variance == pytest.approx(values.var(), rel=1e-12)
    assert found.skewness == pytest.approx(scipy.stats.skew(values, axis=None), rel=1e-10)
    assert found.kurtosis == pytest.approx(scipy.stats.kurtosis(values, axis=None), rel=1e-10)
    assert math.isnan(reductions.moments(COMM, np.ones(5)).skewness)


@given(st.lists(st.integers(-(2**26), 2**26), min_size=1, max_size=30))
def test_norms_of_whole_numbers(values):
    array = np.array(values, float)
    assert reductions.norm(COMM, array) == math.sqrt(sum(v * v for v in values))
    assert reductions.norm(COMM, array, 1) == sum(map(abs, values))


def test_norms_of_long_arrays():
    values = np.random.default_rng(5).normal(size=20_000)
    squares = math.fsum(values * values)  # rounded one by one, which the root halves
    assert reductions.norm(COMM, values) == pytest.approx(math.sqrt(squares), rel=3e-16)
    assert reductions.norm(COMM, values, 1) == math.fsum(map(abs, values))
    assert reductions.norm(COMM, np.array([3, 4], np.int8)) == 5.0


@given(lists)
def test_extremes(values):
    array = np.array(values)
    assert reductions.smallest(COMM, array) == min(values)
    assert reductions.largest(COMM, array) == max(values)
    assert reductions.argmin(COMM, array) == np.argmin(array)
    assert reductions.argmax(COMM, array) == np.argmax(array)


def test_extremes_of_nan_and_of_integers():
    for extreme in (reductions.smallest, reductions.largest):
        assert math.isnan(extreme(COMM, np.array([1.0, math.nan, -2.0])))
    assert reductions.argmax(COMM, np.array([1.0, math.nan, 7.0, math.nan])) == 1
    assert reductions.largest(COMM, np.array([2**63 + 1], np.uint64)) == 2**63 + 1
    assert reductions.smallest(COMM, np.array([True, False])) is False


@pytest.mark.parametrize("bins", [7, [0.0, 0.5, 0.75, 3.0]])
@pytest.mark.parametrize("between", [None, (-1.0, 1.0)])
def test_histogram_is_that_of_numpy(bins, between):
    values = np.random.default_rng(8).normal(size=(40, 25))
    counts, edges = reductions.histogram(COMM, values, bins, between)
    expected = np.histogram(values, bins, between)
    np.testing.assert_array_equal(counts, expected[0])
    np.testing.assert_array_equal(edges, expected[1])


def test_fast_sums_are_ordinary_ones():
    values = np.random.default_rng(9).normal(size=(300, 500))
    u = pc.Grid((300, 500), comm=COMM).field("u")
    u[...] = values
    assert u.sum(fast=True) == u.owned.sum()
    assert u.mean(fast=True) == u.owned.sum() / values.size
    assert u.norm(fast=True) == pytest.approx(np.linalg.norm(values), rel=1e-12)
    assert u.norm(1, fast=True) == np.abs(u.owned).sum()
    assert u.dot(u, fast=True) == pytest.approx(float(np.vdot(values, values)), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reductions.total(COMM, np.ones(3, np.longdouble)), "up to 64 bits, got"),
        (lambda: reductions.dot(COMM, np.ones(3), np.ones(4)), r"one shape, got \(3,\) and \(4,\)"),
        (lambda: reductions.norm(COMM, np.ones(3), 3), "the order 1 or 2, got 3"),
        (lambda: reductions.smallest(COMM, np.ones(0)), "of no elements"),
        (lambda: reductions.argmax(COMM, np.ones(0)), "of no elements"),
        (lambda: reductions.histogram(COMM, np.array([np.nan])), "cannot be made.*not finite"),
        (lambda: reductions.histogram(COMM, np.ones(3), 0), "cannot be made"),
    ],
)
def test_what_cannot_be_reduced_is_told(call, message):
    with pytest.raises(pc.ConfigError, match=message):
        call()


def test_threads_do_not_change_a_sum():
    values = np.random.default_rng(6).normal(size=(5, 200_000))[:, 1:]
    with use(Settings(threads=3)):
        threaded = partial.sum_of(values), partial.dot_of(values, values)
    alone = partial.sum_of(values), partial.dot_of(values, values)
    for one, other in zip(threaded, alone, strict=True):
        assert (one.units, one.count) == (other.units, other.count)


def test_ranks_and_engines_do_not_change_a_bit():
    expected, reference_ = reducing.everything(COMM)
    assert expected == reference_
    for ranks in (2, 3, 5):
        found = pc.launch(reducing.everything, ranks)
        assert found == [[expected, expected]] * ranks
