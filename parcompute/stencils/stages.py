"""Split a formula into stages, so that what several cells need is computed once.

The flux through a face is needed by the cells on both of its sides, a slope by the fluxes through
all faces of a cell. Such a value becomes an intermediate: an earlier stage computes it, later ones
read it at their offsets. The bits are the same. Compilers of stencils know this as elimination of
redundancy across iterations: F. Luporini et al., ACM Trans. Math. Softw. 46 (2020) 6, section 5.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count

from parcompute.box import Index
from parcompute.stencils.expression import Graph, Node, in_order
from parcompute.stencils.formula import Reach, Reduction, hull
from parcompute.stencils.repeats import Place, Repeats
from parcompute.stencils.typing import TypedFormula


@dataclass(frozen=True, eq=False)
class Stage:
    """A loop over cells.

    Attributes
    ----------
    typed : TypedFormula
        What it computes, of fields and of intermediates of earlier stages.
    makes : tuple of str
        Names of the intermediates that it computes; none for the last stage, which computes what
        the user has asked for.
    beyond : Reach
        How far beyond the cells of the grid later stages read what it makes.
    """

    typed: TypedFormula
    makes: tuple[str, ...]
    beyond: Reach


@cache
def split(typed: TypedFormula) -> tuple[Stage, ...]:
    """Return the stages of a formula: the formula itself if no value is worth keeping."""
    zero = (0,) * typed.formula.ndim
    roots = (*typed.results, *typed.reduced)
    repeats = Repeats(roots, typed.formula.ndim)
    kept = repeats.worth_keeping()
    if not kept:
        return (Stage(typed, (), (zero, zero)),)
    return tuple(_Splitter(typed, repeats, kept).stages())


class _Splitter:
    """Builds stages; a value is a group of equal parts of the formula (see `Repeats`)."""

    def __init__(self, typed: TypedFormula, repeats: Repeats, kept: set[int]) -> None:
        self.typed, self.repeats, self.kept = typed, repeats, sorted(kept)
        self.zero = (0,) * typed.formula.ndim
        self.roots: list[Place] = [repeats.places[n] for n in (*typed.results, *typed.reduced)]
        taken = {*typed.formula.fields, *typed.formula.scalars}
        free = (name for k in count() if (name := f"part{k}") not in taken)
        self.names = dict(zip(self.kept, free, strict=False))
        self.reads = {g: repeats.read_by(repeats.operands(g, self.zero), kept) for g in kept}
        self.beyond = self._beyond()
        self.order = self._order()

    def _beyond(self) -> dict[int, Reach]:
        """Return how far beyond the cells of the grid each value is read."""
        found: dict[int, Reach] = defaultdict(lambda: (self.zero, self.zero))
        _widen(found, self.repeats.read_by(self.roots, set(self.kept)), (self.zero, self.zero))
        for group in reversed(self.kept):
            _widen(found, self.reads[group], found[group])
        return dict(found)

    def _order(self) -> dict[int, tuple[int, int, Reach]]:
        """Return a key for each value, in the order of stages; values of a stage have the same.

        Only values that are read equally far beyond the grid share a stage, so that none reads
        cells that the formula does not.
        """
        users: dict[int, list[tuple[int, bool]]] = {group: [] for group in self.kept}
        levels: dict[int, int] = {}
        for group in self.kept:
            levels[group] = 0
            for other, shifts in self.reads[group].items():
                together = shifts == {self.zero} and self.beyond[other] == self.beyond[group]
                levels[group] = max(levels[group], levels[other] + (not together))
                users[other].append((group, together))
        for group in reversed(self.kept):  # as late as possible, beside what reads it
            latest = [levels[user] - (not together) for user, together in users[group]]
            levels[group] = min(latest, default=levels[group])
        return {g: (levels[g], -sum(map(sum, self.beyond[g])), self.beyond[g]) for g in self.kept}

    def stages(self) -> list[Stage]:
        found: list[Stage] = []
        for key in sorted(set(self.order.values())):
            groups = [g for g in self.kept if self.order[g] == key]
            found.append(self._stage(groups, key[-1], len(found)))
        return [*found, self._last()]

    def _last(self) -> Stage:
        typed, formula = self.typed, self.typed.formula
        nodes, types = self._build(self.roots, inside=set())
        count = len(typed.results)
        results, reduced = tuple(nodes[:count]), tuple(nodes[count:])
        reductions = tuple(map(Reduction, (r.kind for r in formula.reductions), reduced))
        fields = self._fields(nodes)
        last = replace(
            typed,
            formula=replace(formula, fields=fields, results=results, reductions=reductions),
            fields=self._types(fields),
            results=results,
            reduced=reduced,
            types=types,
        )
        return Stage(last, (), (self.zero, self.zero))

    def _stage(self, groups: Sequence[int], beyond: Reach, number: int) -> Stage:
        formula = self.typed.formula
        nodes, types = self._build([(g, self.zero) for g in groups], inside=set(groups))
        fields, results = self._fields(nodes), tuple(nodes)
        name = f"{formula.name}_{number}"
        typed = TypedFormula(
            replace(formula, name=name, fields=fields, results=results, reductions=(), returned=()),
            self._types(fields),
            self.typed.scalars,
            outputs=tuple(types[node] for node in nodes),
            results=results,
            reduced=(),
            whole=(),
            types=types,
        )
        return Stage(typed, tuple(self.names[g] for g in groups), beyond)

    def _build(
        self, wanted: Sequence[Place], inside: set[int]
    ) -> tuple[list[Node], dict[Node, str]]:
        """Return nodes for values, in which other kept values than those `inside` are read."""
        graph, made = Graph(), dict[Place, Node]()
        types: dict[Node, str] = {}
        outside = set(self.kept) - inside
        for group, shift in self.repeats.parts(wanted, outside):
            member = self.repeats.members[group]
            if group in outside:
                node = graph.node("read", (), (self.names[group], shift), member.where)
            elif member.kind == "read":
                node = graph.node("read", (), (member.data[0], shift), member.where)
            else:
                args = [made[place] for place in self.repeats.operands(group, shift)]
                node = graph.node(member.kind, args, member.data, member.where)
            made[group, shift] = node
            types[node] = self.typed.types[member]
        return [made[place] for place in wanted], types

    def _fields(self, nodes: Sequence[Node]) -> tuple[str, ...]:
        """Return the fields that are read, as the user has ordered them, then intermediates."""
        read = {n.data[0] for n in in_order(nodes) if n.kind == "read"}
        return tuple(n for n in (*self.typed.formula.fields, *self.names.values()) if n in read)

    def _types(self, fields: Sequence[str]) -> dict[str, str]:
        """Return the types of fields and intermediates."""
        known = dict(self.typed.fields)
        known |= {n: self.typed.types[self.repeats.members[g]] for g, n in self.names.items()}
        return {name: known[name] for name in fields}


def _widen(found: dict[int, Reach], read: dict[int, set[Index]], beyond: Reach) -> None:
    """Note how far values are read from cells up to `beyond` the grid."""
    for group, shifts in read.items():
        for shift in shifts:
            low = tuple(max(0, b - s) for b, s in zip(beyond[0], shift, strict=True))
            high = tuple(max(0, b + s) for b, s in zip(beyond[1], shift, strict=True))
            found[group] = hull(found[group], (low, high))
