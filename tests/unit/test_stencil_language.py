"""What a stencil function may say, and what is said when it says something else."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from tests.unit import kernels

OUTSIDE = {"pc": pc, "np": np, "LIST": [1.0], "where": pc.where, "sqrt": lambda x: x, "mask": 3}


def compiled(tmp_path, source):
    """Return the stencil of the one function in `source`, written to a file."""
    path = tmp_path / "written.py"
    path.write_text(source)
    names = dict(OUTSIDE)
    exec(compile(source, str(path), "exec"), names)
    return pc.stencil(names["f"])


@pytest.mark.parametrize(
    ("stencil", "radius", "corners"),
    [
        (kernels.upwind, {"u": (1,)}, False),
        (kernels.wide, {"u": (3,)}, False),
        (kernels.diffuse, {"u": (1, 1)}, False),
        (kernels.box, {"u": (1, 1)}, True),
        (kernels.lopsided, {"u": (2, 3)}, False),
        (kernels.wave, {"u": (1, 1), "before": (0, 0)}, False),
        (kernels.cross, {"u": (0, 1), "v": (1, 0)}, False),
        (kernels.flux, {"u": (0, 1), "k": (0, 1), "unused": (0, 0)}, False),
        (kernels.seven, {"u": (1, 1, 1)}, False),
        (kernels.diagonal, {"u": (1, 1, 1)}, True),
    ],
    ids=str,
)
def test_radius_and_corners_are_read_from_the_offsets(stencil, radius, corners):
    assert (stencil.formula.radius, stencil.corners) == (radius, corners)


def test_parameters_results_and_documentation():
    assert kernels.react.field_names == ("a", "b")
    assert kernels.react.scalar_names == ("f", "k")
    assert (kernels.react.outputs, kernels.diffuse.outputs) == (2, 1)
    assert kernels.react.__doc__ == "Gray-Scott: both fields are read at neighbours."
    assert kernels.box.formula.constants == {"WEIGHT": 0.3}


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("def f():\n    return 1.0", 1, "parameters must be fields"),
        ("def f(*u):\n    return u[0]", 1, "parameters must be fields"),
        ("def f(u, **r):\n    return u[0]", 1, "parameters must be fields"),
        ("def f(u, v=1):\n    return u[0]", 1, "parameters must be fields"),
        ("def f(u):\n    return 1.0", 1, "no field is read"),
        ("def f(u):\n    a = u[0]", 1, "must return the new value"),
        ("def f(u):\n    return", 2, "one return"),
        ("def f(u):\n    for i in range(3):\n        pass\n    return u[0]", 2, "only assignments"),
        ("def f(u):\n    a = 1\n    a += u[0]\n    return a", 3, "only assignments"),
        ("def f(u):\n    a, b = 1, 2\n    return u[0]", 2, "only assignments"),
        ("def f(u):\n    u = 1\n    return u[0]", 2, "the parameter 'u' cannot be assigned"),
        ("def f(u, *, r):\n    r = 1\n    return u[0]", 2, "the parameter 'r' cannot be assigned"),
        ("def f(u):\n    return u", 2, r"write u\[0, 0\]"),
        ("def f(u, *, r):\n    return u[0] * r[0]", 2, "'r' is not a field"),
        ("def f(u):\n    i = 1\n    return u[i]", 3, "offsets must be constant"),
        ("def f(u):\n    return u[0.5]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[True]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[0:1]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[0, 0] + u[0]", 2, "has 1 offsets, the reads before it have 2"),
        ("def f(u):\n    return u[0] ** 3", 2, r"only \*\*2"),
        ("def f(u):\n    return u[0] // 2", 2, "not part of the stencil language"),
        ("def f(u):\n    return 0 < u[0] < 1", 2, "is a condition"),
        ("def f(u):\n    return u[0] + 'x'", 2, "not part"),
        ("def f(u):\n    return u[0] + LIST[0]", 2, "'LIST' is not a field"),
        ("def f(u):\n    return u[0] + np.pi", 2, "not part"),
        ("def f(u):\n    return [u[0]]", 2, "not part"),
        ("def f(u):\n    return u[0] + missing", 2, "'missing' is neither"),
        ("def f(u):\n    return a + u[0]\n    a = 1", 2, "'a' is neither"),
        ("def f(u):\n    return u[0] + pc", 2, "'pc' is neither"),
        ("def f(u):\n    return np.arcsin(u[0])", 2, "not part"),
        ("def f(u):\n    return np.sqrt(u[0], u[0])", 2, "not part"),
        ("def f(u):\n    return np.sqrt(x=u[0])", 2, "not part"),
        ("def f(u):\n    return min(u[0])", 2, "not part"),
        ("def f(u):\n    return sqrt(u[0])", 2, "not part"),
        ("def f(u):\n    return where(u[0], 1, 2)", 2, r"'u\[0\]' is a number where a condition"),
        ("def f(u):\n    return 1 if u[0] else 2", 2, "is a number where a condition"),
        ("def f(u):\n    return 1 if u[0] and u[1] else 2", 2, "is a number where a condition"),
        ("def f(u):\n    return 1 if not u[0] else 2", 2, "is a number where a condition"),
        ("def f(u):\n    return u[0] > 1", 2, "is a condition, not a number"),
        ("def f(u):\n    return u[0] + (u[0] > 1)", 2, r"write where\(u\[0\] > 1, 1.0, 0.0\)"),
        ("def f(u):\n    hot = u[0] > 1\n    return 2 * hot", 3, "'hot' is a condition"),
    ],
)
def test_errors_name_file_and_line(tmp_path, source, line, message):
    with pytest.raises(pc.StencilError, match=message) as raised:
        compiled(tmp_path, source)
    assert str(raised.value).startswith(f"{tmp_path / 'written.py'}:{line}: in stencil 'f': ")
    assert raised.value.exit_code == 2


def test_a_lambda_is_no_stencil():
    with pytest.raises(pc.StencilError, match=r"test_stencil_language\.py:\d+: .* def function"):
        pc.stencil(lambda u: u[0])


def test_a_function_without_source_is_no_stencil():
    names = {}
    exec("def f(u):\n    return u[0]", names)
    with pytest.raises(pc.StencilError, match="source of stencil 'f' cannot be read"):
        pc.stencil(names["f"])


def test_conditions_have_names_too(tmp_path):
    stencil = compiled(
        tmp_path, "def f(u):\n    hot = u[0] > mask\n    return where(hot, u[0], -u[0])"
    )
    u = pc.Grid((4,), comm=pc.serial()).field("u")
    u[...] = [1.0, 5.0, 3.0, 4.0]
    stencil(u)
    assert u.owned.tolist() == [-1.0, 5.0, -3.0, 4.0]


def field(name="u", shape=(8, 8), **options):
    return pc.Grid(shape, comm=pc.serial()).field(name, **options)


def test_calls_must_suit_the_stencil():
    u = field()
    with pytest.raises(pc.ConfigError, match=r"takes 1 fields .* got 2"):
        kernels.diffuse(u, u, r=0.1)
    with pytest.raises(pc.ConfigError, match=r"takes the keywords \['r'\], got \[\]"):
        kernels.diffuse(u)
    with pytest.raises(pc.ConfigError, match=r"got \['r', 's'\]"):
        kernels.diffuse(u, r=0.1, s=0.1)
    with pytest.raises(pc.ConfigError, match="computes 2 fields, but 1 are given"):
        kernels.wave(u, u.grid.field("v"), c2=0.1, out=u)


def test_results_go_to_different_fields():
    u = field()
    v = u.grid.field("v")
    with pytest.raises(pc.ConfigError, match=r"\['v', 'v'\]: pass different fields"):
        kernels.wave(u, v, c2=0.1, out=(v, v))
    with pytest.raises(pc.ConfigError, match="pass different fields"):
        kernels.wave(u, u, c2=0.1)


def test_fields_must_suit_the_stencil():
    u = field()
    with pytest.raises(pc.ConfigError, match=r"up to \(3,\) cells away.*halo=3"):
        kernels.wide(field(shape=(8,), halo=2))
    with pytest.raises(pc.ConfigError, match="'diffuse' has 2 axes, field 'u' has 3"):
        kernels.diffuse(field(shape=(4, 4, 4)), r=0.1)
    with pytest.raises(pc.ConfigError, match="fields of one grid"):
        kernels.cross(u, field("v"))
    with pytest.raises(pc.ConfigError, match="fields of one grid"):
        kernels.diffuse(u, r=0.1, out=field("v"))
    with pytest.raises(pc.ConfigError, match=r"one type.*'float32', 'float64'"):
        kernels.cross(u, u.grid.field("v", dtype=np.float32))
    with pytest.raises(pc.ConfigError, match=r"one type.*'int64'"):
        kernels.diffuse(field(dtype=np.int64), r=0.1)


def test_a_block_stencil_must_return_the_inner_cells():
    @pc.block_stencil(radius=1)
    def same(u):
        return u

    with pytest.raises(pc.StencilError, match=r"shape \(8, 8\) for blocks of shape \(10, 10\)"):
        same(field())


def test_where_works_outside_stencils():
    assert pc.where(np.array([True, False]), 1.0, [2.0, 3.0]).tolist() == [1.0, 3.0]
