"""Random numbers by index: those of NumPy's Philox, on any split, and what they look like."""

from __future__ import annotations

import math
import pickle
import re
from dataclasses import dataclass
from itertools import pairwise, permutations
from statistics import NormalDist

import numpy as np
import pytest
from scipy import special, stats

import parcompute as pc
from parcompute.random import compiled, engines, formulas, numpy_engine
from parcompute.random.draws import KINDS, LAWS, Draw
from parcompute.random.places import places_of
from tests.helpers import ROOT
from tests.unit.on_random import drawn

MANY = 40_000
END = 2**64
STREAM = pc.random.Stream(20, "noise")
ENGINES = {"numpy": numpy_engine.draw, "numba": compiled.draw}


@pytest.fixture(autouse=True)
def machine_code_from_the_start(monkeypatch):
    monkeypatch.setattr(engines, "_WORTH", 0)


@dataclass
class Part:
    """A part of an array, as grids have it."""

    box: pc.Box
    shape_global: tuple[int, ...]


def philox(start, count, *, component=0, step=0, last=0, key=STREAM.key):
    """Return words of NumPy's generator from index `start` on."""
    counter = start // 4 | component << 64 | step << 128 | last << 192
    generator = np.random.Philox(key=key, counter=counter)
    return generator.random_raw(count + start % 4)[start % 4 :]


PLACES = {
    "range": range(3, 2500),
    "aligned": range(8, 24),
    "short": range(6, 7),
    "far": range(END - 9, END),
    "empty": range(5, 5),
    "backwards": range(20, 2, -3),
    "rows": Part(pc.Box((1, 2, 5), (3, 4, 28)), (4, 5, 31)),
    "one row": Part(pc.Box((5,), (55,)), (200,)),
    "scattered": np.random.default_rng(1).integers(0, END, (31, 40), np.uint64, endpoint=False),
    "sorted": np.arange(0, 3000, 2),
    "repeated": [[4, 4, 7], [0, 4, 5]],
    "nothing": np.zeros((3, 0), int),
}


def indices_of(where):
    """Return all global indices."""
    if isinstance(where, Part):
        whole = np.arange(math.prod(where.shape_global)).reshape(where.shape_global)
        return whole[where.box.slices]
    return np.array(where, np.uint64)


@pytest.mark.parametrize("where", PLACES.values(), ids=PLACES)
def test_both_engines_have_the_words_of_numpys_philox(where):
    indices = indices_of(where)
    places = places_of(where)
    assert places.shape == indices.shape
    for step, kind in ((0, "uniform"), (END - 1, "permutation")):
        what = Draw("bits", STREAM.key, step, kind, width=2)
        last = KINDS.index(kind) << 32
        some = [(n, i, c) for n, i in enumerate(indices.flat) for c in range(2)][::23]
        expected = [philox(int(i), 1, component=c, step=step, last=last)[0] for _, i, c in some]
        for draw in ENGINES.values():
            words = draw(what, places)
            assert [words[n, c] for n, _, c in some] == expected
            assert words.shape == (indices.size, 2)


@pytest.mark.parametrize("start", [0, 2, 4 * 2**40 + 3, END - 600])
def test_a_range_has_the_words_that_numpy_draws_one_after_the_other(start):
    for draw in ENGINES.values():
        words = draw(Draw("bits", STREAM.key, 9, "uniform"), places_of(range(start, start + 600)))
        assert (words[:, 0] == philox(start, 600, step=9)).all()


@pytest.mark.parametrize("where", PLACES.values(), ids=PLACES)
def test_the_engines_agree_to_the_last_bit(where):
    places = places_of(where)
    spans = (1, 6, 2**32 + 1, 2**63 + 1, 3 * 2**62, END - 1)
    draws = [Draw(law, STREAM.key, 5, "normal", width) for law in LAWS for width in (1, 3)]
    draws += [Draw("integers", STREAM.key, 0, "integers", 2, span) for span in spans]
    for what in draws:
        first, second = (draw(what, places) for draw in ENGINES.values())
        assert (first.dtype, first.tobytes()) == (second.dtype, second.tobytes()), what


def test_more_components_than_are_drawn_at_a_time():
    what = Draw("normal", STREAM.key, 0, "normal", width=1500)
    first, second = (draw(what, places_of(range(3, 9))) for draw in ENGINES.values())
    assert first.tobytes() == second.tobytes()


