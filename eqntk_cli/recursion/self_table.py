"""The full recursion over sites for networks that average over windows between their layers.

The variance of an average is a mean of covariances, Var mean_y F(y) = mean_{y, y'} K(x, x; y, y'), so the variances
at single sites no longer close under the recursion. In their place stands the covariance of each sample with itself
over all pairs of sites; it goes through the same layers as K, and its diagonal is the variance that the
nonlinearities need.
"""

from dataclasses import dataclass, replace
from typing import Self

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.activations.base import Activation, squared_distance
from eqntk_cli.recursion.table import InputState, TableState, pairs_averaged, read_taps


@dataclass(frozen=True)
class SelfTableState(TableState):
    """As `TableState`, but `variance1` and `variance2` are K(x, x) over pairs of sites: (sample, site, site')."""

    def averaged(self, support: Support) -> Self:
        """Mean over the taps, of the covariances of each sample with itself too."""
        return replace(
            self,
            nngp=pairs_averaged(self.nngp, support),
            ntk=pairs_averaged(self.ntk, support),
            variance1=pairs_averaged(self.variance1[:, None], support)[:, 0],
            variance2=pairs_averaged(self.variance2[:, None], support)[:, 0],
            distance=self._distance_averaged(support),
        )

    def across(self) -> tuple[Float[Array, "sample1 1 site1 1"], Float[Array, "1 sample2 1 site2"]]:
        """The variances are the diagonals."""
        return _diagonal(self.variance1)[:, None, :, None], _diagonal(self.variance2)[None, :, None, :]

    def variance_activated(
        self, variance: Float[Array, "sample site site"], activation: Activation
    ) -> Float[Array, "sample site site"]:
        """The covariances of a sample with itself."""
        return _activated(variance, activation)

    def pool_windows(self, support: Support) -> Self:
        """Average pooling: a mean over the windows of both sites, each over its own.

        The distance of two means is no mean of distances: it starts again from K and the variances.
        """
        pooled = replace(
            self,
            nngp=_over_windows(self.nngp, support),
            ntk=_over_windows(self.ntk, support),
            variance1=_over_windows(self.variance1[:, None], support)[:, 0],
            variance2=_over_windows(self.variance2[:, None], support)[:, 0],
        )
        return replace(pooled, distance=squared_distance(pooled.nngp, *pooled.across()))


@dataclass(frozen=True)
class SelfInputState(InputState):
    """Two blocks of samples before the first linear layer, whose covariances with themselves are followed too."""

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> SelfTableState:
        """The first linear layer; there T = K."""
        first = super().linear(support, weight_variance, bias_variance)
        reads = (read_taps(features, support) for features in (self.features1, self.features2))
        variances = [
            weight_variance * jnp.einsum("aoj,apj->aop", read, read) / read.shape[-1] + bias_variance for read in reads
        ]
        return SelfTableState(first.nngp, first.ntk, variances[0], variances[1], first.distance)


def _diagonal(values: Float[Array, "sample site site"]) -> Float[Array, "sample site"]:
    return jnp.diagonal(values, axis1=1, axis2=2)


def _activated(values: Float[Array, "sample site site"], activation: Activation) -> Float[Array, "sample site site"]:
    """The covariance of a sample with itself after a nonlinearity; on the diagonal the exact values."""
    variance = _diagonal(values)
    elsewhere = activation.dual(values, variance[:, :, None], variance[:, None, :]).value
    same = jnp.eye(values.shape[1], dtype=bool)
    return jnp.where(same, activation.diagonal(variance).value[:, :, None], elsewhere)


def _over_windows(
    values: Float[Array, "sample1 sample2 site1 site2"], support: Support
) -> Float[Array, "sample1 sample2 out1 out2"]:
    """Mean over the window of the first site, then over that of the second."""
    rows = values[:, :, support.table].mean(axis=3)
    return rows[:, :, :, support.table].mean(axis=4)
