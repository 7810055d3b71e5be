"""The NumPy engine: the reference, and what draws small numbers of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcompute.random.draws import Draw
from parcompute.random.formulas import (
    CENTRE,
    central_quantile,
    distance,
    exponential_of,
    far_quantile,
    near_quantile,
    tail_of,
    uniform_of,
)
from parcompute.random.places import Places

Words = NDArray[np.uint64]
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(2**32 - 1)


def draw(what: Draw, places: Places) -> NDArray[Any]:
    """Return the numbers, shape (indices, components)."""
    numbers: NDArray[Any] = _words(what, places)
    if what.law == "uniform":
        numbers = uniform_of(numbers)
    elif what.law == "normal":
        numbers = _normal(numbers.view(np.int64))
    elif what.law == "exponential":
        numbers = exponential_of(numbers)
    elif what.law == "integers":
        numbers = _integers(what, places, numbers)
    return numbers


def _words(what: Draw, places: Places) -> Words:
    """Return the words of all blocks that the runs touch, without the words not asked for."""
    first, lane = np.divmod(places.starts, np.uint64(4))
    blocks = first[:, None] + np.arange((places.length + 6) // 4, dtype=np.uint64)
    drawn = [philox(what, blocks, component) for component in range(what.width)]
    words = np.stack(drawn, axis=-1).reshape(len(first), 4 * blocks.shape[1], what.width)
    lanes = lane.astype(np.int64)[:, None] + np.arange(places.length)
    return np.take_along_axis(words, lanes[:, :, None], axis=1).reshape(-1, what.width)


def philox(what: Draw, block: Words, component: Any, attempt: int = 0) -> Words:
    """Return the four words of each block, shape ``block.shape + (4,)``.

    Philox4x64-10 of J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11.
    """
    k0, k1 = what.keys
    x0 = block + np.uint64(1)  # NumPy's generator counts before it draws
    x1 = np.broadcast_to(np.asarray(component, np.uint64), block.shape)
    x2 = np.full(block.shape, what.step, np.uint64)
    x3 = np.full(block.shape, what.last + attempt, np.uint64)
    for _ in range(10):
        high0, low0 = product(0xD2E7470EE14C6C93, x0)
        high1, low1 = product(0xCA5A826395121157, x2)
        x0, x1, x2, x3 = high1 ^ x1 ^ np.uint64(k0), low1, high0 ^ x3 ^ np.uint64(k1), low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % 2**64, (k1 + 0xBB67AE8584CAA73B) % 2**64
    return np.stack((x0, x1, x2, x3), axis=-1)


def product(a: int, b: Words) -> tuple[Words, Words]:
    """Return the high and the low 64 bits of products."""
    high, low = (np.uint64(half) for half in divmod(a, 2**32))
    b_high, b_low = b >> _HALF, b & _LOW_HALF
    cross = high * b_low + ((low * b_low) >> _HALF)
    other = low * b_high + (cross & _LOW_HALF)
    return high * b_high + (cross >> _HALF) + (other >> _HALF), b * np.uint64(a)


def _normal(words: NDArray[np.int64]) -> NDArray[np.float64]:
    tail = tail_of(words)
    q = 0.5 - tail
    z: NDArray[np.float64] = central_quantile(q)
    outside = q > CENTRE
    d = distance(tail[outside])
    z[outside] = np.where(d <= 5.0, near_quantile(d), far_quantile(d))
    return np.where(words < 0, z, -z)


def _integers(what: Draw, places: Places, words: Words) -> Words:
    """Return whole numbers below ``what.span``; see `Stream.integers`."""
    high, low = product(what.span, words)
    attempt = 0
    while (rejected := np.nonzero(low < what.threshold))[0].size:
        attempt += 1
        cells, component = rejected
        block, lane = np.divmod(places.indices(cells), np.uint64(4))
        drawn = philox(what, block, component, attempt)
        again = np.take_along_axis(drawn, lane.astype(np.int64)[:, None], axis=1)[:, 0]
        high[rejected], low[rejected] = product(what.span, again)
    return high
