"""Source of what kernels do with rows: reductions (see `fused`), stores past the cache."""

from __future__ import annotations


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
    "accumulate_sum": """\
@njit
def accumulate_sum(row, number, count, sums):
    # exact: limbs of 32 bits, as whole numbers; see stencils/fused.py
    limbs = at_int64(sums[number])
    if limbs[70] + np.int64(count) > 1 << 29:
        carry = np.int64(0)
        for k in range(69):
            total = limbs[k] + carry
            limbs[k] = total & 0xFFFFFFFF
            carry = total >> 32
        limbs[69] += carry
        limbs[70] = 0
    limbs[70] += np.int64(count)
    for j in range(number * count, number * count + count):
        value = row[j]
        bits = np.float64(value).view(np.int64)
        exponent = (bits >> 52) & 2047
        mantissa = bits & 0xFFFFFFFFFFFFF
        if exponent == 2047:
            limbs[71 if mantissa else (72 if bits > 0 else 73)] = 1
            continue
        if exponent:
            mantissa |= 1 << 52
            exponent -= 1
        limb, shift = exponent >> 5, exponent & 31
        low = (mantissa & 0xFFFFFFFF) << shift
        high = (mantissa >> 32) << shift
        sign = np.int64(-1) if bits < 0 else np.int64(1)
        limbs[limb] += sign * (low & 0xFFFFFFFF)
        limbs[limb + 1] += sign * (((low >> 32) & 0x7FFFFFFF) + (high & 0xFFFFFFFF))
        limbs[limb + 2] += sign * (high >> 32)""",
}
