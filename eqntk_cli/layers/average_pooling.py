"""Average pooling over windows inside a network: the local companion of the mean over all sites.

N(r, t) = mean_{y in window} F(r, t + r y) for every element r of the group (a plain network has r = e alone), with a
stride equal to the window. The two features of a covariance are averaged each over its own window,
K(o, o') <- mean_{y, y'} K(o + y, o' + y'), and T likewise: unlike in a convolution, where both move by the same y.
"""

from dataclasses import replace
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.table import InputState


class AveragePool(nn.Module):
    """Mean over the taps of `support`, the input sites in the window of each output site. No parameters."""

    support: Support

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample out channel"]:
        """The finite layer."""
        return x[:, self.support.table].mean(axis=2)

    def kernel(self, state: Any) -> Any:
        """The recursion; before the first linear layer there are features yet, and they are pooled themselves."""
        if isinstance(state, InputState):
            return replace(state, features1=self(state.features1), features2=self(state.features2))
        return state.average_windows(self.support)
