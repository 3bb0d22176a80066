"""The state of the kernel recursion, as every layer sees it.

While an infinitely wide network is followed layer by layer, three things are carried for a block of pairs of
samples: the NNGP K (covariance of the features), the NTK T, and the variances K(x, x), K(x', x') at the same
site, which the nonlinearities need. The rules are the same in every form of the recursion:

    linear      K <- W_std^2 mean K + b_std^2         T <- K_new + W_std^2 mean T
    nonlinear   K <- E[s s']                          T <- T · E[sdot sdot']
    skip        K <- K + K_branch                     T <- T + T_branch

What differs is how sites are laid out and so how the mean over the taps of a filter is taken; that is the only
thing that a concrete form supplies.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

from jaxtyping import Array, Float

from eqntk_cli.errors import ConfigError
from eqntk_cli.recursion.activations.base import Activation


@dataclass(frozen=True)
class KernelState(ABC):
    """NNGP, NTK and variances of a block of pairs, in one concrete layout of the sites.

    `ntk` is None until the first linear layer: the input has no parameters, so T = 0 there.
    """

    nngp: Float[Array, "..."]
    ntk: Float[Array, "..."] | None
    variance1: Float[Array, "..."] | None
    variance2: Float[Array, "..."] | None

    @abstractmethod
    def average(self, values: Float[Array, "..."], support: Any) -> Float[Array, "..."]:
        """Mean of a two-site array over the taps of a filter, both sites moved by the same tap."""

    @abstractmethod
    def average_variance(self, values: Float[Array, "..."], support: Any, which: int) -> Float[Array, "..."]:
        """Mean of the one-site array of sample 1 or 2 (`which`) over the taps of a filter."""

    @abstractmethod
    def across(
        self, variance1: Float[Array, "..."], variance2: Float[Array, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Both variances in shapes that broadcast against `nngp`."""

    @abstractmethod
    def pool(self) -> "KernelState":
        """Mean of K and T over both sites; the variances end here."""

    def average_windows(self, support: Any) -> Self:
        """Average pooling over windows; most forms cannot follow it.

        Raises:
            ConfigError: this form keeps the variances at single sites only.
        """
        del support
        raise ConfigError(
            "average pooling inside the network needs covariances between sites, which this recursion does not keep; "
            "use architecture.average_pool=1, or model.route=auto"
        )

    def after_linear(self, support: Any) -> Self:
        """The state in which the result of a linear layer lives (most forms: this one)."""
        del support
        return self

    def linear(self, support: Any, weight_variance: float, bias_variance: float) -> Self:
        """A dense layer, convolution, lifting or group convolution with these taps."""
        nngp = weight_variance * self.average(self.nngp, support) + bias_variance
        ntk = nngp if self.ntk is None else nngp + weight_variance * self.average(self.ntk, support)
        variances = [
            None if values is None else weight_variance * self.average_variance(values, support, which) + bias_variance
            for which, values in ((1, self.variance1), (2, self.variance2))
        ]
        return replace(self.after_linear(support), nngp=nngp, ntk=ntk, variance1=variances[0], variance2=variances[1])

    def activate(self, activation: Activation) -> Self:
        """A nonlinearity, applied at every site."""
        assert self.variance1 is not None, "a nonlinearity after pooling"
        assert self.variance2 is not None, "a nonlinearity after pooling"
        dual = activation.dual(self.nngp, *self.across(self.variance1, self.variance2))
        return replace(
            self,
            nngp=dual.value,
            ntk=None if self.ntk is None else self.ntk * dual.derivative,
            variance1=activation.diagonal(self.variance1).value,
            variance2=activation.diagonal(self.variance2).value,
        )

    def add(self, branch: "KernelState") -> Self:
        """A skip connection around a branch that ends in a linear layer (its weights make the cross terms 0)."""
        assert branch.ntk is not None, "a branch without a linear layer"
        assert self.variance1 is not None, "a skip connection after pooling"
        assert self.variance2 is not None, "a skip connection after pooling"
        assert branch.variance1 is not None, "a branch that pools"
        assert branch.variance2 is not None, "a branch that pools"
        return replace(
            self,
            nngp=self.nngp + branch.nngp,
            ntk=branch.ntk if self.ntk is None else self.ntk + branch.ntk,
            variance1=self.variance1 + branch.variance1,
            variance2=self.variance2 + branch.variance2,
        )
