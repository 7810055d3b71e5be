"""What a stencil function may say, and what is said when it says something else."""

from __future__ import annotations

import functools
import itertools
import math
import re

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from tests.helpers import ROOT
from tests.unit import kernels

OUTSIDE = {
    "pc": pc,
    "np": np,
    "math": math,
    "LIST": [1.0],
    "STEPS": np.array([[0, 1], [1, 0]]),
    "MODE": "up",
    "where": pc.where,
    "lam": lambda x: x,
    "diffuse": kernels.diffuse,
    "mask": 3,
    "forever": itertools.count(),
}
HELPERS = """

def again(x):
    return again(x) + 1

def lost(x):
    y = x
    return y + unknown

def scaled(x, by=2.0):
    x = x * by
    return x

def pairs(f):
    inner = f[0], f[1]
    return inner, 1

def laplace(f, width):
    total = -2 * f[0]
    for side in (-width, width):
        total += f[side]
    return total
"""


def compiled(tmp_path, source):
    """Return the stencil of the one function in `source`, written to a file."""
    path = tmp_path / "written.py"
    path.write_text(source + HELPERS)
    names = dict(OUTSIDE)
    exec(compile(path.read_text(), str(path), "exec"), names)
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
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_radius_and_corners_are_read_from_the_offsets(stencil, radius, corners):
    assert (stencil.formula.radius, stencil.corners) == (radius, corners)


def test_parameters_results_and_documentation():
    assert kernels.react.field_names == ("a", "b")
    assert kernels.react.scalar_names == ("f", "k")
    assert (kernels.react.outputs, kernels.diffuse.outputs) == (2, 1)
    assert kernels.react.__doc__ == "Gray-Scott: both fields are read at neighbours."


