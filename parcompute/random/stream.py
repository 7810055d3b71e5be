"""A stream of random numbers: each has a place of its own, whoever draws it, and when."""

from __future__ import annotations

import operator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parcompute.box import Index
from parcompute.errors import ConfigError
from parcompute.random.draws import Draw
from parcompute.random.engines import draw
from parcompute.random.places import Where, places_of

_TOLERANCE = 1.5e-8  # of the sum of probabilities, as NumPy has it


@dataclass(frozen=True, slots=True)
class Stream:
    """Random numbers that depend on seed, name, step and global index alone.

    A stream has no state. A number is the same on any number of ranks, in any order of drawing,
    and after a restart; drawing it again gives it again. Change `step` for new ones.

    Parameters
    ----------
    seed : int
        Any whole number from 0 on.
    name : str
        What the numbers are for: streams of other names are independent.

    Raises
    ------
    ConfigError
        If the seed is no such number, or the name is empty or no string.

    Notes
    -----
    All methods take `where` first, the global indices:

    - a field or a grid: the cells of this rank, whose index counts the cells of the whole grid in
      row-major order; the result has the shape ``shape_local``;
    - a ``range``: for instance the samples of a Monte Carlo batch; shape (n,);
    - an array of whole numbers from 0 to 2**64 - 1, of any shape, such as the keys of particles.

    and, by name, `step`, a whole number from 0 to 2**64 - 1, and `size`, independent components of
    each index, which are trailing axes of the result.

    The words come from Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
    3", SC'11) with the key `key` and the counter ``[index // 4 + 1, component, step,
    kind * 2**32 + attempt]``; index i has the word ``i % 4`` of its block. The kinds are 0 uniform,
    1 normal, 2 exponential, 3 integers, 4 choice, 5 permutation.

    Examples
    --------
    >>> import numpy as np
    >>> stream = Stream(seed=7, name="noise")
    >>> numpys = np.random.Generator(np.random.Philox(key=stream.key, counter=[0, 0, 3, 0]))
    >>> bool((stream.uniform(range(1000), step=3) == numpys.random(1000)).all())
    True
    """

    seed: int
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", _whole("seed", self.seed))
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(
                f"The name of a random stream must be a string that is not empty, "
                f"got {self.name!r}."
            )

    @property
    def key(self) -> int:
        """The 128 bits that Philox is keyed with, made of seed and name."""
        return _key(self.seed, self.name)

    def bits(
        self, where: Where, *, step: int = 0, size: int | Index = ()
    ) -> NDArray[np.uint64] | Any:
        """Return the words that `uniform` is made of, as uint64."""
        return self._draw("bits", "uniform", where, step, size)[()]

    def uniform(
        self,
        where: Where,
        low: ArrayLike = 0.0,
        high: ArrayLike = 1.0,
        *,
        step: int = 0,
        size: int | Index = (),
    ) -> NDArray[np.float64] | Any:
        """Return uniform numbers: ``low + (high - low) x`` with x from 0 to 1 - 2**-53.

        Parameters
        ----------
        where, step, size
            See `Stream`.
        low, high : array_like
            Limits: numbers, or arrays that broadcast to the result.

        Raises
        ------
        ConfigError
            If an argument cannot be used; the same for the other methods.
        """
        x = self._draw("uniform", "uniform", where, step, size)
        low, high = _parameter("low", low, x), _parameter("high", high, x)
        if np.any(high < low):
            raise ConfigError("uniform() needs low <= high, got a high below its low.")
        return _scaled(x, low, high - low)

    def normal(
        self,
        where: Where,
        loc: ArrayLike = 0.0,
        scale: ArrayLike = 1.0,
        *,
        step: int = 0,
        size: int | Index = (),
    ) -> NDArray[np.float64] | Any:
        """Return normal numbers of mean `loc` and standard deviation `scale`.

        They are the quantiles of ``(word + 1/2) / 2**64`` by algorithm AS 241 (Wichura 1988), so
        that the largest possible one is 9.16.

        Parameters
        ----------
        where, step, size
            See `Stream`.
        loc, scale : array_like
            Numbers, or arrays that broadcast to the result; ``scale >= 0``.
        """
        x = self._draw("normal", "normal", where, step, size)
        return _scaled(x, _parameter("loc", loc, x), _parameter("scale", scale, x, positive=True))

    def exponential(
        self,
        where: Where,
        scale: ArrayLike = 1.0,
        *,
        step: int = 0,
        size: int | Index = (),
    ) -> NDArray[np.float64] | Any:
        """Return exponential numbers of mean `scale`: ``-scale log((word + 1/2) / 2**64)``.

        Parameters
        ----------
        where, step, size
            See `Stream`.
        scale : array_like
            A number from 0 on, or an array that broadcasts to the result.
        """
        x = self._draw("exponential", "exponential", where, step, size)
        return _scaled(x, np.zeros(()), _parameter("scale", scale, x, positive=True))

    def integers(
        self, where: Where, low: int, high: int, *, step: int = 0, size: int | Index = ()
    ) -> NDArray[np.int64] | Any:
        """Return whole numbers from `low` to ``high - 1``, all equally probable, as int64.

        The high half of ``word * (high - low)``; words that would make some numbers more probable
        than others are drawn again (D. Lemire, "Fast random integer generation in an interval", ACM
        Trans. Model. Comput. Simul. 29, 2019).

        Parameters
        ----------
        where, step, size
            See `Stream`.
        low, high : int
            Limits, ``-2**63 <= low < high <= 2**63``.
        """
        low, high = _whole("low", low, -(2**63)), _whole("high", high, -(2**63), 2**63)
        if low >= high:
            raise ConfigError(f"integers() needs low < high, got {low} and {high}.")
        numbers = self._below(high - low, "integers", where, step, size)
        numbers += np.uint64(low % 2**64)
        return numbers.view(np.int64)[()]

    def choice(
        self,
        where: Where,
        a: int | ArrayLike,
        p: ArrayLike | None = None,
        *,
        step: int = 0,
        size: int | Index = (),
    ) -> NDArray[Any] | Any:
        """Return elements of `a`, drawn with replacement.

        Parameters
        ----------
        where, step, size
            See `Stream`.
        a : int or array_like
            What is drawn: elements along the first axis, or whole numbers below an int.
        p : array_like, optional
            The probability of each element, with the sum 1; default all equal.
        """
        options = np.asarray(a)
        if options.ndim == 0:
            options = np.arange(_whole("a", a, 0, 2**63 - 1))
        if len(options) == 0:
            raise ConfigError("choice() needs at least one element to choose from, got none.")
        if p is None:
            return options[self._below(len(options), "choice", where, step, size)]
        sums = _distribution(p, len(options))
        x = self._draw("uniform", "choice", where, step, size)
        return options[sums.searchsorted(x, side="right")]

    def permutation(self, n: int, *, step: int = 0) -> NDArray[np.int64]:
        """Return a random order of the whole numbers below `n`, the same on every rank.

        It sorts n random words; equal ones stay in order, which has a probability below
        ``n**2 / 2**65``.
        """
        n = _whole("n", n)
        return self._draw("bits", "permutation", range(n), step, ()).argsort(kind="stable")

    def _below(
        self, span: int, kind: str, where: Where, step: int, size: int | Index
    ) -> NDArray[np.uint64]:
        """Return whole numbers below `span`."""
        if span == 2**64:
            return self._draw("bits", kind, where, step, size)
        return self._draw("integers", kind, where, step, size, span)

    def _draw(
        self, law: str, kind: str, where: Where, step: int, size: int | Index, span: int = 1
    ) -> NDArray[Any]:
        """Return what `Draw` says, shape ``where.shape + size``."""
        components, step = _shape(size), _whole("step", step, 0, 2**64 - 1)
        places = places_of(where)
        what = Draw(law, self.key, step, kind, prod(components), span)
        return draw(what, places).reshape(places.shape + components)


