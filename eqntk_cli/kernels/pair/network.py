"""The kernel of a network by the recursion over all its sites."""

import jax.numpy as jnp
import numpy as np

from eqntk_cli.domains.samples import Samples
from eqntk_cli.layers.average_pooling import AveragePool
from eqntk_cli.layers.linear import Linear
from eqntk_cli.layers.network import Network
from eqntk_cli.recursion.block import KernelBlock, PairKernel
from eqntk_cli.recursion.self_table import SelfInputState
from eqntk_cli.recursion.table import InputState

_ARRAYS = 6  # over pairs of sites, for one pair of samples: K and T before and after a layer, and what it needs
_ARRAYS_OF_SELF = 2  # for a tile of a single pair: K(x, x) and K(x', x'); larger tiles share them between pairs


class NetworkKernel(PairKernel):
    """The full recursion of a given network, plain or group; no array is collapsed."""

    def __init__(self, network: Network, route: str, notes: tuple[str, ...] = ()) -> None:
        self.network = network
        self.route = route
        self.notes = notes

    def block(self, x1: Samples, x2: Samples) -> KernelBlock:
        """NNGP and NTK of all pairs."""
        sites = self.network.domain.sites
        start = SelfInputState if self._pools_inside else InputState
        state = self.network.kernel(start(sites(jnp.asarray(x1)), sites(jnp.asarray(x2))))
        return KernelBlock(state.nngp[:, :, 0, 0], state.ntk[:, :, 0, 0])

    def bytes_per_pair(self, x1: Samples, x2: Samples) -> int:
        """About six arrays over pairs of sites are alive at once, and the samples' own where windows are averaged."""
        del x2
        largest = max(len(layer.support.table) for layer in _linear_layers(self.network.layers))
        arrays = _ARRAYS + (_ARRAYS_OF_SELF if self._pools_inside else 0)
        return arrays * largest**2 * np.dtype(x1.dtype).itemsize

    @property
    def _pools_inside(self) -> bool:
        return any(isinstance(layer, AveragePool) for layer in self.network.layers)


def _linear_layers(layers: tuple) -> list[Linear]:
    """The linear layers, those inside skip connections included."""
    found: list[Linear] = []
    for layer in layers:
        if isinstance(layer, Linear):
            found.append(layer)
        else:
            found += _linear_layers(getattr(layer, "branch", ()))
    return found
