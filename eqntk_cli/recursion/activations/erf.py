r"""The error function s(x) = erf(x) (Williams, Computing with infinite networks, 1996).

E[s s] = (2/pi) arcsin(2 q12/sqrt((1 + 2 q11)(1 + 2 q22))),
E[s' s'] = (4/pi)/sqrt((1 + 2 q11)(1 + 2 q22) - 4 q12^2).
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation, Dual
from eqntk_cli.recursion.arc import arcsin


@dataclass(frozen=True)
class Erf(Activation):
    """The error function.

    Examples:
        >>> import numpy as np
        >>> value = Erf().diagonal(jnp.array(1.0)).value  # 2/pi arcsin(2/3)
        >>> round(float(np.sin(np.pi / 2 * value)), 5)
        0.66667
    """

    name: str = "erf"

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """erf(x)."""
        return jax.scipy.special.erf(x)

    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """The arcsine kernel and its derivative."""
        product = (1 + 2 * q11) * (1 + 2 * q22)
        determinant = jnp.maximum(product - 4 * q12**2, 1)  # >= 1 + 2 q11 + 2 q22 but for rounding
        value = 2 / np.pi * arcsin(2 * q12 / jnp.sqrt(product))
        return Dual(value, 4 / np.pi / jnp.sqrt(determinant))

    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """The same with (1 + 2 q)^2 - 4 q^2 = 1 + 4 q, where float32 would cancel."""
        return Dual(2 / np.pi * arcsin(2 * q / (1 + 2 * q)), 4 / np.pi / jnp.sqrt(1 + 4 * q))
