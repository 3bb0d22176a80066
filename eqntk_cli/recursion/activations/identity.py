"""No nonlinearity: s(x) = x, E[s s] = q12, E[s' s'] = 1 (a deep linear network)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation, Dual


@dataclass(frozen=True)
class Identity(Activation):
    """The linear activation.

    Examples:
        >>> Identity().dual(jnp.array(0.5), jnp.array(1.0), jnp.array(2.0)).value.item()
        0.5
    """

    name: str = "identity"

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """X itself."""
        return x

    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """The covariance unchanged, and one."""
        q12, _, _ = jnp.broadcast_arrays(q12, q11, q22)
        return Dual(q12, jnp.ones_like(q12))

    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """The variance unchanged, and one."""
        return Dual(q, jnp.ones_like(q))
