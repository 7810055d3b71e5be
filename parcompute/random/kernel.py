"""Random numbers in machine code: read as text and compiled together with `formulas`, not imported.

Words are drawn to the places of the results, some at a time, and turned into the distribution there
while they are in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parcompute.native.arithmetic import product
from parcompute.native.pointers import at_float64, at_int64, at_uint64
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

u64 = np.uint64
SOME = 1024  # results: 8 KiB


def kernel(a: Any) -> None:
    """Draw numbers; the words are those of `compiled.draw`, the law its number in `LAWS`."""
    law, out, cells, width = a[0], a[1], u64(a[2]), u64(a[3])
    starts, length = at_uint64(a[4]), u64(a[5])
    stream = u64(a[6]), u64(a[7]), u64(a[8]), u64(a[9])
    span = u64(a[10])
    cells_at_once = max(u64(SOME) // width, u64(1))
    begin = u64(0)
    while begin < cells:
        end = min(begin + cells_at_once, cells)
        for component in range(width):
            fill(at_uint64(out), begin, end, width, component, starts, length, stream)
        place, count = out + np.int64(8 * begin * width), (end - begin) * width
        if law == 1:
            to_uniform(at_uint64(place), at_float64(place), count)
        elif law == 2:
            to_normal(at_int64(place), at_float64(place), count)
        elif law == 3:
            to_exponential(at_uint64(place), at_float64(place), count)
        elif law == 4:
            to_integers(at_uint64(place), count, begin, width, starts, length, stream, span)
        begin = end


def fill(
    out: Any,
    begin: Any,
    end: Any,
    width: Any,
    component: Any,
    starts: Any,
    length: Any,
    stream: Any,
) -> None:
    """Put the words of one component in the place of the results of some cells."""
    if length == u64(1):
        fill_scattered(out, begin, end, width, component, starts, stream)
        return
    run = begin // length
    offset = begin - run * length
    while begin < end:
        count = min(length - offset, end - begin)
        fill_run(out, begin * width, width, component, starts[run] + offset, count, stream)
        begin += count
        run += u64(1)
        offset = u64(0)


def fill_run(
    out: Any, place: Any, width: Any, component: Any, index: Any, count: Any, stream: Any
) -> None:
    """Put the words of consecutive indices to places `width` apart."""
    place += component
    end = index + count
    while index != end and index & u64(3):
        out[place] = word_of(index, component, u64(0), stream)
        place += width
        index += u64(1)
    for _ in range((end - index) >> u64(2)):
        x0, x1, x2, x3 = philox(index, component, u64(0), stream)
        out[place] = x0
        out[place + width] = x1
        out[place + u64(2) * width] = x2
        out[place + u64(3) * width] = x3
        place += u64(4) * width
        index += u64(4)
    while index != end:
        out[place] = word_of(index, component, u64(0), stream)
        place += width
        index += u64(1)


def fill_scattered(
    out: Any, begin: Any, end: Any, width: Any, component: Any, indices: Any, stream: Any
) -> None:
    """Put the words of single indices; neighbours in a block share the work."""
    block = ~u64(0)
    x0, x1, x2, x3 = u64(0), u64(0), u64(0), u64(0)
    for i in range(begin, end):
        index = indices[i]
        if index >> u64(2) != block:
            block = index >> u64(2)
            x0, x1, x2, x3 = philox(index, component, u64(0), stream)
        out[i * width + component] = lane(index, x0, x1, x2, x3)


def philox(index: Any, component: Any, attempt: Any, stream: Any) -> Any:
    """Return the four words of the block of an index: Philox4x64-10 (Salmon et al., SC'11)."""
    k0, k1, step, kind = stream
    x0, x1, x2, x3 = (index >> u64(2)) + u64(1), component, step, kind + attempt
    for _ in range(10):
        high0, low0 = product(u64(0xD2E7470EE14C6C93), x0)
        high1, low1 = product(u64(0xCA5A826395121157), x2)
        x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
        k0, k1 = k0 + u64(0x9E3779B97F4A7C15), k1 + u64(0xBB67AE8584CAA73B)
    return x0, x1, x2, x3


def lane(index: Any, x0: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """Return the word of a block that belongs to an index."""
    low = x1 if index & u64(1) else x0
    high = x3 if index & u64(1) else x2
    return high if index & u64(2) else low


def word_of(index: Any, component: Any, attempt: Any, stream: Any) -> Any:
    """Return the word of an index."""
    x0, x1, x2, x3 = philox(index, component, attempt, stream)
    return lane(index, x0, x1, x2, x3)


def to_uniform(words: Any, out: Any, count: Any) -> None:
    """Turn words into uniform numbers."""
    for i in range(count):
        out[i] = uniform_of(words[i])


def to_exponential(words: Any, out: Any, count: Any) -> None:
    """Turn words into exponential numbers."""
    for i in range(count):
        out[i] = exponential_of(words[i])


def to_normal(words: Any, out: Any, count: Any) -> None:
    """Turn words into normal numbers."""
    for i in range(count):
        word = words[i]
        z = magnitude_of(tail_of(word))
        out[i] = z if word < 0 else -z


def magnitude_of(tail: Any) -> Any:
    """Return the normal number that is exceeded with a probability of at most 1/2."""
    q = 0.5 - tail
    if q <= CENTRE:
        return central_quantile(q)
    d = distance(tail)
    return near_quantile(d) if d <= 5.0 else far_quantile(d)


def to_integers(
    out: Any, count: Any, begin: Any, width: Any, starts: Any, length: Any, stream: Any, span: Any
) -> None:
    """Turn the words of cells from `begin` on into whole numbers below `span` (Lemire 2019)."""
    threshold = (u64(0) - span) % span
    for i in range(count):
        high, low = product(span, out[i])
        attempt = u64(0)
        while low < threshold:  # this word favours some whole numbers
            attempt += u64(1)
            cell = begin + i // width
            index = starts[cell // length] + cell % length
            high, low = product(span, word_of(index, i % width, attempt, stream))
        out[i] = high
