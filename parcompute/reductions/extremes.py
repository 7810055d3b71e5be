"""Smallest and largest elements over all ranks, where they are, and how elements are spread."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parcompute.comm import Communicator
from parcompute.errors import ConfigError

Array = NDArray[Any]


def smallest(comm: Communicator, array: Array) -> Any:
    """Return the minimum over all ranks' `array`, NaN if there is one; collective."""
    return _extreme(comm, array.min() if array.size else None, np.minimum)


def largest(comm: Communicator, array: Array) -> Any:
    """Return the maximum over all ranks' `array`, NaN if there is one; collective."""
    return _extreme(comm, array.max() if array.size else None, np.maximum)


def _extreme(comm: Communicator, local: Any, choose: np.ufunc) -> Any:
    def combine(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return b if a is None else a
        return choose(a, b)

    return _found(comm.allreduce(local, op=combine)).item()


def _found(result: Any) -> Any:
    if result is None:
        raise ConfigError("There is no smallest or largest of no elements: all ranks have none.")
    return result


def argmin(comm: Communicator, array: Array) -> int:
    """Return where the smallest element is, or the first NaN if there is one; collective.

    Elements are numbered from rank 0 on, in row-major order on each rank; of several, the first.

    Raises
    ------
    ConfigError
        If there are no elements.
    """
    return place(comm, array, np.argmin, _numbered(comm, array))


def argmax(comm: Communicator, array: Array) -> int:
    """Return where the largest element is, or the first NaN if there is one; see `argmin`."""
    return place(comm, array, np.argmax, _numbered(comm, array))


def _numbered(comm: Communicator, array: Array) -> Callable[[int], int]:
    sizes = comm.allgather(array.size)
    before = sum(sizes[: comm.Get_rank()])
    return lambda index: before + index


def place(
    comm: Communicator,
    array: Array,
    find: Callable[[Array], Any],
    number: Callable[[int], int],
) -> int:
    """Return the number of the element that ``find`` (``np.argmin`` or ``np.argmax``) finds.

    Parameters
    ----------
    number : callable
        Gives the number of an element from its index in the flat `array`; increasing.
    """
    mine = None
    if array.size:
        index = int(find(array))
        mine = (array.flat[index], number(index))

    def first(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return b if a is None else a
        early, late = sorted((a, b), key=operator.itemgetter(1))
        return (early, late)[int(find(np.array([early[0], late[0]])))]

    return int(_found(comm.allreduce(mine, op=first))[1])


def all_true(comm: Communicator, condition: bool) -> bool:
    """Return whether `condition` holds on every rank; collective."""
    return bool(comm.allreduce(bool(condition), op=operator.and_))


def histogram(
    comm: Communicator,
    array: Array,
    bins: int | ArrayLike = 10,
    between: tuple[float, float] | None = None,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return how many elements of all ranks' `array` lie in each bin, and the edges; collective.

    Parameters
    ----------
    array : ndarray
        This rank's elements, real numbers.
    bins : int or array_like
        The number of bins of equal width, or the edges.
    between : (float, float), optional
        The outer edges of bins of equal width; default: the smallest and the largest element.

    Returns
    -------
    counts, edges : ndarray
        As ``numpy.histogram`` of all elements gives them, shapes (n,) and (n + 1,).

    Raises
    ------
    ConfigError
        On every rank, if NumPy refuses the bins, or the range is not finite.
    """
    if np.ndim(bins) == 0 and between is None:
        low, high = _range(comm, array)
        between = (float(low), float(high))
    try:
        counts, edges = np.histogram(array, bins, between)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"histogram() cannot be made: {error}.") from None
    whole = np.empty_like(counts)
    comm.Allreduce(np.ascontiguousarray(counts), whole)
    return whole, edges


def _range(comm: Communicator, array: Array) -> tuple[Any, Any]:
    """Return the smallest and the largest element, 0 and 1 if there are none, as NumPy does."""
    ends = (array.min(), array.max()) if array.size else None

    def wider(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return b if a is None else a
        return np.minimum(a[0], b[0]), np.maximum(a[1], b[1])

    return comm.allreduce(ends, op=wider) or (0.0, 1.0)
