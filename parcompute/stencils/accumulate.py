"""Source of what kernels do with rows: reductions (see `fused`), stores past the cache."""

from __future__ import annotations

from parcompute.reductions.source import EXACT_ADD


def _stream(dtype: str) -> str:
    """Return the function that moves a row to memory without filling the cache with it.

    An ordinary store loads the line first: 24 bytes are moved instead of 16 where one array is
    read and one written.
    """
    size = {"float32": 4, "float64": 8}[dtype]
    line = 64 // size
    return f"""\
@njit
def stream_{dtype}(to, first, row, begin, count, base):
    j = u64(0)
    skip = (u64(64) - (base + first * u64({size})) % u64(64)) % u64(64) // u64({size})
    for j in range(min(skip, count)):
        to[first + j] = row[begin + j]
    j = min(skip, count)
    while j + u64({line}) <= count:
        copy_line_{dtype}(to, first + j, row, begin + j)
        j += u64({line})
    for k in range(j, count):
        to[first + k] = row[begin + k]"""


STREAM = {f"stream_{dtype}": _stream(dtype) for dtype in ("float32", "float64")}
ACCUMULATE = {
    "accumulate_max": """\
@njit
def accumulate_max(row, number, count, sums):
    found = at_float64(sums[number])
    largest = found[0]
    for j in range(number * count, number * count + count):
        value = row[j]
        if value > largest or value != value:
            largest = value
        if largest != largest:
            break
    found[0] = largest""",
    "accumulate_min": """\
@njit
def accumulate_min(row, number, count, sums):
    found = at_float64(sums[number])
    least = found[0]
    for j in range(number * count, number * count + count):
        value = row[j]
        if value < least or value != value:
            least = value
        if least != least:
            break
    found[0] = least""",
    "accumulate_sum": f"""\
{EXACT_ADD}


@njit
def accumulate_sum(row, number, count, sums):
    exact_add(row, number * count, count, at_int64(sums[number]))""",
}