def test_numbers_equal_those_of_numpys_generator():
    def numpys(kind=0, step=3):
        counter = [0, 0, step, kind << 32]
        return np.random.Generator(np.random.Philox(key=STREAM.key, counter=counter))

    assert (STREAM.uniform(range(501), step=3) == numpys().random(501)).all()
    assert (STREAM.uniform(range(9), -2.0, 5.0, step=3) == numpys().uniform(-2.0, 5.0, 9)).all()
    p = np.arange(1.0, 8.0) / 28.0
    expected = numpys(4).choice(7, 501, p=p)
    assert (STREAM.choice(range(501), 7, p, step=3) == expected).all()


def test_numbers_are_the_quantiles_of_their_words():
    words = philox(0, 5000, last=1 << 32)
    is_above = words >= 2**63
    tail = (np.where(is_above, ~words, words) + 0.5) / END
    normals = np.where(is_above, -1.0, 1.0) * STREAM.normal(range(5000))
    inverse = [NormalDist().inv_cdf(p) for p in tail]  # the same algorithm, with math.log
    np.testing.assert_allclose(normals, inverse, rtol=1e-15)
    np.testing.assert_allclose(normals, special.ndtri(tail), rtol=4e-15, atol=1e-16)
    p = (philox(0, 5000, last=2 << 32) + 0.5) / END
    np.testing.assert_allclose(STREAM.exponential(range(5000)), -np.log(p), rtol=4e-16)


def test_the_ends_of_the_distributions(monkeypatch):
    words = np.array([0, 1, 2**40, 2**63 - 1, 2**63, END - 1], np.uint64)[:, None]
    monkeypatch.setattr(numpy_engine, "_words", lambda what, places: words)

    def law(name):
        return numpy_engine.draw(Draw(name, 0, 0, "normal"), places_of(range(6)))[:, 0]

    p = np.array([0.5, 1.5, 2**40 + 0.5]) / END
    np.testing.assert_allclose(law("normal")[:3], special.ndtri(p), rtol=2e-15)
    assert law("normal")[5] == -law("normal")[0]
    assert not law("normal")[3:5].any()
    assert law("uniform")[[0, 5]].tolist() == [0.0, 1 - 2**-53]
    assert law("exponential")[[0, 5]].tolist() == [65 * math.log(2), 0.0]
    assert not np.signbit(law("exponential")).any()


def test_the_logarithm_is_right_to_an_ulp():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.random(3000), 2.0 ** rng.uniform(-65, 3, 3000), [0.5, 0.5**0.5, 1.0]])
    expected = np.array([math.log(v) for v in x])
    assert (abs(formulas.logarithm(x) - expected) <= np.spacing(abs(expected))).all()


def test_any_part_in_any_order_has_the_numbers_of_the_whole():
    for draw in (STREAM.normal, STREAM.exponential, STREAM.bits):
        whole = draw(range(1000), size=2)
        for ranks in (2, 3, 7):
            cuts = np.linspace(0, 1000, ranks + 1, dtype=int)
            parts = [draw(range(a, b), size=2) for a, b in pairwise(cuts)]
            assert np.concatenate(parts).tobytes() == whole.tobytes()
        order = np.random.default_rng(3).permutation(1000)
        assert (draw(order, size=2) == whole[order]).all()
        assert (draw(np.int64(17), size=2) == whole[17]).all()


@pytest.mark.parametrize("shape", [(37,), (14, 23), (5, 9, 11)])
def test_blocks_of_a_decomposition_have_the_numbers_of_the_whole(shape):
    count = math.prod(shape)
    whole = STREAM.normal(range(count), step=4, size=(2, 2)).reshape(*shape, 2, 2)
    for ranks in (1, 3, 4):
        decomposition = pc.Decomposition.plan(shape, ranks)
        for rank in range(ranks):
            part = Part(decomposition.box(rank), shape)
            block = STREAM.normal(part, step=4, size=(2, 2))
            assert (block == whole[part.box.slices]).all()


def test_ranks_have_the_numbers_of_one():
    one = drawn(pc.serial())
    three = pc.launch(drawn, 3, args=("numpy",))
    assert [rank[0] for rank in three] == [one[0]] * 3
    assert [rank[2:] for rank in three] == [one[2:]] * 3
    for name, column in one[1].items():
        assert column.tobytes() == three[0][1][name].tobytes()


