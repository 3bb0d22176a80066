r"""Arc cosine and arc sine as a square root times a polynomial, accurate to the precision in use.

With z = x^2 for |x| <= 1/2 and z = (1 - |x|)/2 beyond, both functions follow from arcsin(sqrt z) for z in [0, 1/4]:
    arcsin x = arcsin(sqrt z)  or  pi/2 - 2 arcsin(sqrt z),      arccos x = pi/2 - arcsin x  or  2 arcsin(sqrt z),
and arcsin(sqrt z)/sqrt z is analytic there with its nearest singularity at z = 1, so that its Chebyshev series falls
like 13.9^-k: degree 5 is enough for float32 and 13 for float64. The branch points at x = +-1 sit in the square root,
hence the *relative* error stays at rounding level on the whole interval. (Abramowitz and Stegun, Handbook of
Mathematical Functions, 1964, 4.4.46 do the same with one polynomial of degree 7 and 2e-8 absolute.) The library's
arccos goes through atan2, which costs several times more.
"""

from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_FLOAT32_DEGREE = 5
_FLOAT64_DEGREE = 13


def arccos(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The angle in [0, pi] whose cosine is `x`; arguments outside [-1, 1] count as the nearest end."""
    outer, angle = _reduced_arcsin(x, 1 - jnp.abs(x))
    return _arccos(x, outer, angle)


def arccos_and_supplement(
    x: Float[Array, "..."], deficit: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Arccos(x) and arccos(-x); `deficit` is 1 - |x|, known more precisely perhaps than by subtraction."""
    outer, angle = _reduced_arcsin(x, deficit)
    return _arccos(x, outer, angle), _arccos(-x, outer, angle)


def arcsin(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The angle in [-pi/2, pi/2] whose sine is `x`; arguments outside [-1, 1] count as the nearest end."""
    outer, angle = _reduced_arcsin(x, 1 - jnp.abs(x))
    size = jnp.where(outer, np.pi / 2 - 2 * angle, angle)
    return jnp.where(x < 0, -size, size)


def _arccos(x: Float[Array, "..."], outer: Array, angle: Float[Array, "..."]) -> Float[Array, "..."]:
    near_end = jnp.where(x < 0, np.pi - 2 * angle, 2 * angle)
    return jnp.where(outer, near_end, np.pi / 2 - jnp.where(x < 0, -angle, angle))


def _reduced_arcsin(x: Float[Array, "..."], deficit: Float[Array, "..."]) -> tuple[Array, Float[Array, "..."]]:
    """Whether |x| > 1/2, and arcsin(sqrt z); `deficit` is 1 - |x|."""
    size = jnp.minimum(jnp.abs(x), 1)
    outer = size > 0.5
    z = jnp.where(outer, jnp.maximum(deficit, 0) / 2, size * size)
    root = jnp.where(outer, jnp.sqrt(z), size)
    t = 8 * z - 1
    first, *rest = _coefficients(_FLOAT64_DEGREE if size.dtype == jnp.float64 else _FLOAT32_DEGREE)
    ratio = jnp.full_like(t, first)
    for coefficient in rest:
        ratio = ratio * t + coefficient
    return outer, root * ratio


@cache
def _coefficients(degree: int) -> tuple[float, ...]:
    """arcsin(sqrt z)/sqrt z as a polynomial in t = 8 z - 1, the highest power first."""
    root = np.sqrt((np.polynomial.chebyshev.chebpts1(60) + 1) / 8)
    series = np.polynomial.chebyshev.chebfit(8 * root**2 - 1, np.arcsin(root) / root, degree)
    return tuple(float(c) for c in np.polynomial.chebyshev.cheb2poly(series)[::-1])
