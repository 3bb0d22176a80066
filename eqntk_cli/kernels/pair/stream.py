"""The kernel of a plain convolutional network, streamed over the offsets between two positions."""

import jax.numpy as jnp
import numpy as np

from eqntk_cli.domains.samples import Samples
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.layers.network import Sequential
from eqntk_cli.recursion.planar.stream import StreamState

_ARRAYS = 16  # images that are alive at once for one pair: K and T with their halos, before and after a layer


class StreamKernel(PairKernel):
    """Memory per pair of images is proportional to the image, not to its square.

    Examples:
        >>> from eqntk_cli.architectures.registry import get_architecture
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> from eqntk_cli.kernels.pair.network import NetworkKernel
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
        return _ARRAYS * x1.shape[1] * x1.shape[2] * np.dtype(x1.dtype).itemsize
