"""parcompute: stencils of relative offsets on fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import parcompute as pc
from benchmarks.stencils import problems
from parcompute import settings

C0, C1, C2, C3, C4 = problems.LAPLACE8


@pc.stencil
def heat2d(u, *, r):  # noqa: D103
    return u[0, 0] + r * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4.0 * u[0, 0])


@pc.stencil
def heat3d(u, *, r):  # noqa: D103
    return u[0, 0, 0] + r * (
        u[-1, 0, 0]
        + u[1, 0, 0]
        + u[0, -1, 0]
        + u[0, 1, 0]
        + u[0, 0, -1]
        + u[0, 0, 1]
        - 6.0 * u[0, 0, 0]
    )


@pc.stencil
def wave3d(prev, u, m):  # noqa: D103
    laplacian = (
        3.0 * C0 * u[0, 0, 0]
        + C1 * (u[-1, 0, 0] + u[1, 0, 0] + u[0, -1, 0] + u[0, 1, 0] + u[0, 0, -1] + u[0, 0, 1])
        + C2 * (u[-2, 0, 0] + u[2, 0, 0] + u[0, -2, 0] + u[0, 2, 0] + u[0, 0, -2] + u[0, 0, 2])
        + C3 * (u[-3, 0, 0] + u[3, 0, 0] + u[0, -3, 0] + u[0, 3, 0] + u[0, 0, -3] + u[0, 0, 3])
        + C4 * (u[-4, 0, 0] + u[4, 0, 0] + u[0, -4, 0] + u[0, 4, 0] + u[0, 0, -4] + u[0, 0, 4])
    )
    return 2.0 * u[0, 0, 0] - prev[0, 0, 0] + m[0, 0, 0] * laplacian


@pc.stencil
def gray_scott(u, v, *, du, dv, f, k):  # noqa: D103
    reaction = u[0, 0, 0] * v[0, 0, 0] * v[0, 0, 0]
    diffusion_u = (
        u[-1, 0, 0]
        + u[1, 0, 0]
        + u[0, -1, 0]
        + u[0, 1, 0]
        + u[0, 0, -1]
        + u[0, 0, 1]
        - 6.0 * u[0, 0, 0]
    )
    diffusion_v = (
        v[-1, 0, 0]
        + v[1, 0, 0]
        + v[0, -1, 0]
        + v[0, 1, 0]
        + v[0, 0, -1]
        + v[0, 0, 1]
        - 6.0 * v[0, 0, 0]
    )
    return (
        u[0, 0, 0] + du * diffusion_u - reaction + f * (1.0 - u[0, 0, 0]),
        v[0, 0, 0] + dv * diffusion_v + reaction - (f + k) * v[0, 0, 0],
    )


@pc.stencil
def momentum(east, north, eta, *, g, cor):  # noqa: D103
    mean_north = 0.25 * (north[0, 0] + north[0, 1] + north[-1, 0] + north[-1, 1])
    mean_east = 0.25 * (east[0, 0] + east[1, 0] + east[0, -1] + east[1, -1])
    return (
        east[0, 0] - g * (eta[0, 1] - eta[0, 0]) + cor * mean_north,
        north[0, 0] - g * (eta[1, 0] - eta[0, 0]) - cor * mean_east,
    )


@pc.stencil
def continuity(eta, east, north, *, depth, s):  # noqa: D103
    return eta[0, 0] - s * (
        (depth + 0.5 * (eta[0, 0] + eta[0, 1])) * east[0, 0]
        - (depth + 0.5 * (eta[0, -1] + eta[0, 0])) * east[0, -1]
        + (depth + 0.5 * (eta[0, 0] + eta[1, 0])) * north[0, 0]
        - (depth + 0.5 * (eta[-1, 0] + eta[0, 0])) * north[-1, 0]
    )


class Problem:
    """Fields on a grid that is shared by all ranks; zero on the walls.

    Parameters
    ----------
    comm : Communicator or None
        The ranks; None if there is only one.
    shape : tuple of int
        Cells.
    steps : int
        Steps of a run.
    threads, time_tile
        As in `parcompute.settings.Settings`.
    """

    names: tuple[str, ...] = ("u",)
    moving = 1  # the first so many fields are compared
    halos: tuple[int, ...] = (1,)
    doubled = True  # whether the compared fields need a second array to write to

    def __init__(
        self, comm: Any, shape: tuple[int, ...], steps: int, *, threads: int, time_tile: Any
    ) -> None:
        self.steps = steps
        self.settings = settings.Settings(threads=threads, time_tile=time_tile)
        self.grid = pc.Grid(shape, comm=pc.serial() if comm is None else comm)
        self.box = tuple(map(slice, self.grid.box.start, self.grid.box.stop))
        self.fields = [self._field(*pair) for pair in zip(self.names, self.halos, strict=True)]

    def run(self) -> None:
        """Run all steps."""
        with settings.use(self.settings):
            self.advance(*self.fields, self.steps)

    def advance(self, *arguments: Any) -> None:
        """Advance the fields by a number of steps."""
        raise NotImplementedError

    def window(self) -> list[tuple[Any, Any]]:
        """Return the cells of this rank."""
        return [(self.box, field.owned.copy()) for field in self.fields[: self.moving]]

    def needs(self) -> int:
        """Return the bytes of the arrays that the scheme needs, with halo and ghosts."""
        replaced = self.fields[: self.moving] if self.doubled else []
        return sum(field.padded.nbytes for field in [*self.fields, *replaced])

    def _field(self, name: str, halo: int) -> pc.Field:
        field = self.grid.field(name, halo=halo, boundary=pc.Dirichlet(0.0))
        problems.fill(field.owned, name, self.grid.shape_global, self.box)
        return field


class Heat2D(Problem):
    """u_t = alpha lap(u)."""

    def advance(self, u: pc.Field, steps: int) -> None:
        """Advance the fields by a number of steps."""
        heat2d(u, r=problems.HEAT2D, sweeps=steps)


class Heat3D(Problem):
    """u_t = alpha lap(u)."""

    def advance(self, u: pc.Field, steps: int) -> None:
        """Advance the fields by a number of steps."""
        heat3d(u, r=problems.HEAT3D, sweeps=steps)


class Wave3D(Problem):
    """u_tt = v^2 lap(u), m = dt^2 v^2; the new level replaces the one before the last."""

    names = ("u", "prev", "m")
    halos = (4, 4, 0)
    doubled = False

    def advance(self, u: pc.Field, prev: pc.Field, m: pc.Field, steps: int) -> None:
        """Advance the fields by an even number of steps."""
        pc.sweep([wave3d.on(prev, u, m, out=prev), wave3d.on(u, prev, m, out=u)], sweeps=steps // 2)


class GrayScott3D(Problem):
    """Two reacting and diffusing species."""

    names = ("u", "v")
    moving = 2
    halos = (1, 1)

    def advance(self, u: pc.Field, v: pc.Field, steps: int) -> None:
        """Advance the fields by a number of steps."""
        gray_scott(u, v, **problems.GRAY_SCOTT, sweeps=steps)


class Shallow2D(Problem):
    """Shallow water on a C grid: momentum, then continuity with the new velocities."""

    names = ("eta", "east", "north")
    moving = 3
    halos = (1, 1, 1)

    def advance(self, eta: pc.Field, east: pc.Field, north: pc.Field, steps: int) -> None:
        """Advance the fields by a number of steps."""
        depth, g, cor, s = problems.SHALLOW.values()
        pc.sweep(
            [
                momentum.on(east, north, eta, g=g, cor=cor),
                continuity.on(eta, east, north, depth=depth, s=s),
            ],
            sweeps=steps,
        )


PROBLEMS: dict[str, Callable[..., Problem]] = {
    "heat2d": Heat2D,
    "latency": Heat2D,
    "heat3d": Heat3D,
    "wave3d": Wave3D,
    "gray_scott3d": GrayScott3D,
    "shallow2d": Shallow2D,
}
