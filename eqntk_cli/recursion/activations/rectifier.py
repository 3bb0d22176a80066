r"""Rectifiers: s(x) = x for x > 0 and a x for x < 0. ReLU (a = 0), leaky ReLU (a = 0.01), absolute value (a = -1).

With c = q12/sqrt(q11 q22) and th = arccos c (Cho and Saul, Kernel methods for deep learning, 2009)
    R = E[relu relu]   = sqrt(q11 q22)/(2 pi) (sin th + (pi - th) c),      R' = E[relu' relu'] = (pi - th)/(2 pi),
and because s = a x + (1 - a) relu(x) and E[x relu(y)] = q12/2
    E[s s] = a q12 + (1 - a)^2 R,       E[s' s'] = a + (1 - a)^2 R'.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation, Apart, Dual, correlation, slack
from eqntk_cli.recursion.arc import arccos, arccos_and_supplement

_NEAR = 0.1  # 1 - c below which it is taken from the distance


@dataclass(frozen=True)
class Rectifier(Activation):
    """Two half lines that meet at zero; `negative_slope` is the slope a for negative arguments.

    Examples:
        >>> value, derivative = Rectifier().dual(jnp.array(0.0), jnp.array(1.0), jnp.array(1.0))  # th = pi/2
        >>> round(2 * np.pi * value.item(), 5), round(derivative.item(), 5)
        (1.0, 0.25)
    """

    name: str = "relu"
    negative_slope: float = 0.0

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """`x` where it is positive, `negative_slope * x` elsewhere."""
        return jnp.where(x > 0, x, self.negative_slope * x)

    def dual(self, q12: Float[Array, "..."], q11: Float[Array, "..."], q22: Float[Array, "..."]) -> Dual:
        """The arc-cosine kernels of order 1 and 0."""
        c, scale = correlation(q12, q11, q22)
        supplement = arccos(-c)  # pi - th, without the cancellation near th = pi
        sine = jnp.sqrt((1 - c) * (1 + c))
        value = scale * (sine + supplement * c) / (2 * np.pi)
        return self._mix(q12, value, supplement / (2 * np.pi))

    def apart(
        self,
        q12: Float[Array, "..."],
        q11: Float[Array, "..."],
        q22: Float[Array, "..."],
        distance: Float[Array, "..."],
    ) -> Apart:
        """The same with 1 - c from the distance, by which th keeps its precision for inputs that nearly coincide.

        D = E[(x - y)^2] = (s1 - s2)^2 + 2 s1 s2 (1 - c) with s = sqrt(q), and
        E[(relu(x) - relu(y))^2] = (s1 - s2)^2/2 + s1 s2/pi (pi (1 - c) - sin th + th c).
        """
        c, scale = correlation(q12, q11, q22)
        gap = jnp.abs(jnp.sqrt(q11) - jnp.sqrt(q22))
        deficit = 1 - c
        rest = distance - gap * gap - slack(distance, gap, q11, q22)
        deficit = jnp.where(deficit < _NEAR, jnp.maximum(rest, 0) / jnp.where(scale > 0, 2 * scale, 1), deficit)
        angle, supplement = arccos_and_supplement(c, jnp.where(c < 0, 1 + c, deficit))
        sine = jnp.sqrt(deficit * (1 + c))
        value = scale * (sine + supplement * c) / (2 * np.pi)
        moved = gap * gap / 2 + scale / np.pi * jnp.maximum(np.pi * deficit - sine + angle * c, 0)
        slope = self.negative_slope
        return Apart(*self._mix(q12, value, supplement / (2 * np.pi)), slope * distance + (1 - slope) ** 2 * moved)

    def diagonal(self, q: Float[Array, "..."]) -> Dual:
        """(1 + a^2)/2 times q, and (1 + a^2)/2."""
        return self._mix(q, q / 2, jnp.full_like(q, 0.5))

    def _mix(self, q12: Float[Array, "..."], value: Float[Array, "..."], derivative: Float[Array, "..."]) -> Dual:
        slope = self.negative_slope
        if slope == 0:
            return Dual(value, derivative)
        return Dual(slope * q12 + (1 - slope) ** 2 * value, slope + (1 - slope) ** 2 * derivative)
