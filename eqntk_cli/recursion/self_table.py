"""The full recursion over sites for networks that average over windows between their layers.

The variance of an average is a mean of covariances, Var mean_y F(y) = mean_{y, y'} K(x, x; y, y'), so the variances
at single sites no longer close under the recursion. In their place stands the covariance of each sample with itself
over all pairs of sites; it goes through the same layers as K, and its diagonal is the variance that the
nonlinearities need.
"""

from dataclasses import dataclass, replace

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.table import InputState, TableState, read_taps


@dataclass(frozen=True)
class SelfTableState(TableState):
    """As `TableState`, but `variance1` and `variance2` are K(x, x) over pairs of sites: (sample, site, site')."""

    def average_variance(
        self, values: Float[Array, "sample site1 site2"], support: Support, which: int
    ) -> Float[Array, "sample out1 out2"]:
        """Mean over the taps, both sites moved by the same tap."""
        del which
        return self.average(values[:, None], support)[:, 0]

    def across(
        self, variance1: Float[Array, "sample1 site site"], variance2: Float[Array, "sample2 site site"]
    ) -> tuple[Float[Array, "sample1 1 site1 1"], Float[Array, "1 sample2 1 site2"]]:
        """The variances are the diagonals."""
        return super().across(_diagonal(variance1), _diagonal(variance2))

    def activate(self, activation: Activation) -> "SelfTableState":
        """A nonlinearity at every site, for the covariances of each sample with itself too."""
        assert self.variance1 is not None, "a nonlinearity after pooling"
        assert self.variance2 is not None, "a nonlinearity after pooling"
        variance1, variance2 = (_activated(values, activation) for values in (self.variance1, self.variance2))
        dual = activation.dual(self.nngp, *self.across(self.variance1, self.variance2))
        ntk = None if self.ntk is None else self.ntk * dual.derivative
        return replace(self, nngp=dual.value, ntk=ntk, variance1=variance1, variance2=variance2)

    def average_windows(self, support: Support) -> "SelfTableState":
        """Average pooling: a mean over the windows of both sites, each over its own."""
        assert self.variance1 is not None, "average pooling after pooling"
        assert self.variance2 is not None, "average pooling after pooling"
        return replace(
            self,
            nngp=_over_windows(self.nngp, support),
            ntk=None if self.ntk is None else _over_windows(self.ntk, support),
            variance1=_over_windows(self.variance1[:, None], support)[:, 0],
            variance2=_over_windows(self.variance2[:, None], support)[:, 0],
        )


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
        return SelfTableState(first.nngp, first.ntk, *variances)


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
