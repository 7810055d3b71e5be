"""Find the parts of a formula that are equal but for a shift, and which of them to keep.

Nodes that differ by a shift only are a *group*; a node is a group at a *place*: (group, shift).
Groups are numbered so that operands come before what uses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import frexp
from operator import add, sub
from typing import Any

from parcompute.box import Index
from parcompute.stencils.expression import ELEMENTARY, Node, in_order

Place = tuple[int, Index]
_FREE = ("number", "scalar", "read", "index", "position", "cast")
_COSTS = {**dict.fromkeys(ELEMENTARY, 30), "div": 8, "sqrt": 8, "floordiv": 8, "mod": 8}
"""What an operation takes, in additions."""
_READ = 5
"""What it takes to read a value that was kept, in additions."""
LEAST = 6
"""Additions that must be saved for each cell by keeping a value, which has to be stored."""


class Repeats:
    """The groups of a formula.

    Parameters
    ----------
    roots : sequence of Node
        What is computed for a cell.
    ndim : int
        Number of axes.

    Attributes
    ----------
    places : dict
        Group and shift of each node.
    members : list of Node
        A node of each group.
    """

    def __init__(self, roots: Sequence[Node], ndim: int) -> None:
        self.zero = (0,) * ndim
        self.places: dict[Node, Place] = {}
        self.members: list[Node] = []
        self._args: list[list[Place]] = []
        self._operands: dict[Place, list[Place]] = {}
        self._shifting: list[bool] = []  # whether members at other places have other values
        self._fixed: list[bool] = []  # whether they ask for the cell's index or position
        self._numbers: dict[Any, int] = {}
        self._extents: dict[Node, tuple[Index, Index]] = {}
        for node in in_order(roots):
            self.places[node] = self._place(node)
        self._roots = [self.places[root] for root in roots]
        self._prices = [_price(node) for node in self.members]

    def _place(self, node: Node) -> Place:
        """Return group and shift: the middle of what the node reads."""
        if node.kind == "read":
            field, offset = node.data
            self._extents[node] = offset, offset
            return self._group(node, ("read", field), []), offset
        read = [self._extents[arg] for arg in node.args if arg in self._extents]
        shift = self.zero
        if read:
            low = tuple(map(min, zip(*(a for a, _ in read), strict=True)))
            high = tuple(map(max, zip(*(b for _, b in read), strict=True)))
            self._extents[node] = low, high
            shift = tuple((a + b) // 2 for a, b in zip(low, high, strict=True))
        args = []
        for arg in node.args:
            group, at = self.places[arg]
            args.append((group, _minus(at, shift) if self._shifting[group] else self.zero))
        data = (type(node.data), repr(node.data))  # repr: 0.0 and -0.0 differ
        return self._group(node, (node.kind, data, *args), args), shift

    def _group(self, node: Node, key: Any, args: list[Place]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.members)
            self.members.append(node)
            self._args.append(args)
            self._shifting.append(node in self._extents)
            own = node.kind in ("index", "position")
            self._fixed.append(own or any(self._fixed[group] for group, _ in args))
        return self._numbers[key]

    def operands(self, group: int, shift: Index) -> list[Place]:
        """Return the places of the operands of a group at a shift."""
        place = group, shift
        if place not in self._operands:
            self._operands[place] = [
                (arg, _plus(at, shift) if self._shifting[arg] else self.zero)
                for arg, at in self._args[group]
            ]
        return self._operands[place]

    def parts(self, wanted: Iterable[Place], kept: set[int]) -> list[Place]:
        """Return the places of all that values are made of, operands first; kept ones whole."""
        found: set[Place] = set()
        stack = list(wanted)
        while stack:
            place = stack.pop()
            if place not in found:
                found.add(place)
                if place[0] not in kept:
                    stack += self.operands(*place)
        return sorted(found)

    def read_by(self, wanted: Sequence[Place], kept: set[int]) -> dict[int, set[Index]]:
        """Return which kept values others are made of, and at which shifts."""
        read: dict[int, set[Index]] = {}
        for group, shift in self.parts(wanted, kept):
            if group in kept:
                read.setdefault(group, set()).add(shift)
        return read

    def worth_keeping(self) -> set[int]:
        """Return the groups that are needed at several places and cost enough.

        What is larger comes first: what a kept value is made of is needed at fewer places.
        """
        refused = self._refused()
        while kept := self._repeated(refused):
            chosen = set(kept)
            saved = {g: (self._cost(g, chosen) - _READ) * (n - 1) for g, n in kept.items()}
            least = min(saved.values())
            if least >= LEAST:
                break
            refused |= {g for g, n in saved.items() if n == least}  # what holds it then costs more
        return set(kept)

    def _refused(self) -> set[int]:
        """Return the groups that cannot be kept, or are needed at one place only."""
        counts = [0] * len(self.members)
        for group, _ in set(self.places.values()):
            counts[group] += 1
        return {
            g
            for g, member in enumerate(self.members)
            if member.kind in _FREE or self._fixed[g] or not self._shifting[g] or counts[g] < 2
        }

    def _repeated(self, refused: set[int]) -> dict[int, int]:
        """Return the groups that are needed at several places, and at how many."""
        shifts: list[set[Index]] = [set() for _ in self.members]
        for group, shift in self._roots:
            shifts[group].add(shift)
        kept = {}
        for group in reversed(range(len(self.members))):
            here = shifts[group]
            if len(here) > 1 and group not in refused:
                kept[group] = len(here)
                here = {self.zero}
            for shift in here:
                for arg, at in self.operands(group, shift):
                    shifts[arg].add(at)
        return kept

    def _cost(self, group: int, kept: set[int]) -> int:
        """Return what a group takes, given the other values that are kept."""
        parts = self.parts(self.operands(group, self.zero), kept)
        return self._prices[group] + sum(self._prices[g] for g, _ in parts if g not in kept)


def _price(node: Node) -> int:
    if node.kind in _FREE:
        return 0
    if node.kind == "div" and node.args[1].kind == "number":
        divisor = float(node.args[1].data[0])
        if abs(frexp(divisor)[0]) == 0.5:  # by a power of two: the compiler multiplies
            return 1
    return _COSTS.get(node.kind, 1)


def _plus(a: Index, b: Index) -> Index:
    return tuple(map(add, a, b))


def _minus(a: Index, b: Index) -> Index:
    return tuple(map(sub, a, b))
