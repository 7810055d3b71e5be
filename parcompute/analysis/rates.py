"""How fast this machine copies memory and calculates, measured in a fraction of a second.

Kernels store a cache line only after they have loaded it (write-allocate), and so does the copy
that is timed here: ``-x`` with ordinary stores, where ``memcpy`` may pass by the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter

import numpy as np

from parcompute.native import IMPORTS, address
from parcompute.native.compiled import CompiledSource, function
from parcompute.native.threads import team

_LEAST, _MOST = 64 << 20, 256 << 20  # bytes of both arrays of the copy
_ROUNDS, _PATIENCE = 3, 0.12  # of a measurement at least, and seconds
_NUMBERS, _PAIRS, _TURNS = 128, 8, 40_000  # of the arithmetic
_CACHES = "/sys/devices/system/cpu/cpu0/cache"
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class CopyRate:
    """What a copy of arrays in memory has reached.

    Attributes
    ----------
    rate : float
        Bytes read and written per second; those that stores load are not counted.
    size : int
        Bytes of both arrays.
    threads : int
        Threads that copied.
    cache : int
        Bytes of the last cache, 0 where unknown.
    """

    rate: float
    size: int
    threads: int
    cache: int

    @property
    def traffic(self) -> float:
        """Bytes that memory moves per second: three for every two of `rate`."""
        return 1.5 * self.rate

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        text = (
            f"{self.rate / 1e9:.1f} GB/s, {self.traffic / 1e9:.1f} GB/s with write-allocate "
            f"({threads}, two arrays of {self.size >> 21} MiB)"
        )
        if self.cache >= self.size:
            text += f", in the last cache of {self.cache >> 20} MiB: memory may be slower"
        return text


def copy_rate(threads: int) -> CopyRate:
    """Measure the copy of arrays larger than the caches, but of 256 MiB at most."""
    cache = last_cache()
    size = min(max(4 * cache, _LEAST), _MOST)
    source, target = (np.ones(size // 16) for _ in range(2))
    pieces = np.linspace(0, source.size, 8 * threads + 1).astype(int)

    def work(thread: int, begin: int, end: int) -> None:
        cells = slice(pieces[begin], pieces[end])
        np.negative(source[cells], out=target[cells])

    seconds = _least(lambda: team(threads).run(work, 8 * threads))
    return CopyRate(2 * source.nbytes / seconds, size, threads, cache)


def last_cache() -> int:
    """Return the bytes of the largest cache, 0 where the system does not tell."""
    found = [0]
    for file in Path(_CACHES).glob("index*/size"):
        text = file.read_text().strip()
        if text[:-1].isdecimal():
            found.append(int(text[:-1]) * _UNITS.get(text[-1], 0))
    return max(found)


def arithmetic_rate(dtype: str, threads: int) -> float:
    """Measure the multiplications and additions per second of compiled code in the caches.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Type of the numbers.
    threads : int
        Threads that calculate.
    """
    kernel = _arithmetic(dtype)
    numbers = [np.ones(_NUMBERS, dtype) for _ in range(threads)]
    words = [np.array([address(x), _TURNS], np.int64) for x in numbers]

    def work(thread: int, begin: int, end: int) -> None:
        for turn in range(begin, end):
            kernel(address(words[turn]))

    seconds = _least(lambda: team(threads).run(work, threads))
    return threads * _TURNS * _NUMBERS * 2 * _PAIRS / seconds


@lru_cache
def _arithmetic(dtype: str) -> Callable[[int], None]:
    """Return ``x = x * a + b``, again and again, for numbers that stay near 1."""
    return function(CompiledSource(f"arithmetic_{dtype}", arithmetic_source(dtype)))


def arithmetic_source(dtype: str) -> str:
    """Return the source of the arithmetic: `_PAIRS` dependent pairs for each number and turn."""
    pairs = "\n".join(["            v = v * factor + summand"] * _PAIRS)
    return f"""{IMPORTS}


@njit
def kernel(a):
    x, turns = at_{dtype}(a[0]), u64(a[1])
    factor, summand = np.{dtype}(0.75), np.{dtype}(0.25)
    for turn in range(turns):
        for j in range(u64({_NUMBERS})):
            v = x[j]
{pairs}
            x[j] = v
    return
"""


def _least(function: Callable[[], None]) -> float:
    """Return the seconds of the fastest call."""
    times: list[float] = []
    while len(times) < _ROUNDS or sum(times) < _PATIENCE:
        begin = perf_counter()
        function()
        times.append(perf_counter() - begin)
    return min(times)
