"""Physical boundaries: how the cells beyond a wall follow from the cells inside.

At cell centres a wall is the face between the first ghost and the first owned cell. Ghost
k = 0, 1, … mirrors owned cell k::

       ghost 1   ghost 0  |  owned 0   owned 1
          o         o    wall    o         o
                    <- (2k + 1) h, k = 0 ->

Along an axis on whose faces a field lives, a face lies on each wall: at the low wall it is owned,
at the high wall it is the first ghost::

       ghost 1  ghost 0  owned 0  owned 1       owned n-1  ghost 0  ghost 1
          |        |       low       |    . . .     |       high       |
                          wall                              wall

All boundaries but `Custom` are linear: each layer of cells is the sum of at most two layers times
factors and a constant (`parcompute.walls.Layer`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from parcompute.errors import ConfigError
from parcompute.walls import Layer, Rule, Side, Value, Wall, rounded, takes_time


class Boundary:
    """What holds at a wall.

    Attributes
    ----------
    linear : bool
        Whether `layers` and `constants` say all; False for the user's own function.
    varies : bool
        Whether the constants depend on time.
    """

    linear: ClassVar[bool] = True

    @cached_property
    def varies(self) -> bool:
        """Whether the constants depend on time."""
        return takes_time(self._value())

    def layers(
        self, width: int, *, face: bool, low: bool, spacing: float, kind: str
    ) -> tuple[Layer, ...]:
        """Return the layers of cells that are filled, from the wall outwards.

        Parameters
        ----------
        width : int
            Layers of ghosts; nothing is filled if it is 0.
        face : bool
            Whether the values lie on faces along the wall's axis, or at centres.
        low : bool
            Whether it is the low wall.
        spacing : float
            Cell size along the axis [length].
        kind : str
            ``dtype.kind`` of the field.

        Raises
        ------
        ConfigError
            If the boundary makes no sense for this spacing or this kind of values.
        """
        side = Side(width, face, low, spacing, kind)
        return tuple(layer for layer, _ in self._rules(side)) if width else ()

    def constants(self, wall: Wall, layers: Sequence[Layer], time: float) -> NDArray[Any]:
        """Return the constants of layers in the field's type.

        Returns
        -------
        ndarray
            Broadcastable to ``(len(layers), *padded shape without the wall's axis)``. "No constant"
            is -0.0, which leaves the sign of zeros as it is, or 0 for integers and booleans.
        """
        weights = {layer.target: weight for layer, weight in self._rules(wall.side)}
        value = wall.evaluate(self._value(), time)
        column = (len(layers), *(1,) * (wall.ndim - 1))
        chosen = [weights[layer.target] for layer in layers]
        scale = np.array([0.0 if w is None else w for w in chosen]).reshape(column)
        result = rounded(scale * value, wall.dtype)
        if not wall.side.integral:
            result[[w is None for w in chosen]] = np.negative(wall.dtype.type(0))
        return result

    def homogeneous(self) -> Boundary:
        """Return what holds for the difference of two fields with this boundary.

        Raises
        ------
        ConfigError
            If that does not follow from the boundary: `Custom`.
        """
        return self

    def check(self, wall: Wall) -> None:
        """Raise ConfigError if the boundary's value does not suit the wall; on every rank alike."""
        wall.check(self._value())

    def _rules(self, side: Side) -> list[Rule]:
        """Return the layers and the weights of their constants."""
        raise NotImplementedError

    def _value(self) -> Value:
        """Return what the weights are multiplied with."""
        return 1.0


@dataclass(frozen=True)
class Periodic(Boundary):
    """The axis wraps around: its ghosts are halos, filled by exchange (``Grid(periods=…)``)."""

    def _rules(self, side: Side) -> list[Rule]:
        return []


@dataclass(frozen=True, eq=False)
class _Valued(Boundary):
    """A boundary that is a value on the wall."""

    value: Value = 0.0

    def __post_init__(self) -> None:
        check_value(self, "value", self.value)

    def homogeneous(self) -> Self:
        """Return the boundary with the value 0."""
        return replace(self, value=0.0)

    def _value(self) -> Value:
        return self.value


@dataclass(frozen=True, eq=False)
class Dirichlet(_Valued):
    """The field has `value` on the wall, to second order.

    Centres: ghost = 2 value - mirror. Faces: the face on the wall is set to `value`, ghosts beyond
    it to 2 value - mirror. Integers and booleans: as `Fixed`, as they have no values in between.

    Parameters
    ----------
    value : number, ndarray or function
        In units of the field. An array has the shape of the *whole* wall, that of the grid without
        the wall's axis; beyond its edges, in corners, its last values hold. A function gets the
        coordinates of all axes, ``f(y, x)`` in two dimensions, or ``f(y, x, t)`` if it varies in
        time [s]; that of the wall's axis is the position of the wall.
    """

    def _rules(self, side: Side) -> list[Rule]:
        return side.held() if side.integral else side.odd(2.0, 1.0)


@dataclass(frozen=True, eq=False)
class Fixed(_Valued):
    """The ghost cells hold `value` itself; on faces, the face on the wall does, too.

    At centres this puts the value half a cell beyond the wall: right for cells that lie outside,
    a first-order error for a value on the wall (that is `Dirichlet`).

    Parameters
    ----------
    value : number, ndarray or function
        As for `Dirichlet`.
    """

    def _rules(self, side: Side) -> list[Rule]:
        return side.held()


@dataclass(frozen=True, eq=False)
class Neumann(Boundary):
    """The derivative along the outward normal is `gradient`, to second order.

    ghost = mirror + gradient distance, where the distance is that of the two. On faces, the face on
    the low wall is computed like any other; that on the high wall is (4 a - b + 2 h gradient) / 3
    with a and b the two faces before it (for integers: a).

    Parameters
    ----------
    gradient : number, ndarray or function
        In units of the field per length; otherwise as the value of `Dirichlet`. Integer and boolean
        fields take the number 0 only.
    """

    gradient: Value = 0.0

    def __post_init__(self) -> None:
        check_value(self, "gradient", self.gradient)

    def homogeneous(self) -> Neumann:
        """Return the boundary with the gradient 0."""
        return Neumann(0.0)

    def _value(self) -> Value:
        return self.gradient

    def _rules(self, side: Side) -> list[Rule]:
        zero = not callable(self.gradient) and not np.any(self.gradient)
        if side.integral and not zero:
            raise ConfigError(
                "Neumann on a field of integers or booleans expected the gradient 0, got "
                f"{self.gradient!r}: make the field with dtype=float."
            )
        return side.even(gradient=True)


@dataclass(frozen=True)
class Reflecting(Boundary):
    """A mirror.

    Parameters
    ----------
    parity : {"even", "odd"}
        "even": ghost = mirror, for a scalar or a tangential component: no gradient at, and no
        diffusive flux through, the wall (on faces as ``Neumann(0)``). "odd": ghost = -mirror, for
        the normal component of a vector; on faces it is 0 on the wall itself.
    """

    parity: Literal["even", "odd"] = "even"

    def __post_init__(self) -> None:
        _check_choice("Reflecting", "parity", self.parity, ("even", "odd"))

    def _rules(self, side: Side) -> list[Rule]:
        if self.parity == "even":
            return side.even(gradient=False)
        _check_sign("Reflecting(parity='odd')", side)
        return side.odd(None, 0.0)


@dataclass(frozen=True)
class Extrapolating(Boundary):
    """An open wall: ghosts continue the cells inside.

    Parameters
    ----------
    order : {0, 1}
        0: ghosts hold the value of the nearest cell (outflow); 1: they lie on the straight line
        through the two nearest. On faces the one on the low wall counts as a cell and is computed
        like any other; that on the high wall is a ghost.
    """

    order: Literal[0, 1] = 0

    def __post_init__(self) -> None:
        _check_choice("Extrapolating", "order", self.order, (0, 1))

    def _rules(self, side: Side) -> list[Rule]:
        if self.order == 0:
            return [(Layer(target, ((1.0, 0),)), None) for target in range(side.width)]
        _check_sign("Extrapolating(order=1)", side)
        return [
            (Layer(target, ((target + 2.0, 0), (-target - 1.0, 1))), None)
            for target in range(side.width)
        ]


@dataclass(frozen=True)
class Custom(Boundary):
    """The user's own function fills the ghosts.

    Parameters
    ----------
    function : callable
        Called as ``function(ghost, inner, t)`` on each rank that touches the wall. `ghost` has
        shape (w, *cross-section) with layer 0 nearest the wall, `inner` (n, *cross-section) with
        cell 0 nearest the wall; both are views. The cross-section is that of the padded block: it
        includes halo and ghosts of the other axes. On faces the one on the low wall is
        ``inner[0]``, which the function may set, and that on the high wall is ``ghost[0]``. It must
        treat all cells of the cross-section alike, so that results don't depend on the ranks.

    Examples
    --------
    Outflow only: what would flow in is cut off.

    >>> import numpy as np
    >>> import parcompute as pc
    >>> def no_inflow(ghost, inner, t):
    ...     ghost[...] = np.maximum(inner[0], 0.0)
    >>> u = pc.Grid((3,), comm=pc.serial()).field("u", boundary=pc.Custom(no_inflow))
    >>> u[...] = [-1.0, 2.0, 3.0]
    >>> u.exchange()
    >>> u.padded.tolist()
    [0.0, -1.0, 2.0, 3.0, 3.0]
    """

    function: Callable[[NDArray[Any], NDArray[Any], float], None]
    linear: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ConfigError(
                f"Custom() expected a function(ghost, inner, t), got {self.function!r}."
            )

    @cached_property
    def varies(self) -> bool:
        """Whether the ghosts may depend on time."""
        return True

    def homogeneous(self) -> Boundary:
        """Raise, since the function may do anything."""
        raise ConfigError(
            "Solvers need boundaries whose homogeneous form is known, got Custom: use another one."
        )

    def _rules(self, side: Side) -> list[Rule]:
        return []


def check_value(boundary: Boundary, name: str, value: Value) -> None:
    """Raise ConfigError unless `value` is a number, an array of numbers or a function."""
    if not callable(value) and np.asarray(value).dtype.kind not in "biufc":
        raise ConfigError(
            f"{type(boundary).__name__} expected a number, an array of numbers or a function for "
            f"{name}, got {value!r}."
        )


def _check_choice(boundary: str, name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        one, other = map(repr, choices)
        raise ConfigError(f"{boundary}({name}) expected {one} or {other}, got {value!r}.")


def _check_sign(boundary: str, side: Side) -> None:
    if side.kind in "ub":
        raise ConfigError(
            f"{boundary} needs negative numbers, which a field of unsigned integers or booleans "
            f"cannot hold: give it a signed type."
        )
