"""What a layer must provide: its finite forward pass and its step of the kernel recursion, side by side.

Both live in one class, so that a gain or a fan-in cannot be right in one and wrong in the other. The recursion speaks
to the state only through the operations of `eqntk_cli.recursion.state.State`; how a form of the recursion lays out its
sites is not a layer's business.
"""

from abc import abstractmethod

import flax.linen as nn
from jaxtyping import Array, Float

from eqntk_cli.recursion.state import State


class Layer(nn.Module):
    """One layer; `sites` is the number of sites that it makes, and `pools_windows` whether it averages windows inside.

    A kernel follows pairs of sites: the first says how much memory that takes, the second that a recursion is needed
    which follows the covariance of a sample with itself, too.

    Examples:
        >>> import jax.numpy as jnp
        >>> from eqntk_cli.layers.pooling import Pool
        >>> from eqntk_cli.recursion.state import Pooled
        >>> layer, features = Pool(), jnp.array([[[1.0], [3.0]]])
        >>> layer(features).tolist()
        [[[2.0]]]
        >>> layer.kernel(Pooled(jnp.eye(2), jnp.eye(2))).nngp.tolist()  # a single site: nothing to average
        [[1.0, 0.0], [0.0, 1.0]]
    """

    @abstractmethod
    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample out feature"]:
        """The finite layer."""

    @abstractmethod
    def kernel(self, state: State) -> State:
        """The recursion."""

    @property
    def sites(self) -> int:
        """How many sites come out; 1 stands for no more than went in."""
        return 1

    @property
    def pools_windows(self) -> bool:
        """Whether windows are averaged over inside the network."""
        return False
