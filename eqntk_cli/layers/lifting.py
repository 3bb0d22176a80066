r"""Lifting signals on the sphere, N(g) = W_std/sqrt(fan_in) sum_{lm,c} w_lm,c (rho(g^-1) f)_lm,c + b_std b.

rho(g^-1) is block diagonal in l, so the sum can be taken in two orders:

    by copies    the copies rho(g^-1) f of the signal beside each other, times w: |G| L^2 C products a feature
    by degrees   Z_(l,m,n) = sum_c f_ln,c w_lm,c, then N(g) = sum D^l_mn(g^-1) Z_(l,m,n): (C + |G|) sum_l (2l + 1)^2

The order with fewer products is taken, which depends on shapes alone.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.harmonics import rotated_signals, wigner_matrices
from eqntk_cli.domains.support import pointwise
from eqntk_cli.layers.base import Layer
from eqntk_cli.layers.linear import weight_scale
from eqntk_cli.layers.product import product
from eqntk_cli.recursion.state import State


class Unmoved(Layer):
    """The signal as it is; what follows moves it. No parameters.

    It stands where a plain network puts its signal into one site: random streams go by the places of layers.
    """

    def __call__(self, x: Float[Array, "sample coefficient channel"]) -> Float[Array, "sample coefficient channel"]:
        """The same."""
        return x

    def kernel(self, state: State) -> State:
        """The same."""
        return state


class Lifting(Layer):
    """The linear layer on the rotated copies of a signal, for a finite group or the nodes of a quadrature.

    Examples:
        >>> from eqntk_cli.groups.rotations import octahedral
        >>> layer = Lifting(octahedral().matrices, features=3, W_std=1.0, b_std=0.0)
        >>> x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 2)))
        >>> params = layer.init(jax.random.key(0), x)
        >>> layer.apply(params, x).shape, params["params"]["weight"].shape
        ((1, 24, 3), (8, 3))
    """

    rotations: Float[np.ndarray, "element 3 3"]
    features: int
    W_std: float
    b_std: float

    @nn.compact
    def __call__(self, x: Float[Array, "sample coefficient channel"]) -> Float[Array, "sample element feature"]:
        """The finite layer."""
        normal = nn.initializers.normal(1.0)
        fan_in = x.shape[1] * x.shape[2]
        weight = self.param("weight", normal, (fan_in, self.features), x.dtype)
        bias = self.param("bias", normal, (self.features,), x.dtype)
        lifted = by_degrees if fewer_by_degrees(len(self.rotations), x.shape[1], x.shape[2]) else by_copies
        return weight_scale(self.W_std, fan_in) * lifted(self.rotations, x, weight) + self.b_std * bias

    def kernel(self, state: State) -> State:
        """The recursion: a dense layer at every rotated copy."""
        weight_variance = weight_scale(self.W_std, 1) ** 2
        return state.rotate(self.rotations).linear(pointwise(len(self.rotations)), weight_variance, self.b_std**2)

    @property
    def sites(self) -> int:
        """One per rotation."""
        return len(self.rotations)


def fewer_by_degrees(rotations: int, coefficients: int, channels: int) -> bool:
    """Whether the order by degrees has fewer products.

    Examples:
        >>> fewer_by_degrees(24, 16, 28), fewer_by_degrees(24, 16, 1)
        (True, False)
    """
    pairs = sum((2 * degree + 1) ** 2 for degree in range(math.isqrt(coefficients)))
    return (channels + rotations) * pairs < rotations * coefficients * channels


def by_copies(
    rotations: Float[np.ndarray, "element 3 3"],
    x: Float[Array, "sample coefficient channel"],
    weight: Float[Array, "read feature"],
) -> Float[Array, "sample element feature"]:
    """The weighted sums over the rotated copies themselves."""
    copies = rotated_signals(rotations, x)
    return product(copies.reshape(-1, copies.shape[-1]), weight).reshape(*copies.shape[:2], -1)


def by_degrees(
    rotations: Float[np.ndarray, "element 3 3"],
    x: Float[Array, "sample coefficient channel"],
    weight: Float[Array, "read feature"],
) -> Float[Array, "sample element feature"]:
    """The same from the products of coefficients and weights of equal degree."""
    samples, coefficients, channels = x.shape
    matrices = wigner_matrices(math.isqrt(coefficients), rotations)  # D(g)_nm = D(g^-1)_mn
    by_coefficient = weight.reshape(coefficients, channels, -1)
    pairs, tables = [], []
    for degree in range(math.isqrt(coefficients)):
        block, size = slice(degree**2, (degree + 1) ** 2), 2 * degree + 1
        own = by_coefficient[block].swapaxes(0, 1).reshape(channels, -1)  # (channel, (m, feature))
        pairs.append(product(x[:, block].reshape(-1, channels), own).reshape(samples, size * size, -1))
        tables.append(matrices[:, block, block].reshape(len(rotations), -1))  # (g, (n, m))
    table, mixed = jnp.asarray(np.concatenate(tables, axis=1), x.dtype), jnp.concatenate(pairs, axis=1)
    return jax.lax.platform_dependent(table, mixed, cpu=_summed_apart, default=_summed)


def _summed(table: Array, mixed: Array) -> Array:
    """The sum over l, m, n of D^l_mn(g^-1) Z_(l,m,n), as one matrix product."""
    lifted = table @ mixed.swapaxes(0, 1).reshape(mixed.shape[1], -1)
    return lifted.reshape(len(table), len(mixed), -1).swapaxes(0, 1)


def _summed_apart(table: Array, mixed: Array) -> Array:
    """The same for a CPU, whose matrix product wants its factors row by row.

    The barriers make every turn of axes a copy of its own. Without them the compiler turns in passing, within the
    product and what surrounds it, and reads with long strides.
    """
    turned = jax.lax.optimization_barrier(mixed.swapaxes(0, 1))
    lifted = jax.lax.optimization_barrier(table @ turned.reshape(mixed.shape[1], -1))
    return lifted.reshape(len(table), len(mixed), -1).swapaxes(0, 1)
