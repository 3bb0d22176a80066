"""The kernel of a network by its recursion: over all pairs of sites, or streamed over the offsets between them."""

import jax.numpy as jnp
import numpy as np

from eqntk_cli.domains.samples import Samples
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.layers.network import Sequential
from eqntk_cli.recursion.planar.stream import StreamState
from eqntk_cli.recursion.self_table import SelfInputState
from eqntk_cli.recursion.table import InputState

_ARRAYS = 8  # over pairs of sites, for one pair of samples: K, T and D before and after a layer, and what it needs
_ARRAYS_OF_SELF = 2  # for a tile of a single pair: K(x, x) and K(x', x'); larger tiles share them between pairs
_IMAGES = 16  # that are alive at once for one pair of a stream: K and T with their halos, before and after a layer


class NetworkKernel(PairKernel):
    """The full recursion of a given network, plain or group; no array is collapsed.

    Examples:
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> from eqntk_cli.domains.support import everywhere
        >>> from eqntk_cli.layers.linear import Linear
        >>> from eqntk_cli.layers.pointwise import Nonlinear
        >>> from eqntk_cli.recursion.activations.registry import get_activation
        >>> first, readout = (Linear(everywhere(sites), features=1, W_std=1.0, b_std=0.0) for sites in (2, 1))
        >>> network = Sequential(PixelGrid(1, 2, 1), (first, Nonlinear(get_activation("relu")), readout))
        >>> block = NetworkKernel(network, "recursion").block(np.ones((1, 1, 2, 1)), np.ones((1, 1, 2, 1)))
        >>> round(block.nngp.item(), 5), round(block.ntk.item(), 5)  # 1/2 of K = 1; and that plus 1/2 of T = 1
        (0.5, 1.0)
    """

    def __init__(self, network: Sequential, route: str, notes: tuple[str, ...] = ()) -> None:
        self.network = network
        self.route = route
        self.notes = notes
        self._pools_windows = any(layer.pools_windows for layer in network.layers)

    def block(self, x1: Samples, x2: Samples) -> KernelBlock:
        """NNGP and NTK of all pairs."""
        sites = self.network.domain.sites
        start = SelfInputState if self._pools_windows else InputState
        state = self.network.kernel(start(sites(jnp.asarray(x1)), sites(jnp.asarray(x2)))).pool()
        return KernelBlock(state.nngp, state.ntk)

    def bytes_per_pair(self, x1: Samples, x2: Samples) -> int:
        """About eight arrays over pairs of sites are alive at once, and the samples' own where windows are averaged."""
        del x2
        largest = max(layer.sites for layer in self.network.layers)
        arrays = _ARRAYS + (_ARRAYS_OF_SELF if self._pools_windows else 0)
        return arrays * largest**2 * np.dtype(x1.dtype).itemsize


class StreamKernel(PairKernel):
    """The kernel of a plain convolutional network, streamed over the offsets between two positions.

    Memory per pair of images is proportional to the image, not to its square.

    Examples:
        >>> from eqntk_cli.architectures.registry import get_architecture
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> cnn = get_architecture(ArchitectureConfig("cnn", hidden_layers=1), 2)
        >>> network = cnn.plain_network(PixelGrid(4, 4, 1), width=1, outputs=1)
        >>> x = np.random.default_rng(0).normal(size=(2, 4, 4, 1))
        >>> fast, full = StreamKernel(network).block(x, x), NetworkKernel(network, "recursion").block(x, x)
        >>> bool(np.allclose(fast.ntk, full.ntk, rtol=1e-4))
        True
    """

    route = "collapsed"

    def __init__(self, network: Sequential) -> None:
        self.network = network

    def block(self, x1: Samples, x2: Samples) -> KernelBlock:
        """NNGP and NTK of all pairs."""
        state = self.network.kernel(StreamState.of_images(jnp.asarray(x1), jnp.asarray(x2))).pool()
        return KernelBlock(state.nngp, state.ntk)

    def bytes_per_pair(self, x1: Samples, x2: Samples) -> int:
        """A few images per pair."""
        del x2
        return _IMAGES * x1.shape[1] * x1.shape[2] * np.dtype(x1.dtype).itemsize
