"""What ranks reduce: all reductions of plain arrays and fields, on both engines."""

from __future__ import annotations

import numpy as np

import parcompute as pc
from parcompute import reductions
from parcompute.decomposition import block
from parcompute.settings import Settings, use

_SIZE = 50_000  # long enough for machine code on one rank, too short on five


def arrays():
    """Yield arrays whose sums cancel, with numbers of all sizes, of several types."""
    rng = np.random.default_rng(11)
    values = rng.normal(size=_SIZE) * 2.0 ** rng.integers(-40, 40, _SIZE)
    values[::2] = -values[1::2] * (1 + 2.0**-30)
    yield values
    yield values.astype(np.float32)
    yield (values * 1000).astype(np.int64)
    yield values + 1j * values[::-1]
    special = values.copy()
    special[[7, 40_000]] = np.inf, -np.inf
    yield special
    yield np.full(_SIZE, -0.0)


def everything(comm):
    """Return all reductions as bytes, for each engine."""
    return [_reduced(comm, engine) for engine in ("numba", "numpy")]


def _reduced(comm, engine):
    begin, end = block(comm.Get_rank(), comm.Get_size(), _SIZE)
    found = []
    with use(Settings(engine, threads=1 + comm.Get_rank() % 2)), np.errstate(invalid="ignore"):
        for whole in arrays():
            array = whole[begin:end]
            found += [reductions.total(comm, array), reductions.mean(comm, array)]
            found += [reductions.norm(comm, array), reductions.norm(comm, array, 1)]
            found.append(reductions.dot(comm, array, array[::-1][::-1]))
            if not np.iscomplexobj(array):
                found += [reductions.variance(comm, array), *reductions.moments(comm, array)]
                found += [reductions.argmin(comm, array), reductions.argmax(comm, array)]
                counts, edges = reductions.histogram(comm, array, 7, (-5.0, 5.0))
                found += [*counts, *edges]
        found += _of_a_field(comm)
    return np.array(found, complex).tobytes()


def _of_a_field(comm):
    u = pc.Grid((23, 31), comm=comm).field("u", halo=1)
    v = u.grid.field("v")
    u.fill(lambda y, x: np.round(8 * np.sin(y) * np.cos(x)))
    v.fill(lambda y, x: 1.0 / (1.0 + x * y))
    counts, edges = u.histogram(5)
    return [
        *(u.sum(), u.mean(), u.norm(), u.norm(1), u.dot(v), u.variance(ddof=1), *v.moments()),
        *(*counts, *edges, *u.argmin(), *u.argmax(), *v.argmin(), *v.argmax()),
    ]
