"""From raw words to distributions, by operations that give the same bits everywhere.

The functions work on NumPy arrays. The compiled engine takes the text of this file and compiles
the same functions for single numbers. So there is nothing but what IEEE 754 rounds correctly:
``+ - * /``, square roots, conversions, and operations on bits. NumPy's own logarithm and
normal numbers are not used, because their last bits depend on the processor, and on where in an
array a number stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

HALF_ROOT = 0x3FE6A09E667F3BCD  # the bits of the square root of 1/2
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
ULP, TINY = 2.0**-53, 2.0**-64
CENTRE = 0.425  # probabilities as far from 1/2 as this are in the centre


def uniform_of(word: Any) -> Any:
    """Return numbers in [0, 1) of 53 bits, from uint64, as NumPy's generators do."""
    return (word >> np.uint64(11)) * ULP


def exponential_of(word: Any) -> Any:
    """Return exponential numbers of mean 1, from uint64.

    ``-log(p)`` for ``p = (word + 1/2) / 2**64``: from 0 to 45.05.
    """
    return 0.0 - logarithm((word + 0.5) * TINY)  # 0, not -0


def tail_of(word: Any) -> Any:
    """Return the smaller of p and 1 - p for ``p = (word + 1/2) / 2**64``, from words as int64."""
    return ((word ^ (word >> 63)) + 0.5) * TINY


def logarithm(x: Any) -> Any:
    """Return the natural logarithm of positive normal numbers, to less than 1 ulp.

    For ``x = 2**k (1 + f)`` with f from sqrt(1/2) - 1 to sqrt(2) - 1, and ``s = f / (2 + f)``,
    ``log(1 + f) = f - s (f - R)``, with R a polynomial in s**2: fdlibm's e_log.c
    (Sun Microsystems, 1993).
    """
    bits = np.float64(x).view(np.int64)
    k = (bits - HALF_ROOT) >> 52
    f = np.int64(bits - (k << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (
        3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01)
    )
    odd = z * (
        6.666666666666735130e-01
        + w
        * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    return k * LN2_HIGH - ((half - (s * (half + (even + odd)) + k * LN2_LOW)) - f)


def central_quantile(q: Any) -> Any:
    """Return the normal number that is exceeded with probability 1/2 - q, for q in [0, 0.425].

    Algorithm AS 241, PPND16: M. J. Wichura, Applied Statistics 37 (1988) 477-484; relative
    error about 1e-16.
    """
    r = 0.180625 - q * q
    n = 2.5090809287301226727e3
    n = n * r + 3.3430575583588128105e4
    n = n * r + 6.7265770927008700853e4
    n = n * r + 4.5921953931549871457e4
    n = n * r + 1.3731693765509461125e4
    n = n * r + 1.9715909503065514427e3
    n = n * r + 1.3314166789178437745e2
    n = n * r + 3.3871328727963666080e0
    d = 5.2264952788528545610e3
    d = d * r + 2.8729085735721942674e4
    d = d * r + 3.9307895800092710610e4
    d = d * r + 2.1213794301586595867e4
    d = d * r + 5.3941960214247511077e3
    d = d * r + 6.8718700749205790830e2
    d = d * r + 4.2313330701600911252e1
    d = d * r + 1.0
    return q * n / d


def distance(tail: Any) -> Any:
    """Return the variable in which the tails of AS 241 are rational functions."""
    return np.sqrt(-logarithm(tail))


def near_quantile(distance: Any) -> Any:
    """Return the normal number of a tail in the second region of AS 241, ``distance <= 5``."""
    r = distance - 1.6
    n = 7.74545014278341407640e-4
    n = n * r + 2.27238449892691845833e-2
    n = n * r + 2.41780725177450611770e-1
    n = n * r + 1.27045825245236838258e0
    n = n * r + 3.64784832476320460504e0
    n = n * r + 5.76949722146069140550e0
    n = n * r + 4.63033784615654529590e0
    n = n * r + 1.42343711074968357734e0
    d = 1.05075007164441684324e-9
    d = d * r + 5.47593808499534494600e-4
    d = d * r + 1.51986665636164571966e-2
    d = d * r + 1.48103976427480074590e-1
    d = d * r + 6.89767334985100004550e-1
    d = d * r + 1.67638483018380384940e0
    d = d * r + 2.05319162663775882187e0
    d = d * r + 1.0
    return n / d


def far_quantile(distance: Any) -> Any:
    """Return the normal number of a tail in the third region of AS 241, ``distance > 5``."""
    r = distance - 5.0
    n = 2.01033439929228813265e-7
    n = n * r + 2.71155556874348757815e-5
    n = n * r + 1.24266094738807843860e-3
    n = n * r + 2.65321895265761230930e-2
    n = n * r + 2.96560571828504891230e-1
    n = n * r + 1.78482653991729133580e0
    n = n * r + 5.46378491116411436990e0
    n = n * r + 6.65790464350110377720e0
    d = 2.04426310338993978564e-15
    d = d * r + 1.42151175831644588870e-7
    d = d * r + 1.84631831751005468180e-5
    d = d * r + 7.86869131145613259100e-4
    d = d * r + 1.48753612908506148525e-2
    d = d * r + 1.36929880922735805310e-1
    d = d * r + 5.99832206555887937690e-1
    d = d * r + 1.0
    return n / d
