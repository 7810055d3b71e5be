"""The experiment nas_mg: the norm that NASA publishes."""

from __future__ import annotations

import pytest

import parcompute as pc
from tests.unit.gallery import assert_same_bits, made


def test_class_s_has_the_published_norm():
    experiment = made("nas_mg")
    experiment.advance(4)
    assert experiment.measure()["norm"] == pytest.approx(0.5307707005734e-04, rel=1e-10)


def test_the_same_bits_on_any_ranks_and_engine():
    assert_same_bits([("nas_mg", 1, {})])


def test_an_unknown_class():
    with pytest.raises(pc.ConfigError, match="must be one of S, W, A, B, got 'Z'"):
        made("nas_mg", size="Z")
