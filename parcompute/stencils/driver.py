"""Source that all stencils share: the driver takes tiles through a program; ghosts; copies.

A program (`program.Program`) is a table of instructions. For each tile, rows along axis 0 go
through all instructions a few at a time: instruction k is `lag` rows behind, so that the rows
that it reads have just been made and are still in the cache, whatever the number of sweeps
(wavefront blocking: Wellein et al., COMPSAC 2009; along the other axes tiles overlap).

Compiled functions get their arguments as words, so that the driver is compiled only once for each
number of axes, the ghosts for each type, and calls the kernel of any stencil by its address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parcompute.native import IMPORTS
from parcompute.stencils.loops import (
    PLACES,
    ROW,
    SCALARS,
    SUMS,
    array_arguments,
    array_parameters,
    array_words,
)
from parcompute.stencils.write import module

BOX, FILL, COPY, ALIGNED = 0, 1, 2, 3
LINE = 8  # cells along the last axis: a box that is ALIGNED begins and ends at multiples of them
HEAD = 8  # words of a program before those that there is one of for each axis
THREAD = 3  # words of a thread before addresses of arrays: accumulators, row, arguments


def slot_width(ndim: int) -> int:
    """Return the words that describe an array: whole or not, mask, origin, strides, margins."""
    return 3 + (ndim - 1) + ndim


def code_width(ndim: int, arrays: int) -> int:
    """Return the words of an instruction with up to so many arrays.

    They are: operation, address of the function, lag, address of the scalars or whether a fill is
    to fill again what it has filled; along each axis the margins below and above, and the cells
    beyond the walls below and above; the number of arrays and their slots, or what a fill needs.
    """
    return 4 + 4 * ndim + max(1 + arrays, 8 + 5 * ndim)


def argument_words(ndim: int, arrays: int) -> int:
    """Return the words that a call may take."""
    return PLACES + 4 * ndim + max(arrays, 2) * array_words(ndim) + 8 + 4 * ndim


def driver_source(ndim: int) -> str:
    """Return the source of ``run(words, region, thread, first, last)`` for so many axes."""
    return module(IMPORTS, {}, ["\n".join(_array(ndim)), "\n".join(_run(ndim))])


def fill_source(dtype: str, ndim: int, axis: int) -> str:
    """Return the source of the fill of cells beyond a wall, as `ghosts.SideFill` does it."""
    return module(IMPORTS, {}, ["\n".join(_fill(dtype, ndim, axis))])


def copy_source(dtype: str, ndim: int) -> str:
    """Return the source of the copy of a box from one array to another."""
    return module(IMPORTS, {}, ["\n".join(_copy(dtype, ndim))])


def _array(ndim: int) -> Iterator[str]:
    """Yield the function that passes an array on."""
    width = slot_width(ndim)
    yield "@njit\ndef pass_array(a, first, slots, th, n_slots, slot):"
    yield f"    a[first] = th[{THREAD} + slot]"
    yield f"    a[first + 1] = th[{THREAD} + n_slots + slot]"
    words = [1, *range(3, 3 + ndim - 1)] if ndim > 1 else []
    for k, word in enumerate(words, start=2):
        yield f"    a[first + {k}] = slots[slot * {width} + {word}]"
    yield "    return"


def _run(ndim: int) -> Iterator[str]:
    axes = range(ndim)
    yield "@njit\ndef run(w, g, th, first, last):"
    yield "    n_codes, step, max_lag, n_slots = w[0], w[1], w[2], w[6]"
    yield "    codes, slots, a = at_int64(w[3]), at_int64(w[4]), at_int64(th[2])"
    for k, name in enumerate(("shape", "clip_lo", "clip_hi")):
        yield from (f"    {name}{x} = w[{HEAD + k * ndim + x}]" for x in axes)
    yield f"    below, above, width = w[{HEAD + 5 * ndim}], w[{HEAD + 5 * ndim + 1}], w[7]"
    yield "    for tile in range(first, last):"
    yield from _tile(ndim)
    yield "        y = start0 - below"
    yield "        end = stop0 + above + max_lag"
    yield "        while y < end:"
    yield "            for k in range(n_codes):"
    yield from (f"                {line}" for line in _instruction(ndim))
    yield "            y += step"
    yield "    fence()"
    yield "    return"


def _tile(ndim: int) -> Iterator[str]:
    """Yield what finds the cells of a tile, and where its versions begin."""
    width = slot_width(ndim)
    yield "        rest = tile"
    for x in reversed(range(ndim)):
        yield f"        start{x} = g[{x}] + (rest % g[{2 * ndim + x}]) * shape{x}"
        yield f"        stop{x} = min(start{x} + shape{x}, g[{ndim + x}])"
        yield f"        rest = rest // g[{2 * ndim + x}]"
    yield "        for slot in range(n_slots):"
    yield f"            origin = slots[slot * {width} + 2]"
    yield f"            if slots[slot * {width}] == 0:"
    for x in range(1, ndim) if ndim > 1 else range(1):
        stride = "1" if x == ndim - 1 else f"slots[slot * {width} + {3 + x}]"
        margin = f"slots[slot * {width} + {3 + ndim - 1 + x}]"
        yield f"                origin -= (start{x} - {margin}) * {stride}"
    yield f"            th[{THREAD} + n_slots + slot] = origin"


def _instruction(ndim: int) -> Iterator[str]:
    """Yield what runs one instruction on the rows whose turn it is."""
    yield "c = k * width"
    yield "lag = codes[c + 2]"
    low = [f"clip_lo{x} - codes[c + {4 + 2 * ndim + x}]" for x in range(ndim)]
    high = [f"clip_hi{x} + codes[c + {4 + 3 * ndim + x}]" for x in range(ndim)]
    yield f"from0 = max(start0 - codes[c + 4], {low[0]})"
    yield "a0 = max(from0, y - lag)"
    yield f"b0 = min(min(stop0 + codes[c + {4 + ndim}], {high[0]}), y - lag + step)"
    yield "if a0 >= b0:"
    yield "    continue"
    for x in range(1, ndim):
        yield f"a{x} = max(start{x} - codes[c + {4 + x}], {low[x]})"
        yield f"b{x} = min(stop{x} + codes[c + {4 + ndim + x}], {high[x]})"
    yield f"d = c + {4 + 4 * ndim}"
    yield f"if codes[c] == {FILL}:"
    yield from (f"    {line}" for line in _fill_call(ndim))
    yield "    continue"
    last = ndim - 1
    yield f"if codes[c] == {ALIGNED}:"
    yield f"    a{last} = start{last} - (start{last} - a{last} + {LINE - 1}) // {LINE} * {LINE}"
    yield f"    b{last} = a{last} + (b{last} - a{last} + {LINE - 1}) // {LINE} * {LINE}"
    bounds = PLACES + 2 * ndim
    for x in range(ndim):
        yield f"a[{bounds + x}], a[{bounds + ndim + x}] = a{x}, b{x}"
    yield f"a[{SCALARS}], a[{ROW}], a[{SUMS}] = codes[c + 3], th[1], th[0]"
    for x in range(ndim):
        yield f"a[{PLACES + x}] = w[{HEAD + 4 * ndim + x}]"
        yield f"a[{PLACES + ndim + x}] = w[{HEAD + 3 * ndim + x}]"
    yield "for j in range(codes[d]):"
    first = f"{PLACES + 4 * ndim} + j * {array_words(ndim)}"
    yield f"    pass_array(a, {first}, slots, th, n_slots, codes[d + 1 + j])"
    yield "call(codes[c + 1], a)"


FILL_WORDS = 7
"""Words of a call of a fill before strides, ranges and the array: low, edge, number of layers,
addresses of layers, factors and constants, distance of the constants of two layers."""


def _fill_call(ndim: int) -> Iterator[str]:
    """Yield what calls the fill of a wall if the rows come near to it."""
    e = 3 + 4 * ndim
    yield "axis, low = codes[d + 1], codes[d + 2]"
    yield "first = a0 == from0 or codes[c + 3]"
    for x in range(ndim):
        yield f"p{x}, q{x} = codes[d + {3 + x}], codes[d + {3 + ndim + x}]"
        # where ghosts are read, cells inside the wall that they are made of have ghosts, too
        yield f"first{x}, end{x} = a{x} - p{x}, b{x} + q{x}"
        yield f"if a{x} - p{x} < clip_lo{x}:"
        yield f"    end{x} = max(end{x}, clip_lo{x} + codes[d + {3 + 3 * ndim + x}])"
        yield f"if b{x} + q{x} > clip_hi{x}:"
        yield f"    first{x} = min(first{x}, clip_hi{x} - codes[d + {3 + 2 * ndim + x}])"
    for axis in range(ndim):
        low = f"low and a{axis} - p{axis} < clip_lo{axis}{'' if axis else ' and first'}"
        high = f"not low and b{axis} + q{axis} > clip_hi{axis}"
        yield f"if axis == {axis} and (({low}) or ({high})):"
        yield f"    a[0], a[1] = low, clip_lo{axis} if low else clip_hi{axis}"
        beyond = (
            f"clip_lo{axis} - (a{axis} - p{axis}) if low else b{axis} + q{axis} - clip_hi{axis}"
        )
        yield f"    a[2] = min(codes[d + {e}], {beyond})"  # no more layers than are read
        for k in range(1, 5):
            yield f"    a[{2 + k}] = codes[d + {e + k}]"
        place = FILL_WORDS
        for x in range(ndim):
            if x == axis:
                continue
            below, above = f"a{x} - p{x}", f"b{x} + q{x}"
            if x == 0:  # rows but those that were filled before; beyond the wall they are new
                below = "a0 - p0 if first else min(a0 + q0, clip_hi0)"
            elif x > axis:
                below, above = f"max(first{x}, clip_lo{x})", f"min(end{x}, clip_hi{x})"
            yield f"    a[{place}] = codes[d + {e + 5 + x}]"
            yield f"    a[{place + 1}] = {below}"
            yield f"    a[{place + 2}] = {above}"
            place += 3
        yield f"    pass_array(a, {place}, slots, th, n_slots, codes[d])"
        yield "    call(codes[c + 1], a)"


def _cell(label: str, cells: Sequence[str]) -> str:
    """Return the index of a cell in an array."""
    if len(cells) == 1:
        return f"o_{label} + {cells[0]}"
    terms = [f"({cells[0]} & k_{label}) * t_{label}_0"]
    terms += [f"{cell} * t_{label}_{x}" for x, cell in enumerate(cells[1:-1], start=1)]
    return " + ".join([f"o_{label}", *terms, cells[-1]])


def _unpacked(label: str, first: int, dtype: str, ndim: int) -> str:
    names = array_parameters(label, ndim)
    return f"    {', '.join(names)} = {', '.join(array_arguments(first, dtype, ndim))}"


def _fill(dtype: str, ndim: int, axis: int) -> Iterator[str]:
    others = [x for x in range(ndim) if x != axis]
    yield "@njit\ndef kernel(a):"
    yield "    low, edge, count, layers = a[0], u64(a[1]), u64(a[2]), at_int64(a[3])"
    yield f"    factors, constants, apart = at_{dtype}(a[4]), at_{dtype}(a[5]), u64(a[6])"
    for k, x in enumerate(others):
        words = ", ".join(f"u64(a[{FILL_WORDS + 3 * k + j}])" for j in range(3))
        yield f"    c{x}, lo{x}, hi{x} = {words}"
    yield _unpacked("u", FILL_WORDS + 3 * len(others), dtype, ndim)
    yield "    for layer in range(count):"
    yield "        terms = layers[u64(4) * layer + u64(1)]"
    yield "        target = u64(layers[u64(4) * layer])"
    yield "        first = u64(layers[u64(4) * layer + u64(2)])"
    yield "        second = u64(layers[u64(4) * layer + u64(3)])"
    yield "        if low:"
    yield "            target, first, second = edge - u64(1) - target, edge + first, edge + second"
    yield "        else:"
    yield "            target = edge + target"
    yield "            first, second = edge - u64(1) - first, edge - u64(1) - second"
    indent = "        "
    for x in others:
        yield f"{indent}for i{x} in range(lo{x}, hi{x}):"
        indent += "    "
    yield from (f"{indent}{line}" for line in _rule(dtype, ndim, axis))
    yield "    return"


def _rule(dtype: str, ndim: int, axis: int) -> Iterator[str]:
    """Yield the arithmetic of one cell, in the order of `ghosts`."""
    cells = {
        name: _cell("u", [name if x == axis else f"i{x}" for x in range(ndim)])
        for name in ("target", "first", "second")
    }
    others = [x for x in range(ndim) if x != axis]
    constant = " + ".join(["layer * apart", *(f"i{x} * c{x}" for x in others)])
    add, multiply = ("|", "&") if dtype == "bool" else ("+", "*")
    kind = "uint8" if dtype == "bool" else dtype
    first, second = "factors[u64(2) * layer]", "factors[u64(2) * layer + u64(1)]"
    yield f"value = constants[{constant}]"
    yield "if terms > 0:"
    yield f"    image = np.{kind}({first} {multiply} f_u[{cells['first']}])"
    yield "    if terms > 1:"
    yield f"        other = np.{kind}({second} {multiply} f_u[{cells['second']}])"
    yield f"        image = np.{kind}(image {add} other)"
    yield f"    value = np.{kind}(image {add} value)"
    yield f"f_u[{cells['target']}] = value"


def _copy(dtype: str, ndim: int) -> Iterator[str]:
    yield "@njit\ndef kernel(a):"
    arrays = PLACES + 4 * ndim
    yield _unpacked("v", arrays, dtype, ndim)
    yield _unpacked("u", arrays + array_words(ndim), dtype, ndim)
    bounds = PLACES + 2 * ndim
    for x in range(ndim):
        span = f"u64(a[{bounds + x}]), u64(a[{bounds + ndim + x}])"
        yield f"{'    ' * (x + 1)}for i{x} in range({span}):"
    cells = [f"i{x}" for x in range(ndim)]
    yield f"{'    ' * (ndim + 1)}f_v[{_cell('v', cells)}] = f_u[{_cell('u', cells)}]"
    yield "    return"
