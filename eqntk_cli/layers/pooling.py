"""Means over sites: over all of them, over the nodes of a quadrature, and over windows inside a network.

The mean over all sites is over positions in a plain network, over the whole group in a group network. Average pooling
inside a network, N(r, t) = mean_{y in window} F(r, t + r y) for every element r of the group (a plain network has
r = e alone), with a stride equal to the window, is its local companion. The two features of a covariance are
averaged each over its own sites, K(o, o') <- mean_{y, y'} K(o + y, o' + y'), and T likewise: unlike in a convolution,
where both move by the same y.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.support import Support
from eqntk_cli.layers.base import Layer
from eqntk_cli.recursion.state import State


class Pool(Layer):
    """N = mean over sites of F; K <- mean over pairs of sites, and T likewise.

    Examples:
        >>> Pool()(jnp.array([[[1.0], [2.0], [6.0]]])).tolist()
        [[[3.0]]]
    """

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample 1 channel"]:
        """The finite layer."""
        return x.mean(axis=1, keepdims=True)

    def kernel(self, state: State) -> State:
        """The recursion."""
        return state.pool()


class NodePool(Layer):
    """N = sum_q w_q F(u_q), the mean over SO(3); K <- sum_qq' w_q w_q' K(u_q, u_q'), and T likewise.

    Examples:
        >>> NodePool(np.array([0.25, 0.75]))(jnp.array([[[1.0], [3.0]]])).tolist()
        [[[2.5]]]
    """

    weights: Float[np.ndarray, " node"]

    def __call__(self, x: Float[Array, "sample node channel"]) -> Float[Array, "sample 1 channel"]:
        """The finite layer."""
        return jnp.einsum("q,sqc->sc", jnp.asarray(self.weights, x.dtype), x)[:, None]

    def kernel(self, state: State) -> State:
        """The recursion."""
        return state.pool_nodes(self.weights)


class AveragePool(Layer):
    """Mean over the taps of `support`, the input sites in the window of each output site. No parameters.

    Examples:
        >>> windows = Support(np.array([[0, 1], [2, 3]]))
        >>> AveragePool(windows)(jnp.array([[[1.0], [3.0], [5.0], [9.0]]])).tolist()
        [[[2.0], [7.0]]]
    """

    support: Support

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample out channel"]:
        """The finite layer."""
        return x[:, self.support.table].mean(axis=2)

    def kernel(self, state: State) -> State:
        """The recursion."""
        return state.pool_windows(self.support)

    @property
    def pools_windows(self) -> bool:
        """It does."""
        return True
