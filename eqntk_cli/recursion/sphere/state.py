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
from functools import partial
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from typing_extensions import override

from eqntk_cli.domains.harmonics import euler_angles, wigner_block
from eqntk_cli.domains.sphere import dense_fan_in
from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.activations.base import squared_distance
from eqntk_cli.recursion.state import KernelState, NearState, Pooled, State, refined_distance


@dataclass(frozen=True)
class NodeState(KernelState):
    """K and T at (node, sample1, sample2), with the weights of the nodes; variances are K(f, f) at u = e."""

    weights: Float[Array, " node"]

    @override
    def averaged(self, support: Support) -> Self:
        """Nothing is left to average over: K depends on u only."""
        return self

    def across(self) -> tuple[Float[Array, "1 sample1 1"], Float[Array, "1 1 sample2"]]:
        """Variances of the first sample along axis 1, of the second along axis 2."""
        return self.variance1[None, :, None], self.variance2[None, None, :]

    def pool(self) -> Pooled:
        """Weighted mean over the nodes."""
        return Pooled(
            *(jnp.tensordot(self.weights, values, axes=1, precision="highest") for values in (self.nngp, self.ntk))
        )


@dataclass(frozen=True)
class NearNodeState(NodeState, NearState):
    """The same with the distances, for a few nodes."""


@dataclass(frozen=True)
class NodeInput(State):
    """Two blocks of signals before the lifting layer; there T = 0.

    `inner` is the inner product of f and rho(u_q) f', a mean over the sphere and the channels; `norms1` and `norms2`
    are the mean squares of the signals.
    """

    inner: Float[Array, "node sample1 sample2"]
    norms1: Float[Array, " sample1"]
    norms2: Float[Array, " sample2"]
    weights: Float[Array, " node"]

    @override
    def rotate(self, rotations: Float[np.ndarray, "element 3 3"]) -> Self:
        """The lifting to rotated copies of the signal: it is in `inner` already."""
        return self

    @override
    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> NodeState:
        """The first linear layer, k(u); there T = K."""
        nngp, variance1, variance2 = (
            weight_variance * values + bias_variance for values in (self.inner, self.norms1, self.norms2)
        )
        return NodeState(nngp, nngp, variance1, variance2, self.weights)


@dataclass(frozen=True)
class NearNodeInput(NodeInput):
    """The same with the mean squares of f - rho(u_q) f'."""

    distance: Float[Array, "node sample1 sample2"]

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> NearNodeState:
        """The first linear layer."""
        first = super().linear(support, weight_variance, bias_variance)
        return NearNodeState(
            first.nngp,
            first.ntk,
            first.variance1,
            first.variance2,
            weight_variance * self.distance,
            first.weights,
        )

    @classmethod
    def by_rotation(
        cls,
        x1: Float[Array, "sample1 coefficient channel"],
        x2: Float[Array, "sample2 coefficient channel"],
        wigner: Float[Array, "node coefficient coefficient"],
        weights: Float[Array, " node"],
    ) -> Self:
        """From the rotated signals themselves: the cheaper way for a few nodes."""
        turned = jnp.einsum("qij,bjc->qbic", wigner, x2, precision="highest").reshape(len(wigner), len(x2), -1)
        flat = x1.reshape(len(x1), -1)
        inner = jnp.einsum("ak,qbk->qab", flat / dense_fan_in(x1.shape[2]), turned, precision="highest")
        norms = mean_squares(x1), mean_squares(x2)
        squares = norms[0][:, None], norms[1][None, :]
        share = flat.shape[1] / dense_fan_in(x1.shape[2])  # a mean over the sphere from a mean over coefficients
        distance = refined_distance(
            squared_distance(inner, *squares),
            squares[0] + squares[1],
            flat.shape[1],
            partial(_squared_difference, flat * math.sqrt(share), turned * math.sqrt(share)),
        )
        return cls(inner, *norms, weights, distance)


def inner_by_products(
    wigner: Float[Array, "node lmn"], products: Float[Array, "lmn sample1 sample2"]
) -> Float[Array, "node sample1 sample2"]:
    """sum_lmn D^l_mn(u) sum_c f_lm f'_ln/(4 pi C)."""
    return jnp.tensordot(wigner, products, axes=1, precision="highest")


def channel_products(
    x1: Float[Array, "sample1 coefficient channel"], x2: Float[Array, "sample2 coefficient channel"]
) -> Float[Array, "lmn sample1 sample2"]:
    """sum_c f_lm f'_ln/(4 pi C), ordered by l, m, n."""
    rows, columns = _block_entries(math.isqrt(x1.shape[1]))
    left = jnp.transpose(x1 / dense_fan_in(x1.shape[2]), (1, 0, 2))[rows]
    right = jnp.transpose(x2, (1, 2, 0))[columns]
    return jnp.einsum("kac,kcb->kab", left, right, precision="highest")


def self_products(x: Float[Array, "sample coefficient channel"]) -> Float[Array, "lmn sample"]:
    """sum_c f_lm f_ln/(4 pi C) of every signal with itself, ordered by l, m, n."""
    rows, columns = _block_entries(math.isqrt(x.shape[1]))
    return jnp.einsum("akc,akc->ka", x[:, rows], x[:, columns], precision="highest") / dense_fan_in(x.shape[2])


def mean_squares(x: Float[Array, "sample coefficient channel"]) -> Float[Array, " sample"]:
    """The mean square over the sphere and the channels, sum f_lm^2/(4 pi C)."""
    return jnp.sum(x * x, axis=(1, 2)) / dense_fan_in(x.shape[2])


def packed_wigner(bandlimit: int, rotations: Float[np.ndarray, "node 3 3"]) -> Float[np.ndarray, "node lmn"]:
    """D^l_mn of every rotation, ordered by l, m, n."""
    angles = euler_angles(rotations)
    return np.concatenate(
        [wigner_block(degree, angles).reshape(len(angles), -1) for degree in range(bandlimit)], axis=1
    )


def _squared_difference(
    flat: Float[Array, "sample1 coefficient"], turned: Float[Array, "node sample2 coefficient"], index: Array
) -> Float[Array, "node sample1 sample2"]:
    first = jax.lax.dynamic_index_in_dim(flat, index, axis=1, keepdims=False)
    second = jax.lax.dynamic_index_in_dim(turned, index, axis=2, keepdims=False)
    return (first[None, :, None] - second[:, None, :]) ** 2


def _block_entries(bandlimit: int) -> tuple[Int[np.ndarray, " lmn"], Int[np.ndarray, " lmn"]]:
    """Row and column of every entry of the diagonal blocks, ordered by l, m, n."""
    sizes = [(degree * degree, 2 * degree + 1) for degree in range(bandlimit)]
    rows = np.concatenate([start + np.repeat(np.arange(size), size) for start, size in sizes])
    columns = np.concatenate([start + np.tile(np.arange(size), size) for start, size in sizes])
    return rows, columns
