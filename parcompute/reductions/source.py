"""Source of the compiled exact sum, used by kernels of reductions and of stencils.

Numbers in cache, at most 2**11 at a time, are split by adding and subtracting a power of two: what
that leaves of them are multiples of one unit, whose sum is exact in float64 in any order, so that
many are added at once (Rump, Ogita & Oishi, "Accurate floating-point summation part I", SIAM J.
Sci. Comput. 31, 2008). What it takes off is split again with a power 2**42 times smaller, in the
same pass; the rest, mostly zeros, in further passes. Each such sum goes into the accumulator (see
`accumulator`). Products are split into two numbers by a fused multiply-add (Ogita, Rump & Oishi,
"Accurate sum and dot product", SIAM J. Sci. Comput. 26, 2005).
"""

from __future__ import annotations

from parcompute.native import IMPORTS
from parcompute.reductions.accumulator import (
    COUNT,
    LIMBS,
    MINUS_INFINITY,
    NANS,
    NONZERO,
    PENDING,
    PLUS_INFINITY,
)

LOG_CHUNK = 11
CHUNK = 1 << LOG_CHUNK  # numbers that are split at a time: two such buffers stay in the first cache
_HUGE = 1023 + 900  # exponent from which on the power of two might overflow
_MOST = 1 << 29  # additions of 32 bits to a word of 64, with as many bits to spare

EXACT_ADD = f"""\
@njit
def deposit(value, limbs):
    bits = np.float64(value).view(np.int64)
    exponent = (bits >> 52) & 2047
    mantissa = bits & 0xFFFFFFFFFFFFF
    if exponent == 2047:
        limbs[{NANS} if mantissa else ({PLUS_INFINITY} if bits > 0 else {MINUS_INFINITY})] += 1
        return
    if exponent:
        mantissa |= 1 << 52
        exponent -= 1
    limb, shift = exponent >> 5, exponent & 31
    low = (mantissa & 0xFFFFFFFF) << shift
    high = (mantissa >> 32) << shift
    sign = np.int64(-1) if bits < 0 else np.int64(1)
    limbs[limb] += sign * (low & 0xFFFFFFFF)
    limbs[limb + 1] += sign * (((low >> 32) & 0x7FFFFFFF) + (high & 0xFFFFFFFF))
    limbs[limb + 2] += sign * (high >> 32)


@njit
def make_room(count, limbs):
    if limbs[{PENDING}] + count > {_MOST}:
        carry = np.int64(0)
        for k in range({LIMBS - 1}):
            total = limbs[k] + carry
            limbs[k] = total & 0xFFFFFFFF
            carry = total >> 32
        limbs[{LIMBS - 1}] += carry
        limbs[{PENDING}] = 0
    limbs[{PENDING}] += count


@njit
def magnitude(values, first, count):
    largest = np.int64(0)
    for j in range(first, first + count):
        largest = max(largest, np.float64(values[j]).view(np.int64) & 0x7FFFFFFFFFFFFFFF)
    return largest


@njit
def power_of_two(exponent):
    return np.int64(max(exponent, 0) << 52).view(np.float64)


@njit
def split_add(values, first, count, largest, limbs):
    while largest:
        make_room(np.int64(2), limbs)
        exponent = max(largest >> 52, 1) + {1 + LOG_CHUNK}
        power = power_of_two(exponent)
        lower = power_of_two(exponent - {53 - LOG_CHUNK})
        total, further = 0.0, 0.0
        largest = np.int64(0)
        for j in range(first, first + count):
            value = values[j]
            leading = (value + power) - power
            value -= leading
            following = (value + lower) - lower
            value -= following
            total = in_any_order(total, leading)
            further = in_any_order(further, following)
            values[j] = value
            largest = max(largest, np.float64(value).view(np.int64) & 0x7FFFFFFFFFFFFFFF)
        deposit(total, limbs)
        deposit(further, limbs)


@njit
def note_zeros(values, first, count, limbs):
    for j in range(first, first + count):
        if np.float64(values[j]).view(np.int64) == 0:
            limbs[{NONZERO}] += 1
            return


@njit
def exact_add(values, first, count, limbs):
    # the values are used up
    limbs[{COUNT}] += np.int64(count)
    for start in range(first, first + count, u64({CHUNK})):
        size = min(u64({CHUNK}), first + count - start)
        largest = magnitude(values, start, size)
        if not largest:
            note_zeros(values, start, size, limbs)
        elif largest >> 52 < {_HUGE}:
            limbs[{NONZERO}] += 1
            split_add(values, start, size, largest, limbs)
        else:
            limbs[{NONZERO}] += 1
            make_room(np.int64(size), limbs)
            for j in range(start, start + size):
                deposit(values[j], limbs)"""