@lru_cache
def _key(seed: int, name: str) -> int:
    """Return 128 bits mixed of a name, told by its length and its bytes, and a seed."""
    text = name.encode()
    low, high = np.random.SeedSequence([len(text), *text, seed]).generate_state(2, np.uint64)
    return int(high) << 64 | int(low)


def _whole(name: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """Return `value` as an int, which must be a whole number within limits."""
    wanted = f"a whole number from {low} {'on' if high is None else f'to {high}'}"
    with suppress(TypeError):
        number = operator.index(value)
        within = low <= number and (high is None or number <= high)
        if within and not isinstance(value, bool | np.bool):
            return number
    raise ConfigError(f"'{name}' of random numbers must be {wanted}, got {value!r}.")


def _shape(size: int | Index) -> Index:
    sizes = size if isinstance(size, tuple) else (size,)
    return tuple(_whole("size", n, 1) for n in sizes)


def _parameter(
    name: str, value: ArrayLike, numbers: NDArray[Any], *, positive: bool = False
) -> NDArray[np.float64]:
    """Return `value` as float64; it must broadcast to the numbers that are drawn."""
    try:
        array = np.asarray(value, np.float64)
        np.broadcast_to(array, numbers.shape)
    except (TypeError, ValueError):
        raise ConfigError(
            f"'{name}' of random numbers must be a number, or an array that broadcasts to their "
            f"shape {numbers.shape}, got {_described(value)}."
        ) from None
    if positive and np.any(array < 0):
        raise ConfigError(f"'{name}' of random numbers must not be negative, got {array.min()}.")
    return array


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return repr(value) if shape is None else f"an array of shape {shape}"


def _scaled(
    x: NDArray[np.float64], loc: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64] | Any:
    """Return ``loc + scale x``, in the place of x."""
    if scale.ndim or scale != 1.0:
        x *= scale
    if loc.ndim or loc != 0.0:
        x += loc
    return x[()]


def _distribution(p: ArrayLike, options: int) -> NDArray[np.float64]:
    """Return the sums of the first 1, 2, ... probabilities; the last one is 1."""
    shares = np.asarray(p, np.float64)
    if shares.shape != (options,):
        raise ConfigError(
            f"choice() needs a probability for each of {options} elements, "
            f"got p of shape {shares.shape}."
        )
    total = shares.sum()
    if not ((shares >= 0).all() and abs(total - 1.0) <= _TOLERANCE):
        raise ConfigError(
            f"choice() needs probabilities that are not negative and have the sum 1, got numbers "
            f"from {shares.min()} on with the sum {total}."
        )
    sums = shares.cumsum()
    sums /= sums[-1]
    return sums
