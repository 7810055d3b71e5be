"""Slope limiters: plain functions of two neighbouring differences, for stencils to call.

Each returns a slope per cell that is 0 at extremes (where the differences have opposite signs), so
that reconstructed values stay between their neighbours.
"""

from __future__ import annotations

from typing import Any


def minmod(a: Any, b: Any) -> Any:
    """Return the smaller of two differences, 0 if their signs differ.

    The most cautious limiter: van Leer, J. Comput. Phys. 32 (1979) 101; Roe, Annu. Rev. Fluid
    Mech. 18 (1986) 337.
    """
    return max(min(a, b), 0.0) + min(max(a, b), 0.0)


def monotonized_central(a: Any, b: Any) -> Any:
    """Return the mean of two differences, at most twice the smaller, 0 if their signs differ.

    The sharpest of the limiters that are symmetric: van Leer, J. Comput. Phys. 23 (1977) 276.
    """
    low = min(min(2.0 * a, 2.0 * b), 0.5 * (a + b))
    high = max(max(2.0 * a, 2.0 * b), 0.5 * (a + b))
    return max(low, 0.0) + min(high, 0.0)