def check_place(error, tmp_path, line, role="in stencil 'f'"):
    assert str(error.value).startswith(f"{tmp_path / 'written.py'}:{line}: {role}: ")
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("def f():\n    return 1.0", 1, "parameters must be fields"),
        ("def f(*u):\n    return u[0]", 1, "parameters must be fields"),
        ("def f(u, **r):\n    return u[0]", 1, "parameters must be fields"),
        ("def f(u, v=1):\n    return u[0]", 1, "parameters must be fields"),
        ("def f(u, *, r=1):\n    return u[0]", 1, "scalars have no defaults"),
        ("def f(u):\n    return 1.0", 1, "no field is read"),
        ("def f(u):\n    a = u[0]", 1, "must return the new value"),
        ("def f(u):\n    return", 2, "must return the new value"),
        ("def f(u):\n    return u", 2, r"write u\[0, 0\]"),
        ("def f(u):\n    return u[0] + u", 2, r"write u\[0\]"),
        ("def f(u):\n    return 'x'", 2, "must return numbers"),
        ("def f(u):\n    u = 1\n    return u[0]", 2, "the parameter 'u' cannot be assigned"),
        ("def f(u, *, r):\n    r = 1\n    return u[0]", 2, "the parameter 'r' cannot be assigned"),
        ("def f(u):\n    u[0, 1] = 1\n    return u[0, 0]", 2, "a cell is not assigned: return its"),
        ("def f(u):\n    u[0] += 1\n    return u[0]", 2, "a cell is not assigned: return its"),
        ("def f(u):\n    a.b = 1\n    return u[0]", 2, "'a.b' cannot be assigned"),
        ("def f(u):\n    a, b = u[0]\n    return a", 2, "2 names for one value"),
        ("def f(u):\n    a, b = 1, 2, 3\n    return u[0]", 2, "2 names for 3 values"),
        ("def f(u):\n    while True:\n        pass\n    return u[0]", 2, "only assignments"),
        ("def f(u):\n    import os\n    return u[0]", 2, "only assignments"),
        # offsets
        ("def f(u, *, r):\n    return u[0] * r[0]", 2, "'r' is not a field"),
        ("def f(u, *, r):\n    return u[r]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[u[0]]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[0.5]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[True]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[0:1]", 2, "offsets must be constant"),
        ("def f(u):\n    return u[0, 0] + u[0]", 2, "has 1 offsets, the reads before it have 2"),
        (
            "def f(u):\n    return u[0] + pc.index(1)",
            2,
            r"pc.index\(1\) of fields that have 1 axes",
        ),
        ("def f(u):\n    return u[0] + pc.index(-1)", 2, "the axis must be a constant from 0 on"),
        ("def f(u):\n    return u[0] + pc.position(u[0])", 2, "the axis must be a constant"),
        # names and values
        ("def f(u):\n    return u[0] + missing", 2, "'missing' is neither"),
        ("def f(u):\n    return a + u[0]\n    a = 1", 2, "'a' has no value yet"),
        ("def f(u):\n    return u[0] + pc", 2, "'pc' is not a number, but of type module"),
        ("def f(u):\n    return u[0] + 'x'", 2, "is not a number, but of type str"),
        ("def f(u):\n    return u[0] + LIST", 2, "is not a number, but of type list"),
        ("def f(u):\n    return u[0] + LIST[1]", 2, r"'LIST\[1\]': list index out of range"),
        ("def f(u):\n    return u[0] + 1 / 0", 2, "'1 / 0': division by zero"),
        ("def f(u):\n    return u[0] + math.sqrt(-1)", 2, "math domain error"),
        ("def f(u):\n    return u[0].real", 2, "not part of the stencil language"),
        ("def f(u):\n    return u[0] is None", 2, "not part"),
        ("def f(u):\n    return u[0] @ u[1]", 2, "not part"),
        # calls
        ("def f(u):\n    return np.arcsin(u[0])", 2, "not part"),
        ("def f(u):\n    return np.nothing(u[0])", 2, "not part"),
        ("def f(u):\n    return np.sqrt(u[0], u[0])", 2, "sqrt takes 1 argument"),
        ("def f(u):\n    return np.sqrt(x=u[0])", 2, "not part"),
        ("def f(u):\n    return min(u[0])", 2, "min takes 2 arguments"),
        ("def f(u):\n    return scaled(u[0], 1, 2)", 2, "scaled: too many positional arguments"),
        ("def f(u):\n    return scaled(u[0], to=2)", 2, "unexpected keyword argument 'to'"),
        ("def f(u):\n    return diffuse(u)", 2, "'diffuse' is a stencil; call a function without"),
        ("def f(u):\n    return range(u[0])", 2, r"'range\(u\[0\]\)' must be of constants"),
        # conditions and loops
        ("def f(u):\n    return sum(u[k] for k in range(3) if k)", 2, "is not part of the stencil"),
        ("def f(u):\n    return sum(k for k in u[0])", 2, "is not part of the stencil language"),
        ("def f(u):\n    return sum(a for a, b in (1, 2)) * u[0]", 2, "is not part of the stencil"),
        ("def f(u):\n    a = [(1, 2)]\n    return u[0], a", 3, "must return numbers"),
        ("def f(u):\n    a = zip((1, 2), (3,), strict=True)\n    return u[0]", 2, "is shorter"),
        ("def f(u):\n    if u:\n        return u[0]\n    return 1", 2, "'u' is not a condition"),
        (
            "def f(u):\n    if u[0] > 1:\n        a = 1\n    return a * u[0]",
            4,
            "'a' has no value yet, or not on every way",
        ),
        (
            "def f(u):\n    if u[0] > 1:\n        return u[0]",
            2,
            "each way through it must return a new value",
        ),
        (
            "def f(u):\n    if u[0] > 1:\n        return u[0], u[1]\n    return u[0]",
            2,
            "as many values, got 2 and 1",
        ),
        (
            "def f(u):\n    if u[0] > 1:\n        a = LIST\n    else:\n        a = 1\n    return 1",
            2,
            "only numbers may depend on a condition",
        ),
        ("def f(u):\n    for k in u[0]:\n        pass\n    return u[0]", 2, "over constants"),
        ("def f(u, *, n):\n    for k in range(n):\n        pass\n    return u[0]", 2, "constants"),
        (
            "def f(u):\n    for k in forever:\n        pass\n    return u[0]",
            2,
            "1000 turns at most",
        ),
        (
            "def f(u):\n    for k in 1, 2:\n        return u[0]",
            2,
            "cannot return, break or continue",
        ),
        # reductions
        ("def f(u):\n    return pc.reduce_max(u[0]), u[0]", 1, "values of fields first"),
        ("def f(u):\n    return u[0] + pc.reduce_max(u[0])", 2, "a reduction can only be returned"),
    ],
)
def test_errors_name_file_and_line(tmp_path, source, line, message):
    with pytest.raises(pc.StencilError, match=message) as raised:
        compiled(tmp_path, source)
    check_place(raised, tmp_path, line)