def test_a_field_of_a_rank_is_drawn_as_its_grid():
    u = pc.Grid((6, 5), comm=pc.serial()).field("u", dtype=np.float32)
    u.owned[...] = STREAM.uniform(u)
    assert (u.owned == STREAM.uniform(range(30)).astype(np.float32).reshape(6, 5)).all()
    assert (STREAM.uniform(u.grid, size=3) == STREAM.uniform(u, size=(3,))).all()


def test_parameters_may_be_arrays():
    z, e, x = (f(range(6), size=2) for f in (STREAM.normal, STREAM.exponential, STREAM.uniform))
    loc, scale = np.arange(12.0).reshape(6, 2), np.array([2.0, 0.5])
    assert (STREAM.normal(range(6), loc, scale, size=2) == z * scale + loc).all()
    assert (STREAM.exponential(range(6), scale, size=2) == e * scale).all()
    assert (STREAM.uniform(range(6), loc, loc + 3, size=2) == x * 3.0 + loc).all()


def is_uniform(p_value):
    """Return whether a test passes; seeds are fixed, so that it does always or never."""
    return p_value > 1e-3


def test_distributions_are_what_they_are_called():
    many, scattered = range(MANY), np.arange(MANY) * 1_000_003
    for where in (many, scattered):
        assert is_uniform(stats.kstest(STREAM.uniform(where, -1, 3), "uniform", (-1, 4)).pvalue)
        assert is_uniform(stats.kstest(STREAM.normal(where, 5, 2), "norm", (5, 2)).pvalue)
        assert is_uniform(stats.kstest(STREAM.exponential(where, 3), "expon", (0, 3)).pvalue)
        one = [STREAM.normal(int(where[9]), step=step) for step in range(500)]
        assert is_uniform(stats.kstest(one, "norm").pvalue)


def test_tails_of_the_normal_are_as_heavy_as_they_should_be():
    z = STREAM.normal(range(1_000_000), step=1)
    for threshold in (2.0, 3.0, 4.0):
        for tail in (z > threshold, z < -threshold):
            expected = len(z) * stats.norm.sf(threshold)
            assert abs(tail.sum() - expected) < 4 * math.sqrt(expected)
    assert stats.kurtosis(z) == pytest.approx(0.0, abs=5 * math.sqrt(24 / len(z)))


def chi_square(values, count, p=None):
    """Return the probability of such frequencies of 0, 1, ... and larger deviations."""
    seen = np.bincount(values, minlength=count)
    return stats.chisquare(seen, None if p is None else np.asarray(p) * len(values)).pvalue


def test_whole_numbers_and_choices_are_as_frequent_as_they_should_be():
    many = range(MANY)
    assert is_uniform(chi_square(STREAM.integers(many, -3, 10) + 3, 13))
    assert is_uniform(chi_square(STREAM.integers(many, 0, 2**40) >> 36, 16))
    assert is_uniform(chi_square((STREAM.integers(many, -(2**63), 2**63) >> 60) + 8, 16))
    # without rejection every third whole number would be twice as frequent
    assert is_uniform(chi_square(STREAM.integers(many, -(2**62), 2**63) % 3, 3))
    chosen = STREAM.choice(many, [2, 0, 1, 9], [0.1, 0.25, 0.65, 0.0])
    assert is_uniform(chi_square(chosen, 3, [0.25, 0.65, 0.1]))
    words = STREAM.choice(many, ["a", "b", "c"], step=2)
    assert is_uniform(chi_square(np.unique(words, return_inverse=True)[1], 3))


def test_all_orders_are_as_frequent():
    orders = {order: k for k, order in enumerate(permutations(range(4)))}
    seen = [orders[tuple(STREAM.permutation(4, step=step).tolist())] for step in range(2400)]
    assert is_uniform(chi_square(np.array(seen), 24))
    assert sorted(STREAM.permutation(1000)) == list(range(1000))
    assert STREAM.permutation(0).shape == (0,)


def test_numbers_beside_each_other_are_independent():
    many = range(MANY)
    first = STREAM.normal(many, step=3)
    components = STREAM.normal(many, step=3, size=3)
    assert (components[:, 0] == first).all()
    others = {f"index + {d}": STREAM.normal(range(d, MANY + d), step=3) for d in (1, 2, 3, 4, 17)}
    others |= {f"step {s}": STREAM.normal(many, step=s) for s in (2, 4, 5, 2**40)}
    others |= {f"component {c}": components[:, c] for c in (1, 2)}
    others |= {f"seed {s}": pc.random.Stream(s, "noise").normal(many, step=3) for s in (19, 21)}
    others["name"] = pc.random.Stream(20, "noisd").normal(many, step=3)
    others["uniform"] = STREAM.uniform(many, step=3) - 0.5
    others["exponential"] = STREAM.exponential(many, step=3) - 1.0
    for name, other in others.items():
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / math.sqrt(MANY), name
        assert abs(np.corrcoef(first**2, other**2)[0, 1]) < 5 / math.sqrt(MANY), name