"""``exact_add(values, first, count, limbs)`` adds a row of float64 to an accumulator."""


def source(name: str, dtype: str) -> str:
    """Return the module with ``kernel(words)``, which adds up arrays of `dtype`.

    Parameters
    ----------
    name : {"sum", "absolute", "dot"}
        Whether the elements are added, their absolute values, or the products of two arrays.
    dtype : {"float32", "float64"}
        Of the arrays.
    """
    if name == "dot":
        kernel = [_PRODUCTS, _DOT.format(dtype=dtype, chunk=CHUNK)]
    else:
        value = "np.float64(f[o + x])" if name == "sum" else "abs(np.float64(f[o + x]))"
        kernel = [_SUM.format(dtype=dtype, value=value, chunk=CHUNK)]
    return "\n\n\n".join([IMPORTS, EXACT_ADD, *kernel]) + "\n"


_SUM = """\
@njit
def sweep(f, n0, n1, n2, s0, s1, chunk, limbs):
    held = u64(0)
    for i in range(n0):
        for k in range(n1):
            done, o = u64(0), i * s0 + k * s1
            while done < n2:
                size = min(n2 - done, u64({chunk}) - held)
                for x in range(size):
                    chunk[held + x] = {value}
                o += size
                done += size
                held += size
                if held == u64({chunk}):
                    exact_add(chunk, u64(0), held, limbs)
                    held = u64(0)
    exact_add(chunk, u64(0), held, limbs)


@njit
def kernel(a):
    sweep(
        at_{dtype}(a[0]),
        u64(a[1]),
        u64(a[2]),
        u64(a[3]),
        u64(a[4]),
        u64(a[5]),
        at_float64(a[6]),
        at_int64(a[7]),
    )"""
_PRODUCTS = f"""\
@njit
def add_products(high, low, count, limbs):
    if magnitude(high, u64(0), count) >> 52 < {_HUGE}:
        exact_add(high, u64(0), count, limbs)
        split_add(low, u64(0), count, magnitude(low, u64(0), count), limbs)
        return
    limbs[{COUNT}] += np.int64(count)
    for j in range(count):
        make_room(np.int64(2), limbs)
        limbs[{NONZERO}] += 1
        deposit(high[j], limbs)
        if high[j] - high[j] == 0.0:
            deposit(low[j], limbs)"""
_DOT = """\
@njit
def sweep(f, g, n0, n1, n2, s0, s1, t0, t1, high, low, limbs):
    held = u64(0)
    for i in range(n0):
        for k in range(n1):
            done, o, p = u64(0), i * s0 + k * s1, i * t0 + k * t1
            while done < n2:
                size = min(n2 - done, u64({chunk}) - held)
                for x in range(size):
                    one, other = np.float64(f[o + x]), np.float64(g[p + x])
                    product = one * other
                    high[held + x] = product
                    low[held + x] = fused(one, other, -product)
                o += size
                p += size
                done += size
                held += size
                if held == u64({chunk}):
                    add_products(high, low, held, limbs)
                    held = u64(0)
    add_products(high, low, held, limbs)


@njit
def kernel(a):
    sweep(
        at_{dtype}(a[0]),
        at_{dtype}(a[8]),
        u64(a[1]),
        u64(a[2]),
        u64(a[3]),
        u64(a[4]),
        u64(a[5]),
        u64(a[9]),
        u64(a[10]),
        at_float64(a[6]),
        at_float64(a[6] + {chunk} * 8),
        at_int64(a[7]),
    )"""
