"""Plan several sweeps over a tile: which kernel computes which cells, from where to where.

Pure arithmetic. A tile is a box of owned cells. Backwards from its last values follows how many
cells around it each kernel of each sweep must compute (its *margins*), and how far the fields
must be known at the start (their *load*); forwards follows where values are kept: in *versions*,
of which a tile holds only the rows that are still needed, and by how many rows each kernel lags
behind the one before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from parcompute.box import Index
from parcompute.stencils.formula import Reach, grow, hull

Margins = tuple[Index, Index]
"""Cells around a tile, below and above along each axis."""


@dataclass(frozen=True)
class Use:
    """What one kernel of a sequence does with fields, which are numbers.

    Attributes
    ----------
    reads : mapping
        How far each input field is read; negative where all reads lie on the other side.
    writes : tuple of int
        The output fields.
    images : mapping
        How far inside the walls the cells lie that ghosts within that reach are made of: below the
        highest cell and above the lowest one.
    beyond : Reach
        How far beyond walls it computes, below and above.
    application : int
        Number of the application that it is a stage of.
    """

    reads: Mapping[int, Reach]
    writes: tuple[int, ...]
    images: Mapping[int, Reach]
    beyond: Reach
    application: int

    def needs(self, f: int) -> Reach:
        """Return how far a field must be known for its cells and ghosts to be read."""
        below, above = self.reads[f]
        if f not in self.images:
            return below, above
        inside = zip(below, above, *self.beyond, *self.images[f], strict=True)
        pairs = [
            (max(a, i) if b + y > 0 else a, max(b, j) if a + x > 0 else b)
            for a, b, x, y, i, j in inside
        ]
        return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)

    def rows(self, f: int) -> tuple[int, int]:
        """Return how many rows below and above must be known for a row to be computed."""
        below, above = self.needs(f)
        low, high = self.beyond  # there, what ghosts are made of is farther away
        return max(0, below[0] + high[0]), max(0, above[0] + low[0])


@dataclass(frozen=True)
class Slot:
    """A place for values of a field: its array before ("in") or after ("out"), or a version.

    Attributes
    ----------
    field : int
        The field.
    kind : {"in", "out", "version"}
        Which.
    number : int
        Number of the version.
    """

    field: int
    kind: str
    number: int = -1


@dataclass(frozen=True)
class Instruction:
    """One kernel of one sweep, the fill of a version's ghosts before it, or a copy at the end.

    Attributes
    ----------
    op : {"box", "fill", "copy"}
        What is done.
    use, sweep : int
        Which kernel of the sequence, in which sweep (also of the kernel that a fill is for).
    margins : Margins
        The cells that the kernel computes around the tile.
    lag : int
        Rows behind the first instruction.
    beyond : Reach
        How far beyond walls the kernel computes.
    outputs, inputs : tuple of Slot
        Where it writes and reads: for a fill one output.
    reach : Reach
        For a fill: how far the kernel reads.
    known : Reach
        For a fill: how far there are cells that ghosts are made of, at least `reach`.
    images : Reach
        For a fill: how far inside the walls these lie (see `Use`).
    again : bool
        For a fill: whether other kernels have the same ghosts filled, for other times perhaps.
    """

    op: str
    use: int
    sweep: int
    margins: Margins
    lag: int
    beyond: Reach
    outputs: tuple[Slot, ...]
    inputs: Mapping[int, Slot] = field(default_factory=dict)
    reach: Reach = ((), ())
    known: Reach = ((), ())
    images: Reach = ((), ())
    again: bool = False


@dataclass
class Version:
    """Values of a field at one moment.

    Attributes
    ----------
    field, lag : int
        The field; the lag of what computes it.
    margins : Margins
        The cells that are kept around the tile.
    span : int
        Rows between the newest and the oldest that is still needed.
    """

    field: int
    lag: int
    margins: Margins
    span: int = 0


@dataclass(frozen=True)
class TilePlan:
    """Some sweeps over a tile.

    Attributes
    ----------
    uses : tuple of Use
        The kernels of one sweep.
    sweeps : int
        How many.
    instructions : tuple of Instruction
        In order.
    versions : tuple of Version
        Values that are kept inside the tile.
    load : mapping
        Margins within which each field must be known at the start; not those that are not read.
    """

    uses: tuple[Use, ...]
    sweeps: int
    instructions: tuple[Instruction, ...]
    versions: tuple[Version, ...]
    load: Mapping[int, Margins]

    @property
    def margins(self) -> Margins:
        """The largest margins of any instruction."""
        nothing = ((0,), (0,))  # a plan without instructions
        return (
            reduce(hull, (i.margins for i in self.instructions)) if self.instructions else nothing
        )

    @property
    def around(self) -> dict[int, Margins]:
        """Margins within which cells of each field are read, at the start or later."""
        found = dict(self.load)
        for i in self.instructions:
            if i.op == "fill":
                f, margins = i.outputs[0].field, grow(i.margins, i.known)
                found[f] = hull(found.get(f, margins), margins)
        return found

    @property
    def lag(self) -> int:
        """The largest lag."""
        return max((i.lag for i in self.instructions), default=0)


def plan(
    uses: Sequence[Use],
    sweeps: int,
    ndim: int,
    wall_faces: frozenset[int] = frozenset(),
    custom: frozenset[int] = frozenset(),
    inner: frozenset[int] = frozenset(),
) -> TilePlan:
    """Plan `sweeps` sweeps of a sequence of kernels over a tile.

    Parameters
    ----------
    uses : sequence of Use
        The kernels of one sweep.
    sweeps : int
        How many.
    ndim : int
        Number of axes.
    wall_faces : frozenset of int
        Fields that a boundary sets on owned cells too: their ghosts are filled before any read.
    custom : frozenset of int
        Fields whose ghosts are filled by the user's own function, not by instructions.
    inner : frozenset of int
        Intermediates: they are computed anew in each sweep, also beyond walls, and have no array.
    """
    return _Planner(uses, sweeps, ndim, wall_faces, custom, inner).plan()


class _Planner:
    def __init__(
        self,
        uses: Sequence[Use],
        sweeps: int,
        ndim: int,
        wall_faces: frozenset[int],
        custom: frozenset[int],
        inner: frozenset[int],
    ) -> None:
        self.uses, self.sweeps, self.wall_faces, self.custom = uses, sweeps, wall_faces, custom
        self.inner = inner
        self.zero: Margins = ((0,) * ndim, (0,) * ndim)
        self.written = {f for use in uses for f in use.writes}
        self.order = [(s, k) for s in range(sweeps) for k in range(len(uses))]
        self.regions: dict[tuple[int, int], Margins] = {}
        self.load = self._backwards()
        self.versions: list[Version] = []
        self.instructions: list[Instruction] = []

    def _backwards(self) -> dict[int, Margins]:
        """Find the region of each kernel; return what must be known at the start."""
        need: dict[int, Margins] = dict.fromkeys(self.written - self.inner, self.zero)
        load: dict[int, Margins] = {}
        alone = self.sweeps == 1 and len({use.application for use in self.uses}) == 1
        for s, k in reversed(self.order):
            use = self.uses[k]
            wanted = [need.pop(f) for f in use.writes if f in need]
            if not wanted and not (alone and not use.writes):
                continue  # nobody reads what it would compute
            for f in use.writes:
                load.pop(f, None)
            region = reduce(hull, wanted, self.zero)  # zero for a kernel that only reduces
            self.regions[s, k] = region
            for f, reach in use.reads.items():
                grown, known = grow(region, reach), grow(region, use.needs(f))
                load[f] = hull(load.get(f, self.zero), grown)
                need[f] = hull(need.get(f, self.zero), known)
        return load

    def plan(self) -> TilePlan:
        current: dict[int, Slot] = {}
        lags: dict[Slot, int] = {}
        last = {f: at for at in sorted(self.regions) for f in self.uses[at[1]].writes}
        for s, k in sorted(self.regions):
            use, region = self.uses[k], self.regions[s, k]
            inputs = {f: current.get(f, Slot(f, "in")) for f in use.reads}
            lag = 0
            for f, slot in inputs.items():
                if slot in lags:
                    lag = max(lag, lags[slot] + use.rows(f)[1])
            for slot in inputs.values():
                self._read(s, k, slot, region, lag)
            outputs = []
            for f in use.writes:
                final = last[f] == (s, k) and region == self.zero and f not in self.inner
                slot = Slot(f, "out") if final else self._version(f, lag, region)
                outputs.append(slot)
                lags[slot] = lag
            self.instructions.append(
                Instruction("box", k, s, region, lag, use.beyond, tuple(outputs), inputs)
            )
            current |= dict(zip(use.writes, outputs, strict=True))
        for f, slot in current.items():
            if slot.kind == "version" and f not in self.inner:
                self.instructions.append(
                    Instruction(
                        "copy", 0, 0, self.zero, lags[slot], self.zero, (Slot(f, "out"),), {f: slot}
                    )
                )
        return TilePlan(
            tuple(self.uses),
            self.sweeps,
            tuple(self._filled_again()),
            tuple(self.versions),
            dict(self.load),
        )

    def _filled_again(self) -> Iterator[Instruction]:
        """Yield the instructions, with marks where fills for several kernels take turns."""
        filled = Counter(i.outputs[0] for i in self.instructions if i.op == "fill")
        for i in self.instructions:
            yield replace(i, again=i.op == "fill" and filled[i.outputs[0]] > 1)

    def _version(self, f: int, lag: int, region: Margins) -> Slot:
        self.versions.append(Version(f, lag, region))
        return Slot(f, "version", len(self.versions) - 1)

    def _read(self, s: int, k: int, slot: Slot, region: Margins, lag: int) -> None:
        """Note that a kernel reads a slot, and fill its ghosts before.

        Ghosts of whole arrays are filled by every tile that reads them, shortly before it does.
        Several threads may fill the same ones: with the same bits.
        """
        use, f = self.uses[k], slot.field
        reach, beyond = use.reads[f], use.beyond
        if slot.kind == "version":
            version = self.versions[slot.number]
            version.margins = hull(version.margins, grow(region, reach))
            version.span = max(version.span, lag - version.lag + use.rows(f)[0])
        if f in self.custom or f in self.inner:
            return
        if not (any(map(any, (*reach, *beyond))) or f in self.wall_faces):
            return
        known, images = use.needs(f), use.images.get(f, self.zero)
        self.instructions.append(
            Instruction("fill", k, s, region, lag, beyond, (slot,), {}, reach, known, images)
        )
