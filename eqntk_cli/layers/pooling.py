"""Mean over all sites: over positions in a plain network, over the whole group in a group network."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float


class Pool(nn.Module):
    """N = mean over sites of F; K <- mean over pairs of sites, and T likewise."""

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample 1 channel"]:
        """The finite layer."""
        return x.mean(axis=1, keepdims=True)

    def kernel(self, state: Any) -> Any:
        """The recursion."""
        return state.pool()