def test_streams_are_values():
    again = pickle.loads(pickle.dumps(STREAM))
    assert again == STREAM == pc.random.Stream(np.int64(20), "noise")
    assert (again.bits([5]) == STREAM.bits([5])).all()
    names = [(0, "a"), (97, "a"), (0, "aa"), (0, "aaa"), (2**32, "a"), (2**200, "ä")]
    assert len({pc.random.Stream(seed, name).key for seed, name in names}) == len(names)
    with pytest.raises(AttributeError):
        STREAM.seed = 3


WRONG = {
    "seed": (lambda: pc.random.Stream(-1, "a"), "'seed'.*from 0 on, got -1"),
    "seed type": (lambda: pc.random.Stream(1.5, "a"), "'seed'.*got 1.5"),
    "seed bool": (lambda: pc.random.Stream(True, "a"), "'seed'.*got True"),
    "name": (lambda: pc.random.Stream(1, ""), "name.*got ''"),
    "name type": (lambda: pc.random.Stream(1, 3), "name.*got 3"),
    "step": (lambda: STREAM.bits(range(2), step=-1), "'step'.*got -1"),
    "step type": (lambda: STREAM.bits(range(2), step=0.5), "'step'.*got 0.5"),
    "size": (lambda: STREAM.bits(range(2), size=(2, 0)), "'size'.*from 1 on, got 0"),
    "index": (lambda: STREAM.bits([3, -2]), "got -2"),
    "range": (lambda: STREAM.bits(range(END - 1, END + 2)), f"got {END + 1}"),
    "floats": (lambda: STREAM.bits([0.5]), "whole numbers, got list"),
    "no place": (lambda: STREAM.bits("here"), "whole numbers, got str"),
    "limits": (lambda: STREAM.uniform(range(2), 3, 2), "low <= high"),
    "scale": (lambda: STREAM.normal(range(2), 0, -1), "'scale'.*negative, got -1.0"),
    "mean": (lambda: STREAM.exponential(range(2), -2), "'scale'.*negative, got -2.0"),
    "shape": (lambda: STREAM.normal(range(2), np.zeros(3)), r"'loc'.*\(2,\).*\(3,\)"),
    "text": (lambda: STREAM.normal(range(2), "a"), "'loc'.*'a'"),
    "integers": (lambda: STREAM.integers(range(2), 3, 3), "low < high, got 3 and 3"),
    "integer": (lambda: STREAM.integers(range(2), 0, 2**63 + 1), "'high'"),
    "choice": (lambda: STREAM.choice(range(2), []), "at least one"),
    "p shape": (lambda: STREAM.choice(range(2), 3, [0.5, 0.5]), r"3 elements.*\(2,\)"),
    "p sum": (lambda: STREAM.choice(range(2), 2, [0.5, 0.4]), "sum 0.9"),
    "p": (lambda: STREAM.choice(range(2), 2, [1.5, -0.5]), "from -0.5"),
    "permutation": (lambda: STREAM.permutation(-1), "'n'.*got -1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_in_a_sentence(name):
    call, words = WRONG[name]
    with pytest.raises(pc.ConfigError, match=words) as caught:
        call()
    assert str(caught.value).count("\n") == 0
    assert str(caught.value).endswith(".")


def test_the_examples_of_the_documentation_run(capsys):
    text = (ROOT / "docs" / "random.md").read_text()
    names = {"__name__": __name__}
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(example, names)
    printed = capsys.readouterr().out
    assert float(printed) == pytest.approx(math.pi, abs=0.02)
    assert pc.launch(names["quarter_circle"], 2) == [float(printed)] * 2


def test_a_program_that_draws_little_loads_no_compiler(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(engines._Spent, "numbers", 0)
    by_numpy = []
    monkeypatch.setattr(numpy_engine, "draw", lambda *a: by_numpy.append(a) or ENGINES["numpy"](*a))
    for step in range(30):
        STREAM.normal(range(50_000), step=step)
    assert len(by_numpy) == engines._WORTH // (50_000 + engines._CALL)