@pytest.mark.parametrize(
    ("call", "line", "function", "message"),
    [
        ("again(u[0])", 4, "again", "functions call each other without end"),
        ("lost(u[0])", 9, "lost", "'unknown' is neither"),
    ],
)
def test_errors_in_helper_functions_name_their_lines(tmp_path, call, line, function, message):
    with pytest.raises(pc.StencilError, match=message) as raised:
        compiled(tmp_path, f"def f(u):\n    return {call}")
    check_place(raised, tmp_path, line, f"in helper function '{function}'")


REAL, WHOLE, SMALL, YES = "float64", "int64", "uint8", "bool"


@pytest.mark.parametrize(
    ("source", "dtype", "line", "message"),
    [
        (
            "def f(u):\n    return 1 if u[0] else 2",
            REAL,
            2,
            r"'u\[0\]' is a number, and a condition",
        ),
        (
            "def f(u):\n    return where(u[0], 1, 2)",
            REAL,
            2,
            "is a number, and a condition is needed",
        ),
        (
            "def f(u):\n    return 1 if u[0] and u[1] else 2",
            REAL,
            2,
            "is a number, and a condition",
        ),
        (
            "def f(u):\n    a = u[0]\n    return 1 if not a else 2",
            REAL,
            3,
            "is a number, and a cond",
        ),
        (
            "def f(u):\n    if u[0]:\n        return 1\n    return 2",
            REAL,
            2,
            "is a number, and a cond",
        ),
        (
            "def f(u):\n    return u[0] > 1",
            REAL,
            2,
            r"condition, and field 'u' is float64: write wher",
        ),
        ("def f(u):\n    return u[0] + (u[0] > 1)", REAL, 2, r"write where\(u\[0\] > 1, 1, 0\)"),
        (
            "def f(u):\n    hot = u[0] > 1\n    return -hot",
            REAL,
            3,
            "a condition, and a number is need",
        ),
        (
            "def f(u):\n    return u[0] + 1",
            YES,
            2,
            r"'u\[0\]' is a condition, and a number is needed",
        ),
        ("def f(u):\n    a = u[0]\n    return 1", YES, 3, "'1' is a number, and field 'u' is bool"),
        ("def f(u):\n    return u[0], pc.reduce_sum(u[0])", YES, 2, "a condition, and a number"),
        ("def f(u):\n    return u[0] // 2", REAL, 2, "// and % are for whole numbers"),
        ("def f(u):\n    return u[0] & 1", REAL, 2, "bits are of whole numbers and conditions"),
        ("def f(u):\n    return u[0] << u[1]", WHOLE, 2, "shifted by a constant from 0 to 63"),
        ("def f(u):\n    return u[0] << 8", SMALL, 2, "shifted by a constant from 0 to 7"),
        ("def f(u):\n    return u[0] << 1.0", SMALL, 2, "shifted by a constant"),
        ("def f(u):\n    return u[0] ** -1", WHOLE, 2, "takes a constant from 0 on"),
        ("def f(u):\n    return u[0] ** u[1]", WHOLE, 2, "takes a constant from 0 on"),
        ("def f(u):\n    a = u[0]\n    return a + 256", SMALL, 3, "256 does not fit into uint8"),
        ("def f(u):\n    return u[0] * -1", SMALL, 2, "-1 does not fit into uint8"),
        ("def f(u):\n    a = u[0]\n    return 300", SMALL, 3, "300 does not fit into uint8"),
        ("def f(u):\n    return u[0] + 2**63", WHOLE, 2, "does not fit into int64"),
        ("def f(u):\n    return u[0] * 1e39", "float32", 2, r"1e\+39 does not fit into float32"),
        ("def f(u):\n    return np.uint64(u[0]) < u[1]", WHOLE, 2, "compares uint64 with signed"),
        (
            "def f(u):\n    return u[0] / 2",
            WHOLE,
            2,
            r"is float64 and the field is int64, which would",
        ),
        (
            "def f(u):\n    return u[0] * 1.5",
            SMALL,
            2,
            r"write np.uint8\(…\) around it, or give the",
        ),
        ("def f(u):\n    return np.float64(u[0])", "float32", 2, "give the field dtype=float64"),
        ("def f(u):\n    return int(u[0])", SMALL, 2, "is int64 and the field is uint8"),
    ],
)
def test_errors_of_types_come_when_a_stencil_is_first_applied(
    tmp_path, source, dtype, line, message
):
    stencil = compiled(tmp_path, source)
    with pytest.raises(pc.StencilError, match=message) as raised:
        stencil.on(field(shape=(8,), dtype=dtype, boundary=pc.Reflecting()))
    check_place(raised, tmp_path, line)


