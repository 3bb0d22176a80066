"""A skip connection: x + branch(x), the branch ending in a linear layer with weights of its own."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float


class Residual(nn.Module):
    """N = x + branch(x); K <- K + K_branch, T <- T + T_branch (the branch's last weights have mean zero)."""

    branch: tuple[nn.Module, ...]

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample site channel"]:
        """The finite layer."""
        inner = x
        for layer in self.branch:
            inner = layer(inner)
        return x + inner

    def kernel(self, state: Any) -> Any:
        """The recursion."""
        inner = state
        for layer in self.branch:
            inner = layer.kernel(inner)
        return state.add(inner)
