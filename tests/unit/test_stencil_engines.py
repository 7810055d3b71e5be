"""The numba and the numpy engine against a plain loop over cells, on one rank."""

from __future__ import annotations

import numpy as np
import pytest

import parcompute as pc
from parcompute.settings import Settings, use
from tests.unit import kernels
from tests.unit.kernels import assert_same_bits, by_loop, scalars

SHAPES = {1: (23,), 2: (7, 9), 3: (4, 5, 6)}
PERIODS = {1: (False,), 2: (True, False), 3: (False, True, False)}


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    with use(Settings(engine=request.param)):
        yield request.param


def fields_of(stencil, dtype=np.float64, seed=0, shape=None, extra=0):
    """Return a field of random numbers for each input; halos differ by `extra` from the radius."""
    ndim = stencil.formula.ndim
    grid = pc.Grid(shape or SHAPES[ndim], comm=pc.serial(), periods=PERIODS[ndim])
    rng = np.random.default_rng(seed)
    fields = []
    for k, radius in enumerate(stencil.radii(ndim)):
        halo = tuple(r + extra * (k + 1) for r in radius)
        wall = [pc.Dirichlet(0.5), pc.Neumann(1.0), pc.Reflecting()][k % 3]
        fields.append(grid.field(f"f{k}", dtype=dtype, halo=halo, boundary=wall))
        fields[-1].owned[...] = rng.normal(size=grid.shape_local)
    return fields


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stencil", [*kernels.ONE, *kernels.TWO, *kernels.THREE], ids=kernels.names)
def test_engines_do_what_python_does(stencil, dtype):
    fields = fields_of(stencil, dtype)
    for field in fields:
        field.exchange()
    expected = by_loop(stencil, fields, scalars(stencil))
    stencil(*fields, **scalars(stencil))
    for field, values in zip(fields, expected, strict=False):
        assert_same_bits(field.owned, values)


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("stencil", [kernels.cross, kernels.flux, kernels.box], ids=kernels.names)
@pytest.mark.usefixtures("engine")
def test_halos_of_other_widths_change_nothing(stencil, extra):
    narrow, roomy = fields_of(stencil), fields_of(stencil, extra=extra)
    for fields in (narrow, roomy):
        stencil(*fields, sweeps=3)
    assert_same_bits(narrow[0].owned, roomy[0].owned)


@pytest.mark.parametrize(
    "stencil", [kernels.diffuse, kernels.wave, kernels.react], ids=kernels.names
)
@pytest.mark.usefixtures("engine")
def test_n_sweeps_are_n_times_one(stencil):
    once, often = fields_of(stencil), fields_of(stencil)
    stencil(*once, sweeps=5, **scalars(stencil))
    for _ in range(5):
        stencil(*often, **scalars(stencil))
    for a, b in zip(once, often, strict=True):
        assert_same_bits(a.owned, b.owned)
    stencil(*once, sweeps=0, **scalars(stencil))
    assert_same_bits(once[0].owned, often[0].owned)


@pytest.mark.usefixtures("engine")
def test_out_takes_the_result_and_leaves_the_input():
    (u,), (v,) = fields_of(kernels.diffuse), fields_of(kernels.diffuse)
    w = u.grid.field("w", halo=2)
    before = u.owned.copy()
    kernels.diffuse(u, r=0.1, out=w)
    kernels.diffuse(v, r=0.1)
    np.testing.assert_array_equal(u.owned, before)
    assert_same_bits(w.owned, v.owned)
    kernels.diffuse(u, r=0.1, out=u)
    assert_same_bits(u.owned, v.owned)


@pytest.mark.usefixtures("engine")
def test_outputs_may_be_swapped():
    straight, crossed = fields_of(kernels.react), fields_of(kernels.react)
    kernels.react(*straight, f=0.03, k=0.06)
    kernels.react(*crossed, f=0.03, k=0.06, out=crossed[::-1])
    assert_same_bits(straight[0].owned, crossed[1].owned)
    assert_same_bits(straight[1].owned, crossed[0].owned)


@pytest.mark.usefixtures("engine")
def test_one_field_may_be_given_twice():
    (u,), (v,) = (fields_of(kernels.diffuse) for _ in range(2))
    copy = v.grid.field("copy", boundary=pc.Dirichlet(0.5))
    copy.owned[...] = v.owned
    kernels.cross(u, u)
    kernels.cross(v, copy)
    assert_same_bits(u.owned, v.owned)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (2, 3)])
def test_grids_of_few_cells(shape):
    (u,) = fields_of(kernels.box, shape=shape)
    u.exchange()
    (expected,) = by_loop(kernels.box, [u], {})
    kernels.box(u)
    assert_same_bits(u.owned, expected)


@pytest.mark.usefixtures("engine")
def test_extremes_of_zeros_and_nan():
    special = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0]
    pairs = np.array([(a, b) for a in special for b in special]).T
    grid = pc.Grid((36,), comm=pc.serial())
    u, v, *out = (grid.field(f"f{k}") for k in range(6))
    u[...], v[...] = pairs
    kernels.extremes(u, v, out=out)
    for field, values in zip(out, python_extremes(*pairs), strict=True):
        assert_same_bits(field.owned, values)


def python_extremes(u, v):
    """Return what Python's own min() and max() choose."""
    both = list(zip(u, v, strict=True))
    chosen = [min(a, b) for a, b in both], [max(a, b) for a, b in both]
    return [
        np.array(c) for c in (*chosen, [min(b, a) for a, b in both], [max(b, a) for a, b in both])
    ]


def test_block_stencil_equals_stencil():
    (u,), (v,) = fields_of(kernels.diffuse), fields_of(kernels.diffuse)
    kernels.diffuse(u, r=0.15, sweeps=4)
    kernels.diffuse_blocks(v, r=0.15, sweeps=4)
    assert_same_bits(u.owned, v.owned)


@pytest.mark.parametrize(("dtype", "bits"), [(np.float32, np.int32), (np.float64, np.int64)])
def test_elementary_functions_within_two_ulp(dtype, bits):
    grid = pc.Grid((200,), comm=pc.serial())
    results = []
    for name in ("numpy", "numba"):
        u = grid.field("u", dtype=dtype)
        u.owned[...] = np.linspace(0.01, 1.2, 200)
        with use(Settings(engine=name)):
            kernels.elementary(u)
        results.append(u.owned.copy())
    np.testing.assert_allclose(*results, rtol=16 * np.finfo(dtype).eps)  # of a sum of ten of them


def test_a_compiled_kernel_needs_only_the_names_of_its_formula():
    u, v = fields_of(kernels.out0)
    assert (kernels.out0.field_names, kernels.out0.scalar_names) == (("out0", "b_0"), ("x", "low"))
    kernels.out0(u, v, x=1.0, low=0.0)
