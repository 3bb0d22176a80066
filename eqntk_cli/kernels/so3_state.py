r"""The recursion for signals on the sphere, collapsed onto the relative rotation u at quadrature nodes u_q.

The lifting layer with a global filter gives, for the pair of signals f, f' (Misof, Kessel, Gerken, arXiv
2406.06504, in the collapsed form)
    k(u) = W_std^2/(4 pi C) sum_c sum_l sum_mn f_lm D^l_mn(u) f'_ln + b_std^2,
which is the plain first layer's kernel between f and rho(u) f'. All later layers act at each u by itself, group
convolutions like dense layers, and pooling over the group is the mean over u, the sum over nodes with weights w_q.
With the single node u = e this is the plain network.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.harmonics import euler_angles, wigner_block
from eqntk_cli.kernels.state import KernelState


@dataclass(frozen=True)
class NodeState(KernelState):
    """K and T at (node, sample1, sample2), with the weights of the nodes; variances are K(f, f) at u = e."""

    weights: Float[Array, " node"]

    def average(
        self, values: Float[Array, "node sample1 sample2"], support: Any
    ) -> Float[Array, "node sample1 sample2"]:
        """Nothing is left to average over: K depends on u only."""
        del support
        return values

    def average_variance(self, values: Float[Array, " sample"], support: Any, which: int) -> Float[Array, " sample"]:
        """The same for the variances."""
        del support, which
        return values

    def across(
        self, variance1: Float[Array, " sample1"], variance2: Float[Array, " sample2"]
    ) -> tuple[Float[Array, "1 sample1 1"], Float[Array, "1 1 sample2"]]:
        """Variances of the first sample along axis 1, of the second along axis 2."""
        return variance1[None, :, None], variance2[None, None, :]

    def pool(self) -> "NodeState":
        """Weighted mean over the nodes."""
        assert self.ntk is not None, "pooling before the first linear layer"
        nngp, ntk = (
            jnp.tensordot(self.weights, values, axes=1, precision="highest")[None] for values in (self.nngp, self.ntk)
        )
        return NodeState(nngp, ntk, None, None, jnp.ones((1,), self.weights.dtype))


@dataclass(frozen=True)
class NodeInput:
    """Two blocks of signals before the lifting layer; there T = 0.

    `products` holds sum_c f_lm f'_ln/(4 pi C) for every (l, m, n), `norms1` and `norms2` the same sum of squares,
    `wigner` the D^l_mn of the nodes in the same order.
    """

    products: Float[Array, "lmn sample1 sample2"]
    norms1: Float[Array, " sample1"]
    norms2: Float[Array, " sample2"]
    wigner: Float[Array, "node lmn"]
    weights: Float[Array, " node"]

    def rotated(self) -> "NodeInput":
        """The lifting to rotated copies of the signal: it is in `wigner` already."""
        return self

    def linear(self, support: Any, weight_variance: float, bias_variance: float) -> NodeState:
        """The first linear layer, k(u); there T = K."""
        del support
        nngp = jnp.tensordot(self.wigner, self.products, axes=1, precision="highest")
        nngp, variance1, variance2 = (
            weight_variance * values + bias_variance for values in (nngp, self.norms1, self.norms2)
        )
        return NodeState(nngp, nngp, variance1, variance2, self.weights)


def channel_products(
    x1: Float[Array, "sample1 coefficient channel"], x2: Float[Array, "sample2 coefficient channel"]
) -> Float[Array, "lmn sample1 sample2"]:
    """sum_c f_lm f'_ln/(4 pi C), ordered by l, m, n."""
    bandlimit = math.isqrt(x1.shape[1])
    scale = 1 / (4 * math.pi * x1.shape[2])
    blocks = []
    for degree in range(bandlimit):
        part = slice(degree * degree, (degree + 1) ** 2)
        product = jnp.einsum("amc,bnc->mnab", scale * x1[:, part], x2[:, part], precision="highest")
        blocks.append(product.reshape(-1, *product.shape[2:]))
    return jnp.concatenate(blocks)


def mean_squares(x: Float[Array, "sample coefficient channel"]) -> Float[Array, " sample"]:
    """The mean square over the sphere and the channels, sum f_lm^2/(4 pi C)."""
    return jnp.sum(x * x, axis=(1, 2)) / (4 * math.pi * x.shape[2])


def packed_wigner(bandlimit: int, rotations: Float[np.ndarray, "node 3 3"]) -> Float[np.ndarray, "node lmn"]:
    """D^l_mn of every rotation, ordered by l, m, n."""
    angles = euler_angles(rotations)
    return np.concatenate(
        [wigner_block(degree, angles).reshape(len(angles), -1) for degree in range(bandlimit)], axis=1
    )
