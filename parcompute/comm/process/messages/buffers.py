"""Buffers as mpi4py takes them: arrays, or lists of array, count, displacement and type.

Lists of a buffer: ``[data, count]``, ``[data, datatype]``, ``[data, count, datatype]``,
``[data, (count, displ), datatype]``, ``[data, count, displ, datatype]``. Counts and
displacements are in items.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from parcompute.comm.process.messages.datatypes import Datatype, as_dtype
from parcompute.comm.process.messages.failures import ERR_TYPE, ArgumentError
from parcompute.comm.process.messages.layouts import Array as Array
from parcompute.comm.process.messages.layouts import Layout, Region, Scattered, Strided

_PLAIN = frozenset(("?", *"bBhHiIlLqQefdgc", "Zf", "Zd", "Zg"))
_SPECIAL = frozenset("O>!" if sys.byteorder == "little" else "O<")
"""What formats of Python objects and of the other byte order contain."""


class Spec(NamedTuple):
    """The parts of the description of a buffer; None: not given."""

    data: Any
    count: Any = None
    displ: Any = None
    kind: Any = None


def parse(buffer: Any, pairs: tuple[type[Sequence[Any]], ...] = (list, tuple)) -> Spec:
    """Return the parts of what describes a buffer.

    Parameters
    ----------
    buffer : object
        The data, or a list of the data, count, displacement and datatype.
    pairs : tuple of type
        In which two values in place of the count are count and displacement. Where there is a
        count for every rank, a list holds those of two ranks.
    """
    if not isinstance(buffer, list | tuple):
        return Spec(buffer)
    match list(buffer):
        case [data, Datatype() | str() as kind]:
            return Spec(data, kind=kind)
        case [data, count, displ, kind]:
            return Spec(data, count, displ, kind)
        case [data, count, kind]:
            spec = Spec(data, count, kind=kind)
        case [data, count]:
            spec = Spec(data, count)
        case _:
            raise ArgumentError(
                sentence="expected [data, count, displ, datatype] or part of it, got "
                f"{len(buffer)} items"
            )
    if isinstance(spec.count, pairs) and len(spec.count) == 2:
        count, displ = spec.count
        return spec._replace(count=count, displ=displ)
    return spec


class GapsError(ArgumentError):
    """A datatype leaves gaps: its items have to be packed first, which some calls do.

    Attributes
    ----------
    region : Region
        What packs and unpacks them.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(ERR_TYPE, "this call takes no datatype that leaves gaps: copy the data")
        self.region = region


def as_bytes(buffer: Any) -> memoryview:
    """Return the bytes of a contiguous buffer, without a copy.

    Raises
    ------
    TypeError
        If it is no buffer, or holds Python objects.
    GapsError
        If its datatype leaves gaps.
    ValueError
        If it is not contiguous, or shorter than the count says.
    """
    try:
        view = memoryview(buffer)
        if view.format in _PLAIN or not _SPECIAL & {*view.format}:
            return view.cast("B")  # by far the fastest, for nearly all arrays
    except (TypeError, ValueError):
        pass
    return _bytes_of_any(buffer)


def nbytes_of(buffer: Any) -> int:
    """Return how many bytes a message of the buffer has."""
    try:
        return len(as_bytes(buffer))
    except GapsError as gaps:
        return len(gaps.region.data)


def writable_bytes(buffer: Any) -> memoryview:
    """Return the bytes of a contiguous buffer to receive into."""
    data = as_bytes(buffer)
    if not data.readonly:
        return data
    check_writable(not len(data))
    return _empty()


def check_writable(writable: bool) -> None:
    """Raise `ArgumentError` for a buffer that nothing can be received into."""
    if not writable:
        raise ArgumentError(
            sentence="expected a writable buffer to receive into, got a read-only one"
        )


def _bytes_of_any(buffer: Any) -> memoryview:
    if isinstance(buffer, np.ndarray):
        _check_byte_order(buffer)
        return _array_bytes(buffer)
    if isinstance(buffer, list | tuple):
        spec = parse(buffer)
        return _derived_bytes(spec) if is_derived(spec.kind) else _array_bytes(as_items(buffer))
    if buffer is None or not memoryview(buffer).nbytes:
        return _empty()
    raise ArgumentError(sentence=f"expected a C-contiguous buffer, got {type(buffer).__name__}")


