"""The HLLC flux of the Euler equations, for stencils to call.

E. F. Toro, "Riemann Solvers and Numerical Methods for Fluid Dynamics", 3rd ed. (Springer 2009),
sections 10.4 to 10.6. A state is (density, normal velocity, tangential velocity, pressure).
"""

from __future__ import annotations

from math import sqrt
from typing import Any

State = tuple[Any, Any, Any, Any]


def hllc(left: State, right: State, gamma: float) -> State:
    """Return the flux across a face.

    Parameters
    ----------
    left, right : tuple
        States beside the face: density, normal and tangential velocity, pressure.
    gamma : float
        Ratio of specific heats.

    Returns
    -------
    tuple
        Flux of mass, normal momentum, tangential momentum and energy.
    """
    slow, fast = wave_speeds(left, right, gamma)
    rho_l, u_l, _, p_l = left
    rho_r, u_r, _, p_r = right
    m_l, m_r = rho_l * (slow - u_l), rho_r * (fast - u_r)
    contact = (p_r - p_l + m_l * u_l - m_r * u_r) / (m_l - m_r)

    # the side that the face lies in, and its wave, 0 if it does not cross the face
    is_left = contact >= 0.0
    rho, u, v, p = left if is_left else right
    m = m_l if is_left else m_r
    speed = slow if is_left else fast
    crossing = min(slow, 0.0) if is_left else max(fast, 0.0)

    energy = p * (1.0 / (gamma - 1.0)) + 0.5 * rho * (u * u + v * v)
    per = 1.0 / (speed - contact)
    rho_star = m * per
    p_star = p + m * (contact - u)
    energy_star = ((speed - u) * energy - p * u + p_star * contact) * per
    return (
        rho * u + crossing * (rho_star - rho),
        rho * u * u + p + crossing * (rho_star * contact - rho * u),
        rho * u * v + crossing * (rho_star * v - rho * v),
        (energy + p) * u + crossing * (energy_star - energy),
    )


def wave_speeds(left: State, right: State, gamma: float) -> tuple[Any, Any]:
    """Return speeds of the left and the right wave, from an estimate of the pressure between them.

    A rarefaction goes at the speed of sound c, a shock faster, at
    c sqrt(1 + (gamma + 1) / (2 gamma) (p_between / p - 1)).
    """
    rho_l, u_l, _, p_l = left
    rho_r, u_r, _, p_r = right
    per = gamma / (rho_l * rho_r)  # one division for both
    per_l, per_r = per * rho_r, per * rho_l
    c_l, c_r = sqrt(p_l * per_l), sqrt(p_r * per_r)
    p = 0.5 * (p_l + p_r) - 0.125 * (u_r - u_l) * (rho_l + rho_r) * (c_l + c_r)
    more = (gamma + 1.0) / (2.0 * gamma)
    fast_l = sqrt((p_l + more * max(p - p_l, 0.0)) * per_l)
    fast_r = sqrt((p_r + more * max(p - p_r, 0.0)) * per_r)
    return u_l - fast_l, u_r + fast_r
