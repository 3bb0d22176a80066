"""The nonlinearity as a layer: sigma at every site, its dual activation in the recursion."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from eqntk_cli.recursion.activations.base import Activation


class Nonlinear(nn.Module):
    """sigma(x) pointwise; K <- E[s s'], T <- T E[sdot sdot']."""

    activation: Activation

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample site channel"]:
        """The finite layer."""
        return self.activation(x)

    def kernel(self, state: Any) -> Any:
        """The recursion."""
        return state.activate(self.activation)