def computed(stencil):
    """Return what a stencil computes of the numbers 1, 2, 3, 4 with 1 beyond the walls."""
    u = field(shape=(4,), halo=4, boundary=pc.Fixed(1.0))
    u.owned[...] = [1.0, 2.0, 3.0, 4.0]
    with use(Settings(engine="numpy")):
        stencil(u)
    return u.owned.tolist()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("i = 1; return u[i]", [2, 3, 4, 1]),
        ("return u[int(2.5) - 1] + 0 * u[STEPS[0, 1]]", [2, 3, 4, 1]),
        ("a = b = u[0]; a += b; return a", [2, 4, 6, 8]),
        ("a, (b, c) = u[0], (2, 3); return a * b * c", [6, 12, 18, 24]),
        ("return [u[0] + LIST[0]]", [2, 3, 4, 5]),
        ("return u[0] * (np.pi / math.pi)", [1, 2, 3, 4]),
        ("return u[0] ** 2 + u[0] ** 3", [2, 12, 36, 80]),
        ("return 1 if 1 < u[0] <= 3 else 0", [0, 1, 1, 0]),
        ("return sum([u[0], u[1]]) + max((u[0], 3)) - sum(LIST)", [5, 7, 9, 8]),
        ("return u[0] if MODE == 'up' else u[1]", [1, 2, 3, 4]),
        ("return u[0] if mask > 5 and LIST[mask] else u[1]", [2, 3, 4, 1]),
        ("return float('inf') if u[0] > math.inf else u[0]", [1, 2, 3, 4]),
        ("a, b = (u[0], 1) if u[0] > 2 else (2, u[1]); return a * b", [4, 6, 3, 4]),
        # helper functions
        ("return scaled(u[0]) + scaled(by=3, x=u[0])", [5, 10, 15, 20]),
        ("return laplace(u, 1) + 0 * laplace(u, 2)", [1, 0, 0, -4]),
        ("return scaled(*(u[0], 2))", [2, 4, 6, 8]),
        # loops
        ("a = 0\n    for k in range(1, 4):\n        a += k * u[0]\n    return a", [6, 12, 18, 24]),
        (
            "a = 0\n    for k, w in enumerate([2, 3]):\n        a += w * u[k]\n    return a",
            [8, 13, 18, 11],
        ),
        (
            "a = 0\n    for k, w in zip((0, 1), (2, 3)):\n        a += w * u[k]\n    return a",
            [8, 13, 18, 11],
        ),
        (
            "a = 0\n    for y, x in STEPS:\n        a += u[y] - u[x]\n    return a + u[0]",
            [1, 2, 3, 4],
        ),
        (
            "a = 0\n    for k in range(300):\n        a += u[0] * k\n    return a / 44850",
            [1, 2, 3, 4],
        ),
        ("return sum(k * u[0] for k in range(4))", [6, 12, 18, 24]),
        ("a, b = [u[k] for k in (0, 1)]; k = 2; return a + k * b", [5, 8, 11, 6]),
        ("return sum(w * u[k] for k, w in enumerate([2, 3]))", [8, 13, 18, 11]),
        ("return sum([a - b for a, b in zip((u[0], u[1]), (1, 2), strict=True)])", [0, 2, 4, 2]),
        ("return sum([mask * u[0] for mask in (1, 2)]) + 0 * mask", [3, 6, 9, 12]),
        ("(a, b), c = pairs(u); return a + 10 * b + 100 * c", [121, 132, 143, 114]),
        # if
        (
            "if u[0] > 2:\n        a = 1\n    elif u[0] > 1:\n        a = 2\n    else:\n"
            "        a = 3\n    return a",
            [3, 2, 1, 1],
        ),
        (
            "if u[0] > 3:\n        return 0\n    a = u[0]\n    if a > 1:\n        if a > 2:\n"
            "            return 7\n        a = 8\n    return a",
            [1, 8, 7, 0],
        ),
        ("if mask:\n        if u[0] > 2:\n            return 5\n    return 6", [6, 6, 5, 5]),
        ("if MODE == 'down':\n        return u[1]\n    return -u[0]", [-1, -2, -3, -4]),
    ],
)
def test_what_the_language_says(tmp_path, body, expected):
    assert computed(compiled(tmp_path, f"def f(u):\n    {body}")) == expected