def is_derived(kind: Any) -> bool:
    """Return whether it is a datatype made of others."""
    return isinstance(kind, Datatype) and kind.dtype is None


def memory_of(spec: Spec) -> tuple[Array, Layout]:
    """Return the bytes of the data, and where in them the items of a derived datatype lie."""
    spec.kind.check()
    memory = np.frombuffer(raw_bytes(spec.data), np.uint8)
    count, extent = _items_in(memory, spec), spec.kind.extent
    if not count or not spec.kind.size:
        return memory[:0], Strided(0)
    layout = spec.kind.layout.repeated(count, extent).moved(index(spec.displ or 0) * extent)
    low, high = layout.bounds
    if low < 0 or high > len(memory):
        raise ArgumentError(
            sentence=f"the datatype covers the bytes {low} … {high} of a buffer of {len(memory)}: "
            "pass a larger buffer, or a smaller count or displacement"
        )
    return memory, layout


def count_items(spec: Spec) -> int:
    """Return how many items the data has, whatever the count."""
    if is_derived(spec.kind):
        return _items_in(np.frombuffer(raw_bytes(spec.data), np.uint8), spec._replace(count=None))
    return len(all_items(spec))


def _items_in(memory: Array, spec: Spec) -> int:
    if spec.count is not None:
        if spec.count < 0:
            raise ArgumentError(sentence=f"expected a count of 0 or more, got {spec.count}")
        return index(spec.count)
    extent = int(spec.kind.extent)
    if extent <= 0 or len(memory) % extent:
        raise ArgumentError(
            sentence=f"give a count: a buffer of {len(memory)} bytes holds no whole number of "
            f"items of {extent}"
        )
    return len(memory) // extent


def _derived_bytes(spec: Spec) -> memoryview:
    memory, layout = memory_of(spec)
    if isinstance(layout, Scattered) or layout.shape:
        raise GapsError(layout.region(memory))
    return memory[layout.offset : layout.offset + layout.unit].data


def as_items(buffer: Any) -> Array:
    """Return the items of a buffer as an array of one axis, without a copy."""
    spec = parse(buffer)
    items = all_items(spec)
    displ = index(spec.displ or 0)
    count = len(items) - displ if spec.count is None else index(spec.count)
    if displ < 0 or count < 0 or displ + count > len(items):
        raise ArgumentError(
            sentence=f"expected a buffer of {displ + count} items or more, got {len(items)}"
        )
    return items[displ : displ + count]


def all_items(spec: Spec) -> Array:
    """Return all items of the data, whatever the count."""
    if spec.data is None:
        return np.empty(0, np.uint8)
    if spec.kind is not None:
        data, dtype = raw_bytes(spec.data), as_dtype(spec.kind)
        return np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    array = spec.data if isinstance(spec.data, np.ndarray) else _array_of(spec.data)
    _check_byte_order(array)
    if array.size == 0:
        return array.reshape(-1)
    _array_bytes(array)  # checks it
    return array.reshape(-1, order="A")


def raw_bytes(data: Any) -> memoryview:
    """Return the bytes of a buffer whose datatype is given."""
    return _array_bytes(data) if isinstance(data, np.ndarray) else as_bytes(data)


def _check_byte_order(array: Array) -> None:
    if not array.dtype.isnative:
        raise BufferError(
            f"expected an array in the byte order of this machine, got {array.dtype.str}: convert "
            "it, or pass [array, datatype] to send the bytes as they are"
        )


def _array_of(data: Any) -> Array:
    view = memoryview(data)
    return np.frombuffer(view, view.format) if view.nbytes else np.empty(0, view.format)


def _array_bytes(array: Array) -> memoryview:
    if array.dtype.hasobject:
        raise TypeError("an array of Python objects is no buffer: use the lowercase call for it")
    if array.flags.f_contiguous:
        array = array.T
    if not array.flags.c_contiguous:
        raise ArgumentError(
            sentence=f"expected a C-contiguous array, got strides {array.strides} for shape "
            f"{array.shape}: pass numpy.ascontiguousarray(…)"
        )
    return array.reshape(-1).view(np.uint8).data if array.size else _empty()


def _empty() -> memoryview:
    return memoryview(bytearray())
