r"""Sine and cosine.

    E[sin sin] = exp(-(q11 + q22)/2) sinh q12,       E[cos cos] = exp(-(q11 + q22)/2) cosh q12;
each is the other's E[s' s']. Written with exp(|q12| - (q11 + q22)/2) <= 1, so that nothing overflows.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation, Dual


@dataclass(frozen=True)
class Sine(Activation):
    """s(x) = sin x.

    Examples:
        >>> import math
        >>> value = Sine().dual(jnp.array(0.5), jnp.array(1.0), jnp.array(1.0)).value  # exp(-1) sinh(1/2)
        >>> math.isclose(value.item(), math.exp(-1) * math.sinh(0.5), rel_tol=1e-5)
        True
    """

    name: str = "sin"

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The sine of x in radian."""
        return jnp.sin(x)

    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """E[sin sin] and E[cos cos]."""
        sines, cosines = _expectations(q12, q11, q22)
        return Dual(sines, cosines)

    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """(1 - exp(-2q))/2 and (1 + exp(-2q))/2."""
        return self.dual(q, q, q)


@dataclass(frozen=True)
class Cosine(Activation):
    """s(x) = cos x.

    Examples:
        >>> import math
        >>> value = Cosine().dual(jnp.array(0.5), jnp.array(1.0), jnp.array(1.0)).value  # exp(-1) cosh(1/2)
        >>> math.isclose(value.item(), math.exp(-1) * math.cosh(0.5), rel_tol=1e-5)
        True
    """

    name: str = "cos"

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The cosine of x in radian."""
        return jnp.cos(x)

    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """E[cos cos] and E[sin sin]."""
        sines, cosines = _expectations(q12, q11, q22)
        return Dual(cosines, sines)

    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """(1 + exp(-2q))/2 and (1 - exp(-2q))/2."""
        return self.dual(q, q, q)


def _expectations(
    q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """E[sin sin] and E[cos cos]."""
    size = jnp.abs(q12)
    half = jnp.exp(size - (q11 + q22) / 2) / 2
    decay = jnp.expm1(-2 * size)
    return -jnp.sign(q12) * half * decay, half * (2 + decay)
