"""A network: a sequence of layers, as a finite function of its parameters and as a kernel recursion.

Parameters live in a plain pytree. The random stream of a layer depends on the key and the layer's place in the
sequence only, so two networks whose layers have parameters of the same shapes start from the same weights when
they get the same key: this is what couples a plain network to a group network.
"""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from eqntk_cli.domains.base import Domain
from eqntk_cli.domains.samples import Samples, take

Params = Any  # pytree of arrays


class _Sequence(nn.Module):
    """The layers one after another."""

    layers: tuple[nn.Module, ...]

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample site_out channel_out"]:
        for layer in self.layers:
            x = layer(x)
        return x


class Network:
    """Layers on the signals of a domain; the output is one vector per sample."""

    def __init__(self, domain: Domain, layers: tuple[nn.Module, ...]) -> None:
        self.domain = domain
        self.layers = layers
        self._module = _Sequence(layers)

    def init(self, key: Array, x: Samples) -> Params:
        """Parameters drawn from N(0, 1); `x` gives shape and precision, one sample is enough."""
        return self._module.init(key, self.domain.sites(take(x, slice(0, 1))))["params"]

    def apply(self, params: Params, x: Samples) -> Float[Array, "sample output"]:
        """The finite network."""
        output: Array = self._module.apply({"params": params}, self.domain.sites(x))  # type: ignore[assignment]
        return output[:, 0, :]

    def kernel(self, state: Any) -> Any:
        """The kernel recursion, from a state of the input to the state of the output."""
        for layer in self.layers:
            state = layer.kernel(state)
        return state