def test_signs_of_zero_survive_a_choice(tmp_path):
    source = (
        "def f(u):\n    if u[0] > 2:\n        a = 0.0\n    else:\n        a = -0.0\n    return a"
    )
    assert np.signbit(computed(compiled(tmp_path, source))).tolist() == [True, True, False, False]


def test_a_lambda_is_no_stencil():
    with pytest.raises(pc.StencilError, match=r"test_stencil_language\.py:\d+: .* def function"):
        pc.stencil(lambda u: u[0])


def test_a_lambda_is_no_helper_function(tmp_path):
    with pytest.raises(
        pc.StencilError, match=r"\.py:\d+: a helper function must be a def function"
    ):
        compiled(tmp_path, "def f(u):\n    return lam(u[0])")


@pytest.mark.parametrize("thing", [functools.partial(max, 1), np.sqrt, 3])
def test_other_things_are_no_stencils(thing):
    with pytest.raises(pc.StencilError, match="made of a def function, got"):
        pc.stencil(thing)


def test_names_of_enclosing_functions_count():
    weight, offset = 3.0, -1

    @pc.stencil
    def shifted(u):
        return weight * u[offset]

    assert computed(shifted) == [3.0, 3.0, 6.0, 9.0]


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
    with pytest.raises(pc.StencilError, match="is float64 and the field is float32"):
        kernels.cross(u.grid.field("v", dtype=np.float32), u)
    with pytest.raises(pc.ConfigError, match=r"takes fields of type bool, int8.*got complex128"):
        kernels.diffuse(field(dtype=np.complex128), r=0.1)


def test_a_block_stencil_must_return_the_inner_cells():
    @pc.block_stencil(radius=1)
    def same(u):
        return u

    with pytest.raises(pc.StencilError, match=r"shape \(8, 8\) for blocks of shape \(10, 10\)"):
        same(field())


def test_the_examples_of_the_documentation(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "stencils.md").read_text(), re.S)
    path = tmp_path / "examples.py"
    path.write_text("\n".join(blocks))
    names = {}
    with use(Settings(engine="numpy")):
        exec(compile(path.read_text(), str(path), "exec"), names)
    assert names["change"] == pytest.approx(0.2 * 8 * np.sin(np.pi / 128) ** 2 * 0.9, rel=0.1)
    glider = names["grid"].field("glider", dtype=bool, boundary=pc.Fixed(False))
    glider[1:4, 1:4] = np.array([[0, 1, 0], [0, 0, 1], [1, 1, 1]], bool)
    names["life"](glider, sweeps=4)
    assert np.argwhere(glider[...]).tolist() == [[2, 3], [3, 4], [4, 2], [4, 3], [4, 4]]


def test_where_works_outside_stencils():
    assert pc.where(np.array([True, False]), 1.0, [2.0, 3.0]).tolist() == [1.0, 3.0]
