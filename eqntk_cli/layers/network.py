"""A network: a sequence of layers, as a finite function of its parameters and as a kernel recursion.

Parameters live in a plain pytree. The random stream of a layer depends on the key and the layer's place in the
sequence only, so two networks whose layers have parameters of the same shapes start from the same weights when
they get the same key: this is what couples a plain network to a group network.
"""

from typing import Any, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.domains.base import Domain
from eqntk_cli.domains.molecules import AtomSignals
from eqntk_cli.domains.samples import Samples, take
from eqntk_cli.layers.base import Layer
from eqntk_cli.recursion.state import State

Params = Any  # pytree of arrays
_NAME = "layers_{}"  # of the parameters of a layer by its place: flax's, from the field of `_Modules`


class Network(Protocol):
    """What trains, and what is compared with the recursion; the output is one vector per sample.

    Examples:
        >>> from eqntk_cli.architectures.registry import get_architecture
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> domain, x = PixelGrid(2, 2, 1), jnp.ones((1, 2, 2, 1))
        >>> network = get_architecture(ArchitectureConfig("mlp"), 2).plain_network(domain, width=8, outputs=1)
        >>> params = network.init(jax.random.key(0), x)
        >>> mirrored = network.signed(params, jnp.array(-1.0))
        >>> (network.apply(params, x) + network.apply(mirrored, x)).tolist()
        [[0.0]]
    """

    def init(self, key: Array, x: Samples) -> Params:
        """Parameters drawn from N(0, 1); `x` gives shape and precision, one sample is enough."""

    def apply(self, params: Params, x: Samples) -> Float[Array, "sample output"]:
        """The finite network."""

    def signed(self, params: Params, sign: Float[Array, ""]) -> Params:
        """The parameters with weights and bias of the read-out times `sign` (a number); the output is then sign * f."""


class _Modules(nn.Module):
    """The layers one after another."""

    layers: tuple[Layer, ...]

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample site_out channel_out"]:
        for layer in self.layers:
            x = layer(x)
        return x


class Sequential:
    """Layers on the signals of a domain.

    Examples:
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> from eqntk_cli.domains.support import everywhere
        >>> from eqntk_cli.layers.linear import Linear
        >>> from eqntk_cli.recursion.table import InputState
        >>> domain, x = PixelGrid(1, 2, 1), jnp.array([[[[1.0], [3.0]]]])
        >>> network = Sequential(domain, (Linear(everywhere(2), features=1, W_std=1.0, b_std=0.0),))
        >>> network.apply(network.init(jax.random.key(0), x), x).shape
        (1, 1)
        >>> sites = domain.sites(x)
        >>> round(network.kernel(InputState(sites, sites)).nngp.item(), 5)  # (1 + 9) / 2
        5.0
    """

    def __init__(self, domain: Domain, layers: tuple[Layer, ...]) -> None:
        self.domain = domain
        self.layers = layers
        self._module = _Modules(layers)

    def init(self, key: Array, x: Samples) -> Params:
        """Parameters drawn from N(0, 1); `x` gives shape and precision, one sample is enough."""
        return self._module.init(key, self.domain.sites(take(x, slice(0, 1))))["params"]

    def apply(self, params: Params, x: Samples) -> Float[Array, "sample output"]:
        """The finite network."""
        output: Array = self._module.apply({"params": params}, self.domain.sites(x))  # type: ignore[assignment]
        return output[:, 0, :]

    def signed(self, params: Params, sign: Float[Array, ""]) -> Params:
        """The parameters with weights and bias of the read-out (the last layer that has any) times `sign`."""
        readout = [name for name in map(_NAME.format, range(len(self.layers))) if name in params][-1]
        return params | {readout: jax.tree.map(lambda leaf: leaf * sign.astype(leaf.dtype), params[readout])}

    def kernel(self, state: State) -> State:
        """The kernel recursion, from a state of the input to the state of the output."""
        for layer in self.layers:
            state = layer.kernel(state)
        return state


class SumOverAtoms:
    """A network on molecules, f(molecule) = sum_i m_i f_theta(signal of atom i); padding atoms have m_i = 0.

    `atom` is the network on the signal of one atom, shared by all atoms, or (`per_atom`) with parameters of its own for
    every atom index, which is what the published code does and is not invariant under a permutation of atoms.

    Examples:
        >>> from eqntk_cli.domains.sphere import Sphere
        >>> from eqntk_cli.domains.support import everywhere
        >>> from eqntk_cli.layers.linear import Linear
        >>> atom = Sequential(Sphere(1, 1), (Linear(everywhere(1), features=1, W_std=1.0, b_std=0.0),))
        >>> network = SumOverAtoms(atom, per_atom=False)
        >>> two = AtomSignals(jnp.ones((1, 3, 1, 1)), jnp.array([[1.0, 1.0, 0.0]]))  # two equal atoms, and padding
        >>> one = AtomSignals(jnp.ones((1, 3, 1, 1)), jnp.array([[1.0, 0.0, 0.0]]))
        >>> params = network.init(jax.random.key(0), two)
        >>> (network.apply(params, two) / network.apply(params, one)).item()
        2.0
    """

    def __init__(self, atom: Sequential, per_atom: bool) -> None:
        self.atom = atom
        self.per_atom = per_atom

    def init(self, key: Array, x: AtomSignals) -> Params:
        """Parameters from N(0, 1), with a leading axis over atom indices if they are separate."""
        one = jnp.asarray(x.signals)[0, :1]
        if self.per_atom:
            keys = jax.random.split(key, x.signals.shape[1])
            return jax.vmap(self.atom.init, in_axes=(0, None))(keys, one)
        return self.atom.init(key, one)

    def apply(self, params: Params, x: AtomSignals) -> Float[Array, "molecule output"]:
        """The finite network."""
        signals, mask = jnp.asarray(x.signals), jnp.asarray(x.mask)
        if self.per_atom:
            outputs = jax.vmap(self.atom.apply, in_axes=(0, 1), out_axes=1)(params, signals)
        else:
            flat = signals.reshape(-1, *signals.shape[2:])
            outputs = self.atom.apply(params, flat).reshape(*signals.shape[:2], -1)
        return jnp.einsum("ma,mao->mo", mask.astype(outputs.dtype), outputs)

    def signed(self, params: Params, sign: Float[Array, ""]) -> Params:
        """The parameters with the read-out of every atom's network times `sign` (a number)."""
        return self.atom.signed(params, sign)
