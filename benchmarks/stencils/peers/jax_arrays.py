"""JAX on the CPU: a jitted ``fori_loop`` over whole arrays, whose memory is donated.

Arrays have a ring of zeros. To compute the cells inside and pad them is the fastest of the natural
ways (``at[1:-1, 1:-1].add`` and ``roll`` reach less than half).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.stencils import problems

jax.config.update("jax_enable_x64", True)

State = tuple[jax.Array, ...]


class Problem:
    """Fields that one jitted function advances by all steps."""

    def __init__(
        self,
        comm: Any,
        shape: tuple[int, ...],
        steps: int,
        *,
        names: tuple[str, ...],
        step: Callable[[State], State],
    ) -> None:
        self.box = tuple(slice(0, n) for n in shape)
        self.state = tuple(self._start(name, shape) for name in names)
        self.advance = jax.jit(
            lambda state: jax.lax.fori_loop(0, steps, lambda _, s: step(s), state),
            donate_argnums=0,
        )

    def run(self) -> None:
        """Run all steps."""
        self.state = jax.block_until_ready(self.advance(self.state))

    def window(self) -> list[tuple[Any, Any]]:
        """Return all cells."""
        return [(self.box, np.array(field)[1:-1, 1:-1]) for field in self.state]

    def _start(self, name: str, shape: tuple[int, ...]) -> jax.Array:
        field = np.zeros(tuple(n + 2 for n in shape))
        problems.fill(field[1:-1, 1:-1], name, shape, self.box)
        return jnp.asarray(field)


def _heat2d(state: State) -> State:
    (u,) = state
    neighbours = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
    inner = u[1:-1, 1:-1]
    return (jnp.pad(inner + problems.HEAT2D * (neighbours - 4.0 * inner), 1),)


def _shallow2d(state: State) -> State:
    h, e, n = state
    depth, g, cor, s = problems.SHALLOW.values()
    c, up, down = slice(1, -1), slice(2, None), slice(0, -2)
    mean_n = 0.25 * (n[c, c] + n[c, up] + n[down, c] + n[down, up])
    mean_e = 0.25 * (e[c, c] + e[up, c] + e[c, down] + e[up, down])
    east = jnp.pad(e[c, c] - g * (h[c, up] - h[c, c]) + cor * mean_n, 1)
    north = jnp.pad(n[c, c] - g * (h[up, c] - h[c, c]) - cor * mean_e, 1)
    flux_e = (depth + 0.5 * (h[c, :-1] + h[c, 1:])) * east[c, :-1]
    flux_n = (depth + 0.5 * (h[:-1, c] + h[1:, c])) * north[:-1, c]
    divergence = flux_e[:, 1:] - flux_e[:, :-1] + flux_n[1:] - flux_n[:-1]
    return jnp.pad(h[c, c] - s * divergence, 1), east, north


PROBLEMS = {
    "heat2d": partial(Problem, names=("u",), step=_heat2d),
    "shallow2d": partial(Problem, names=("eta", "east", "north"), step=_shallow2d),
}
