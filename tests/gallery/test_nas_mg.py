"""The experiment nas_mg: the norm that NASA publishes."""

from __future__ import annotations

import pytest

from parcompute.run import registry
from tests.gallery.made import made, refused
from tests.helpers import ROOT


def test_class_s_has_the_published_norm():
    assert made("nas_mg").measure()["norm"] == pytest.approx(0.5307707005734e-04, rel=1e-10)


def test_it_is_listed_by_its_own_docstring_not_that_of_a_class_before():
    assert registry.summary(ROOT / "experiments" / "nas_mg.py").startswith("NAS MG: lap u = v")


def test_an_unknown_class():
    assert "must be one of S, W, A, B, got 'Z'" in refused("nas_mg", size="Z")
