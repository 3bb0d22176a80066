"""The nonlinearity and the skip connection: what acts at every site by itself."""

from jaxtyping import Array, Float

from eqntk_cli.layers.base import Layer
from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.state import State


class Nonlinear(Layer):
    """sigma(x) pointwise; K <- E[s s'], T <- T E[sdot sdot'].

    Examples:
        >>> import jax.numpy as jnp
        >>> from eqntk_cli.recursion.activations.registry import get_activation
        >>> Nonlinear(get_activation("abs"))(jnp.array([[[-1.0, 2.0]]])).tolist()
        [[[1.0, 2.0]]]
    """

    activation: Activation

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample site channel"]:
        """The finite layer."""
        return self.activation(x)

    def kernel(self, state: State) -> State:
        """The recursion."""
        return state.activate(self.activation)


class Residual(Layer):
    """N = x + branch(x); K <- K + K_branch, T <- T + T_branch.

    The branch ends in a linear layer with weights of its own, which have mean zero: no cross terms are left.

    Examples:
        >>> import jax.numpy as jnp
        >>> from eqntk_cli.domains.support import pointwise
        >>> from eqntk_cli.layers.linear import Linear
        >>> from eqntk_cli.recursion.table import InputState
        >>> linear, x = Linear(pointwise(1), features=8, W_std=1.0, b_std=0.0), jnp.ones((1, 1, 1))
        >>> state = Residual((linear,)).kernel(linear.kernel(InputState(x, x)))
        >>> state.nngp.item(), state.ntk.item()  # K + K, and T + (K + T) with T = K = 1
        (2.0, 3.0)
    """

    branch: tuple[Layer, ...]

    def __call__(self, x: Float[Array, "sample site channel"]) -> Float[Array, "sample site channel"]:
        """The finite layer."""
        inner = x
        for layer in self.branch:
            inner = layer(inner)
        return x + inner

    def kernel(self, state: State) -> State:
        """The recursion."""
        inner = state
        for layer in self.branch:
            inner = layer.kernel(inner)
        return state.add(inner)

    @property
    def sites(self) -> int:
        """The most of any layer of the branch."""
        return max(layer.sites for layer in self.branch)
