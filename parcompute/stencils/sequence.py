"""A sequence of applications bound to an engine, and the sweeps that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from time import perf_counter
from typing import Any, Protocol

from parcompute import settings
from parcompute.box import Index
from parcompute.errors import ConfigError
from parcompute.field import Field
from parcompute.grid import Grid
from parcompute.stencils import fused
from parcompute.stencils.application import Application, Clock, Number
from parcompute.stencils.compiled_sequence import CompiledSequence
from parcompute.stencils.passes import CompiledWork, Pass
from parcompute.stencils.shapes import PAST_THE_CACHE, Shape, shape_of
from parcompute.stencils.tiles import TilePlan, plan
from parcompute.stencils.tuning import Choice, FixedDepth, Tuner, candidates
from parcompute.stencils.works import Partials, has_wall_faces


class Work(Protocol):
    """One application, one sweep."""

    def sweep(
        self, scalars: Sequence[Number], time: float, *, reduce: bool, stream: bool
    ) -> Partials:
        """Replace the results once; return this rank's part of the reductions if asked for."""


class BoundSequence:
    """Applications that are run in turn, `sweeps` times.

    Parameters
    ----------
    applications : sequence of Application
        The kernels of one sweep, on fields of one grid.
    chosen : Settings
        Engine, threads and time tiles.
    """

    def __init__(self, applications: Sequence[Application], chosen: settings.Settings) -> None:
        self.applications, self.settings = list(applications), chosen
        self.grid: Grid = applications[0].fields[0].grid
        self.compiled = self._compiled()
        self._works: list[Work] = []
        self._passes: dict[tuple[int, Shape], Pass] = {}
        self._halos: list[Index] = []
        self._fitting: dict[int, bool] = {}
        self._varies = any(side.varies for f in self.fields for pair in f.sides for side in pair)
        self.reducing = [k for k, a in enumerate(applications) if a.stencil.reductions]
        self.tuner = self._tuner()

    def _tuner(self) -> Tuner | FixedDepth | None:
        """Return what chooses time tiles; None where everything goes sweep by sweep."""
        wanted = self.settings.time_tile
        if self.compiled is None or wanted == 1 or not self._linear():
            return None
        if not any(a.results for a in self.applications):
            return None  # they only reduce
        if isinstance(wanted, int):
            return FixedDepth(self.grid.ndim, wanted)
        if self.compiled.in_place:
            return None  # tiles would need arrays that sweeps in place do not
        load = self.plan(1).load.values()
        radius = tuple(
            max((max(low[a], high[a]) for low, high in load), default=0)
            for a in range(self.grid.ndim)
        )
        block = self._smallest()
        stream = self.compiled.streams(prod(block))
        staged = bool(self.compiled.inner)
        recipes = candidates(self.grid.ndim, radius, block, stream, staged=staged)
        found = [recipe for recipe in recipes if self._fits(recipe.depth)]
        if not found or not any(radius):
            return None
        return Tuner(self.grid.comm, self.identity(self.grid.dims), found)

    def identity(self, dims: Index) -> str:
        """Return what the best time tile for ranks in `dims` depends on besides the machine."""
        assert self.compiled is not None
        grid = self.grid
        parts = (grid.shape_global, dims, grid.periods, self.settings.threads)
        return "\n".join([repr(parts), *self.compiled.texts])

    def _smallest(self) -> Index:
        """Return the cells of the smallest block of any rank."""
        grid = self.grid
        return tuple(n // d for n, d in zip(grid.shape_global, grid.dims, strict=True))

    def _fits(self, depth: int) -> bool:
        """Return whether halos for so many sweeps fit into every block."""
        if depth not in self._fitting:
            self._fitting[depth] = self._fit(depth)
        return self._fitting[depth]

    def deepest(self, depth: int) -> int:
        """Return the most sweeps of a tile, up to `depth`, whose halos fit into every block."""
        return next((d for d in range(depth, 1, -1) if self._fits(d)), 1)

    def _fit(self, depth: int) -> bool:
        assert self.compiled is not None
        made = self.plan(depth)
        for i in made.instructions:
            if i.op == "fill" and i.outputs[0].field in self.compiled.wall_faces:
                pairs = zip(i.known[0], self._smallest(), strict=True)
                if any(0 < below >= n - 1 for below, n in pairs):
                    return False  # ghosts on the high wall are made of the face on the low one
        for f, (low, high) in made.around.items():
            faces = [place == "face" for place in self.fields[f].at]
            for a, n in enumerate(self._smallest()):
                if self.exchanged[a] and max(low[a], high[a]) > n - faces[a]:
                    return False
        return True

    @property
    def fields(self) -> list[Field]:
        """All different fields."""
        every = [f for a in self.applications for f in (*a.results, *a.fields)]
        return list(dict.fromkeys(every))

    def _compiled(self) -> CompiledSequence | None:
        """Return the compiled kernels; None where an application has no formula to compile."""
        if self.settings.engine == "numpy":
            return None
        if not all(hasattr(a.stencil, "formula") for a in self.applications):
            return None
        formulas: dict[Any, Any] = {}
        for a in self.applications:
            key = (a.stencil, *_types(a))
            formulas.setdefault(key, a.stencil.typed(a))  # type: ignore[attr-defined]
        found = [formulas[(a.stencil, *_types(a))] for a in self.applications]
        return CompiledSequence(self.applications, found)

    def _linear(self) -> bool:
        """Whether all ghosts follow from linear rules, which tiles can apply inside.

        Ghosts of fields that are never written are filled once for all sweeps of a tile.
        """
        written = {result for a in self.applications for result in a.results}
        return all(
            side.linear and (f in written or not side.varies)
            for f in self.fields
            for pair in f.sides
            for side in pair
        )

    def describe(self) -> str:
        """Return how the sequence is computed."""
        names = ", ".join(dict.fromkeys(a.stencil.name for a in self.applications))
        tiles = self.tuner.describe() if self.tuner else "sweep by sweep"
        return f"{names}: {'numba' if self.compiled else 'numpy'}, {tiles}"

    def run(
        self, applications: Sequence[Application], sweeps: int, clock: Clock | None
    ) -> list[list[float | int]]:
        """Make sweeps; return what the last one reduces, for each application that does."""
        self._check_clock(clock)
        self._follow_halos()
        partials: list[Partials] = []
        done, last = 0, sweeps - 1 if self.reducing else sweeps
        while done < sweeps:
            choice = self._choice(last - done)
            begin = perf_counter()
            if choice is None or choice == PAST_THE_CACHE:
                count, reduce = 1, done == sweeps - 1
                stream = choice is not None and not reduce
                partials = self._plain(applications, done, clock, reduce=reduce, stream=stream)
            else:
                count = choice.depth
                shape = shape_of(choice, self.grid.shape_local, self.settings.threads)
                self.tile(shape, count, applications, done, clock)
            if self.tuner is not None:
                self.tuner.record(choice, perf_counter() - begin, count)
            done += count
        self._set_faces(clock, sweeps)
        return [
            fused.total(
                self.grid.comm,
                applications[k].stencil.reductions,
                applications[k].stencil.whole(applications[k]),  # type: ignore[attr-defined]
                part,
            )
            for k, part in zip(self.reducing, partials, strict=False)
        ]

    def _choice(self, remaining: int) -> Choice:
        """Return how the next sweeps are made."""
        least = 2 if len(self.applications) == 1 else 1
        if self.tuner is None or remaining < least:
            return None
        choice = self.tuner.next(remaining)
        if choice is None or self._fits(choice.depth):
            return choice
        depth = self.deepest(choice.depth)
        return choice._replace(depth=depth) if depth > 1 else None

    def _check_clock(self, clock: Clock | None) -> None:
        if self._varies and clock is None:
            raise ConfigError(
                f"A boundary of '{self.applications[0].stencil.name}' varies in time, so that the "
                f"call needs clock=pc.Clock(step, dt) (in an experiment clock=self.clock)."
            )

    def _follow_halos(self) -> None:
        """Forget what was made for halos of another width."""
        halos = [field.halo for field in self.fields]
        if halos != self._halos:
            self._halos, self._works, self._passes = halos, [], {}

    def _plain(
        self,
        applications: Sequence[Application],
        sweep: int,
        clock: Clock | None,
        *,
        reduce: bool,
        stream: bool,
    ) -> list[Partials]:
        """Make one sweep, kernel by kernel."""
        self._works = self._works or self._make_works()
        time = clock.time(sweep) if clock else None
        found = []
        for k, (work, application) in enumerate(zip(self._works, applications, strict=True)):
            wanted = reduce and k in self.reducing
            values = application.steady
            if values is None:
                values = application.values(sweep, time)
            part = work.sweep(values, time or 0.0, reduce=wanted, stream=stream)
            if wanted:
                found.append(part)
        return found

    def _make_works(self) -> list[Work]:
        if self.compiled is None:
            return [a.stencil.work(a) for a in self.applications]  # type: ignore[attr-defined]
        count = len(self.applications)
        return [CompiledWork(self.compiled, k, self.settings.threads) for k in range(count)]

    def plan(self, depth: int) -> TilePlan:
        """Return the plan of a tile that makes `depth` sweeps."""
        assert self.compiled is not None
        faces, custom = self.compiled.wall_faces, self.compiled.custom
        inner = self.compiled.inner
        return plan(self.compiled.uses, depth, self.grid.ndim, faces, custom, inner)

    def tile(
        self,
        shape: Shape,
        depth: int,
        applications: Sequence[Application],
        sweep: int,
        clock: Clock | None,
    ) -> None:
        """Make `depth` sweeps at once."""
        chosen = self._pass(shape, depth)
        times = [clock.time(sweep + k) if clock else None for k in range(depth)]
        for use, application in enumerate(applications):
            if application.steady is not None:
                chosen.hold_scalars(use, application.steady)
                continue
            for k, time in enumerate(times):
                chosen.set_scalars(use, k, application.values(sweep + k, time))
        chosen([time or 0.0 for time in times])

    def _pass(self, shape: Shape, depth: int) -> Pass:
        assert self.compiled is not None
        key = depth, shape
        if key not in self._passes:
            made = self.plan(depth)
            self._widen(made)
            stages = range(len(made.uses))
            self._passes[key] = Pass(
                self.compiled,
                made,
                [self.compiled.bound(k, in_place=False) for k in stages],
                streaming=[self.compiled.bound(k, in_place=False, stream=True) for k in stages]
                if shape.stream
                else (),
                tile=shape.tile,
                rows=shape.rows,
                threads=self.settings.threads,
                corners=self.grid.ndim > 1,
            )
        return self._passes[key]

    def _widen(self, made: TilePlan) -> None:
        """Give fields halos as deep as the plan reads, along axes that have messages."""
        for f, (low, high) in made.around.items():
            field = self.fields[f]
            need = tuple(
                max(a, b, w) if exchanged else w
                for a, b, w, exchanged in zip(low, high, field.halo, self.exchanged, strict=True)
            )
            if need != field.halo:
                field.widen(need)
        self._follow_halos()

    @property
    def exchanged(self) -> tuple[bool, ...]:
        """Whether blocks have neighbours along each axis, themselves included."""
        pairs = zip(self.grid.periods, self.grid.dims, strict=True)
        return tuple(periodic or ranks > 1 for periodic, ranks in pairs)

    def _set_faces(self, clock: Clock | None, sweeps: int) -> None:
        """Set the faces on walls that kernels have computed like any others."""
        time = clock.time(sweeps) if clock else 0.0
        for field in dict.fromkeys(r for a in self.applications for r in a.results):
            if has_wall_faces(field):
                field.ghosts.set_faces(field.padded, time)


def _types(application: Application) -> tuple[str, ...]:
    fields = (*application.results, *application.fields)
    return (*(f.dtype.name for f in fields), *application.scalar_kinds().values())
