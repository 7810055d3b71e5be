"""What ``parcompute verify`` compares: all that two run directories hold, bit by bit."""

from __future__ import annotations

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

from parcompute.run import registry
from parcompute.verification.combinations import Combination
from parcompute.verification.compare import compare
from parcompute.verification.runs import Made, Workshop
from tests.unit.verified import USER, spec

SERIAL = Combination("numpy", "serial", 1)


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Made:
    """Return a run of heat2d."""
    run = spec(registry.find("heat2d"), shape=(6, 5), steps=4)
    return Workshop(tmp_path_factory.mktemp("runs")).make(run, SERIAL)


@pytest.fixture
def pair(reference, tmp_path) -> tuple[Made, Made]:
    """Return two copies of that run, to be changed."""
    copies = [shutil.copytree(reference.folder, tmp_path / name) for name in ("a", "b")]
    return replace(reference, folder=copies[0]), replace(reference, folder=copies[1])


def put(made: Made, name: str, place: object, value: object) -> None:
    with h5py.File(made.folder / "fields.h5", "r+") as file:
        file[name][place] = value


def test_equal_runs_are_the_same(pair):
    assert compare(*pair).is_same


NAN = np.array([0x7FF8000000000000, 0x7FF8000000000001], np.uint64).view(np.float64)


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), NAN, (1.0, 1.0 + 2**-52)])
def test_every_bit_of_a_field_counts(pair, one, other):
    for made, value in zip(pair, (one, other), strict=True):
        put(made, "u", (1, 3, 4), value)
        put(made, "u", (2, 5), value)
    [found] = compare(*pair).fields
    assert (found.field, found.step, found.previous, found.shape) == ("u", 2, 0, (6, 5))
    assert found.first == (3, 4)
    assert len(found.cells) == 1  # those of the first snapshot that differs
    assert (found.reference.tobytes(), found.value.tobytes()) == (
        np.float64(one).tobytes(),
        np.float64(other).tobytes(),
    )


def test_the_same_nan_is_the_same(pair):
    for made in pair:
        put(made, "u", (1, 3, 4), NAN[1])
    assert compare(*pair).is_same


def test_measures_are_compared_as_text(pair):
    file = pair[1].folder / "diagnostics.csv"
    lines = file.read_text().splitlines()
    step, *rest, last = lines[2].split(",")
    changed = repr(float(last) * (1 + 1e-15))
    file.write_text("\n".join([*lines[:2], ",".join([step, *rest, changed]), *lines[3:]]) + "\n")
    put(pair[1], "max", 1, float(changed))  # the file of the fields has them too
    [found] = compare(*pair).numbers
    assert (found.kind, found.what) == ("measure", "max at step 2")
    assert (found.reference, found.value) == (last, changed)
    assert 1e-16 < found.relative < 3e-15


def test_errors_against_the_exact_solution_are_compared(pair):
    assert pair[1].report is not None
    errors = {"u": {**pair[1].report.errors["u"], "rms": 0.25}}
    [found] = compare(
        pair[0], replace(pair[1], report=replace(pair[1].report, errors=errors))
    ).numbers
    assert (found.kind, found.what, found.value) == ("error", "rms error of u", "0.25")


def test_coordinates_are_compared(pair):
    put(pair[1], "y", 2, 7.0)
    [found] = compare(*pair).numbers
    assert (found.kind, found.what, found.value) == ("file", "y[2]", "7.0")


def test_particles_are_compared(tmp_path):
    run = spec(USER / "resumable.py", steps=4)
    made = Workshop(tmp_path).make(run, SERIAL)
    other = replace(made, folder=shutil.copytree(made.folder, tmp_path / "other"))
    put(other, "swarm_x", 10, 0.5)  # of nine in each of the outputs at the steps 0, 2, 4
    [found] = compare(made, other).numbers
    assert (found.kind, found.what, found.value) == ("file", "swarm_x[10] at step 2", "0.5")
