"""The linear layer: dense, convolution, lifting and group convolution in one, told apart by their support.

Finite width: N(o) = W_std / sqrt(fan_in) sum_{j, c} w[j, c] F(table[o, j], c) + b_std b, with all w and b
drawn from N(0, 1) (NTK parameterisation) and fan_in = taps x channels. Infinite width: K <- W_std^2 mean_j K +
b_std^2. Both use `weight_scale`, so that a gain or a fan-in cannot be right in one and wrong in the other.
"""

import math

import flax.linen as nn
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.support import Support
from eqntk_cli.layers.base import Layer
from eqntk_cli.layers.gather import forms, gathered_product, turned_product
from eqntk_cli.layers.product import product
from eqntk_cli.recursion.state import State


class Linear(Layer):
    """A linear layer with NTK parameterisation.

    `support` says what each output site reads, `features` is the number of output channels (finite width only),
    `W_std` and `b_std` are the standard deviations of weight times sqrt(fan_in) and of bias.

    Examples:
        >>> import jax.numpy as jnp
        >>> from eqntk_cli.domains.support import everywhere
        >>> from eqntk_cli.recursion.table import InputState
        >>> x = jnp.array([[[1.0], [3.0]]])  # one sample with two sites
        >>> state = Linear(everywhere(2), features=8, W_std=2.0, b_std=0.5).kernel(InputState(x, x))
        >>> round(state.nngp.item(), 5)  # 2^2 (1 + 9) / 2 + 0.5^2
        20.25
    """

    support: Support
    features: int
    W_std: float
    b_std: float

    @nn.compact
    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample out feature"]:
        """The finite layer."""
        fan_in = self.support.taps * x.shape[-1]
        normal = nn.initializers.normal(1.0)
        weight = self.param("weight", normal, (fan_in, self.features), x.dtype)
        bias = self.param("bias", normal, (self.features,), x.dtype)
        return weight_scale(self.W_std, fan_in) * self._product(x, weight) + self.b_std * bias

    def kernel(self, state: State) -> State:
        """The recursion; the sum over fan_in weights of variance weight_scale^2 is W_std^2 times a mean."""
        fan_in = self.support.taps
        return state.linear(self.support, fan_in * weight_scale(self.W_std, fan_in) ** 2, self.b_std**2)

    @property
    def sites(self) -> int:
        """One per row of the table."""
        return len(self.support.table)

    def _product(self, x: Array, weight: Array) -> Float[Array, "sample out feature"]:
        """The weighted sums over the taps; where every site is read once and in order there is nothing to gather."""
        table = self.support.table
        if table.size == x.shape[1] and (table.ravel() == np.arange(table.size)).all():
            rows = x.reshape(x.shape[0] * len(table), -1)
            return product(rows, weight).reshape(x.shape[0], len(table), -1)
        gather, turned = forms(self.support, x.shape[1])
        if turned is not None and turned.smaller(x.shape[0], self.features):
            return turned_product(turned, x, weight)
        return gathered_product(gather, x, weight)


def weight_scale(W_std: float, fan_in: int) -> float:
    """The factor in front of standard normal weights: the one expression of gain and fan-in.

    Examples:
        >>> weight_scale(2.0, 16)
        0.5
    """
    return W_std / math.sqrt(fan_in)
