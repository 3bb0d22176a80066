"""The full recursion over sites, for any index table: slow, general, the judge of every fast form.

Arrays are (sample1, sample2, site, site'): for a group network a site is (g, t), so this is the recursion over
(g, g') of the theory with nothing collapsed; for a plain network it is the kernel over pairs of positions, and
for a dense one there is a single site. A linear layer with taps `table[o, j]` gives
K[o, o'] = mean_j K[table[o, j], table[o', j]], where a tap outside counts as zero. The first linear layer is
taken straight from the features, K[o, o'] = mean_j <f(table[o, j]), f'(table[o', j])> / C, which spares the
array over all pairs of pixels. Memory per pair grows with the square of the number of sites.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.harmonics import rotated_signals
from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.activations.base import squared_distance
from eqntk_cli.recursion.state import NearState, Pooled, State, refined_distance


@dataclass(frozen=True)
class TableState(NearState):
    """K, T and D over all pairs of sites, (sample1, sample2, site, site'); the variances over single sites.

    Examples:
        >>> from eqntk_cli.domains.support import pointwise
        >>> x = jnp.array([[[1.0], [3.0]]])
        >>> state = InputState(x, x).linear(pointwise(2), weight_variance=1.0, bias_variance=0.0)
        >>> state.nngp[0, 0].tolist(), state.pool().nngp.item()  # all pairs of sites, and their mean
        ([[1.0, 3.0], [3.0, 9.0]], 4.0)
    """

    def averaged(self, support: Support) -> Self:
        """Mean over the taps."""
        return replace(
            self,
            nngp=pairs_averaged(self.nngp, support),
            ntk=pairs_averaged(self.ntk, support),
            variance1=_sites_averaged(self.variance1, support),
            variance2=_sites_averaged(self.variance2, support),
            distance=self._distance_averaged(support),
        )

    def across(self) -> tuple[Float[Array, "sample1 1 site1 1"], Float[Array, "1 sample2 1 site2"]]:
        """Variances of the first sample along axes 0 and 2, of the second along 1 and 3."""
        return self.variance1[:, None, :, None], self.variance2[None, :, None, :]

    def _distance_averaged(self, support: Support) -> Float[Array, "sample1 sample2 out1 out2"]:
        """Mean over the taps; where one of two taps is outside, the distance is the square of the other."""
        square1, square2 = self.across()
        padded = jnp.pad(self.distance, [(0, 0), (0, 0), (0, 1), (0, 1)])
        padded = padded.at[:, :, :-1, -1].set(square1[..., 0]).at[:, :, -1, :-1].set(square2[:, :, 0])
        return _taps_averaged(padded, support)

    def pool(self) -> Pooled:
        """Mean over all pairs of sites."""
        return Pooled(self.nngp.mean(axis=(2, 3)), self.ntk.mean(axis=(2, 3)))

    def pool_nodes(self, weights: Float[np.ndarray, " node"]) -> Pooled:
        """sum_qq' w_q w_q' K(u_q, u_q'), and T likewise."""
        return Pooled(*(jnp.einsum("q,abqr,r->ab", weights, values, weights) for values in (self.nngp, self.ntk)))


@dataclass(frozen=True)
class InputState(State):
    """Two blocks of samples before the first linear layer: features with sites, and T = 0.

    Examples:
        >>> from eqntk_cli.domains.support import everywhere
        >>> x = jnp.array([[[1.0], [3.0]]])
        >>> InputState(x, x).linear(everywhere(2), weight_variance=1.0, bias_variance=0.0).nngp.tolist()
        [[[[5.0]]]]
    """

    features1: Float[Array, "sample1 site channel"]
    features2: Float[Array, "sample2 site channel"]

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> TableState:
        """The first linear layer; there T = K."""
        read1, read2 = (read_taps(features, support) for features in (self.features1, self.features2))
        fan_in = read1.shape[-1]
        nngp = jnp.einsum("aoj,bpj->abop", read1, read2) / fan_in
        variances = [jnp.einsum("aoj,aoj->ao", read, read) / fan_in for read in (read1, read2)]
        square1, square2 = variances[0][:, None, :, None], variances[1][None, :, None, :]
        distance = refined_distance(
            squared_distance(nngp, square1, square2),
            square1 + square2,
            fan_in,
            partial(_squared_difference, read1, read2),
        )
        nngp, variance1, variance2 = (weight_variance * values + bias_variance for values in (nngp, *variances))
        return TableState(nngp, nngp, variance1, variance2, weight_variance * distance)

    def pool_windows(self, support: Support) -> Self:
        """There are features yet, and they are pooled themselves."""
        pooled = [features[:, support.table].mean(axis=2) for features in (self.features1, self.features2)]
        return replace(self, features1=pooled[0], features2=pooled[1])

    def rotate(self, rotations: Float[np.ndarray, "element 3 3"]) -> Self:
        """The rotated copies of both samples."""
        copies = [rotated_signals(rotations, features) for features in (self.features1, self.features2)]
        return replace(self, features1=copies[0], features2=copies[1])


def pairs_averaged(
    values: Float[Array, "sample1 sample2 site1 site2"], support: Support
) -> Float[Array, "sample1 sample2 out1 out2"]:
    """Mean over the taps of an array over pairs of sites, both moved by the same tap."""
    return _taps_averaged(jnp.pad(values, [(0, 0), (0, 0), (0, 1), (0, 1)]), support)  # index -1 reads these zeros


def _taps_averaged(
    padded: Float[Array, "sample1 sample2 site1+1 site2+1"], support: Support
) -> Float[Array, "sample1 sample2 out1 out2"]:
    table = jnp.asarray(support.table)
    outputs = len(support.table)

    def add_tap(tap: Array, total: Array) -> Array:
        sites = table[:, tap]
        return total + padded[:, :, sites][:, :, :, sites]

    start = jnp.zeros((*padded.shape[:2], outputs, outputs), padded.dtype)
    return jax.lax.fori_loop(0, support.taps, add_tap, start) / support.taps


def read_taps(features: Float[Array, "sample site channel"], support: Support) -> Float[Array, "sample out read"]:
    """What each output site reads, taps and channels in one axis; outside is zero."""
    padded = jnp.pad(features, [(0, 0), (0, 1), (0, 0)])
    return padded[:, support.table].reshape(len(features), len(support.table), -1)


def _squared_difference(
    read1: Float[Array, "sample1 site1 read"], read2: Float[Array, "sample2 site2 read"], index: Array
) -> Float[Array, "sample1 sample2 site1 site2"]:
    """The squares of the differences of one entry of what all sites read."""
    first, second = (jax.lax.dynamic_index_in_dim(read, index, axis=2, keepdims=False) for read in (read1, read2))
    return (first[:, None, :, None] - second[None, :, None, :]) ** 2


def _sites_averaged(values: Float[Array, "sample site"], support: Support) -> Float[Array, "sample out"]:
    """Mean over the taps of an array over single sites."""
    return jnp.pad(values, [(0, 0), (0, 1)])[:, support.table].mean(axis=-1)
