r"""The exact GELU, s(x) = x Phi(x) with Phi the Gaussian distribution function.

With P = (1 + q11)(1 + q22), D = P - q12^2 and N = q11 q22 + q12^2 (1 - q11 q22)/P,
    E[s s]   = q12 (1/4 + arcsin(q12/sqrt P)/(2 pi)) + N/(2 pi sqrt D),
    E[s' s'] = 1/4 + arcsin(q12/sqrt P)/(2 pi) + q12/(2 pi sqrt D) (1 + 2 (1 - q11 q22)/P + N/D).
The first follows from Stein's lemma E[x g] = q11 E[dg/dx] + q12 E[dg/dy] and E[Phi(x) Phi(y)] = 1/4 +
arcsin(q12/sqrt P)/(2 pi); the second is its derivative in q12 (Price's theorem). An equivalent form is in Tsuchida,
Pearce, van der Heide, Roosta, Gallagher, Avoiding kernel fixed points, arXiv 2002.08517.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation, Dual
from eqntk_cli.recursion.arc import arcsin


@dataclass(frozen=True)
class Gelu(Activation):
    """The Gaussian error linear unit, not its tanh approximation.

    Examples:
        >>> value = Gelu().dual(jnp.array(0.0), jnp.array(1.0), jnp.array(1.0)).value  # E[x Phi(x)]^2 = 1/(4 pi)
        >>> round(4 * np.pi * value.item(), 5)
        1.0
    """

    name: str = "gelu"

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """X Phi(x)."""
        return jax.nn.gelu(x, approximate=False)

    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """The closed forms of the module's docstring."""
        plus_one = (1 + q11) * (1 + q22)
        determinant = jnp.maximum(plus_one - q12**2, 1)  # >= 1 + q11 + q22 but for rounding
        return _expectations(q12, q11 * q22, plus_one, determinant)

    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """The same with (1 + q)^2 - q^2 = 1 + 2 q, where float32 would cancel."""
        return _expectations(q, q * q, (1 + q) ** 2, 1 + 2 * q)


def _expectations(
    q12: Float[Array, "..."],
    product: Float[Array, "..."],
    plus_one: Float[Array, "..."],
    determinant: Float[Array, "..."],
) -> Dual:
    """Both expectations from q11 q22, P and D."""
    orthant = 0.25 + arcsin(q12 / jnp.sqrt(plus_one)) / (2 * np.pi)  # E[Phi(x) Phi(y)]
    density = 1 / (2 * np.pi * jnp.sqrt(determinant))  # E[phi(x) phi(y)], phi the density of N(0, 1)
    share = (1 - product) / plus_one
    numerator = product + q12**2 * share
    value = q12 * orthant + numerator * density
    derivative = orthant + q12 * density * (1 + 2 * share + numerator / determinant)
    return Dual(value, derivative)
