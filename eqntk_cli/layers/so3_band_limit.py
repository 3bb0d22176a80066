"""Features on the nodes of an SO(3) quadrature, projected on harmonics D^l_mn with l < L'.

What a network on a fixed grid in Fourier space does after every nonlinearity. Without it a dense layer at each node
is an exact group convolution with its filter on the identity; with it the features are band-limited functions, on
which filters over all of SO(3) can act (`eqntk_cli.layers.so3_fourier_conv`).
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.recursion.sphere.band_limit import Projection


class BandLimit(nn.Module):
    """F <- P F; K <- P K and T <- P T as functions of the relative rotation. No parameters."""

    projection: Projection

    def __call__(self, x: Float[Array, "sample node channel"]) -> Float[Array, "sample node channel"]:
        """The finite layer."""
        return jnp.moveaxis(self.projection.nodes(jnp.moveaxis(x, 1, 0)), 0, 1)

    def kernel(self, state: Any) -> Any:
        """The recursion."""
        return state.band_limited()
