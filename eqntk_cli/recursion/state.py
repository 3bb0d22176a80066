"""The states of the kernel recursion, as every layer sees them.

While an infinitely wide network is followed layer by layer, three things are carried for a block of pairs of
samples: the NNGP K (covariance of the features), the NTK T, and the variances K(x, x), K(x', x') at the same
site, which the nonlinearities need. The rules are the same in every form of the recursion:

    linear      K <- W_std^2 mean K + b_std^2         T <- K_new + W_std^2 mean T
    nonlinear   K <- E[s s']                          T <- T · E[sdot sdot']
    skip        K <- K + K_branch                     T <- T + T_branch
    pooling     K <- mean K over pairs of sites       T <- mean T

What differs is how sites are laid out and so how the mean over the taps of a filter is taken; that is what a concrete
form supplies. Before the first linear layer there are no parameters, T = 0: a form has a state of its own for the
input, whose `linear` sets T = K.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from typing_extensions import override

from eqntk_cli.domains.support import Support
from eqntk_cli.recursion.activations.base import Activation

_NEAR = 1e-4  # squared distance of two inputs, relative to their squares, below which it is summed directly


class State:
    """What a layer may do to a block of pairs of samples; each form of the recursion offers what it can follow.

    Examples:
        >>> from eqntk_cli.domains.support import pointwise
        >>> before = Pooled(nngp=jnp.array([[2.0]]), ntk=jnp.array([[3.0]]))
        >>> after = before.linear(pointwise(1), weight_variance=4.0, bias_variance=0.25)
        >>> after.nngp.item(), after.ntk.item()  # 4 K + 0.25, and that + 4 T
        (8.25, 20.25)
    """

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> "State":
        """A dense layer, convolution, lifting or group convolution with these taps."""
        raise NotImplementedError("no linear layer")

    def activate(self, activation: Activation) -> "State":
        """A nonlinearity, applied at every site."""
        raise NotImplementedError("no nonlinearity")

    def add(self, branch: "State") -> "State":
        """A skip connection around a branch that ends in a linear layer (its weights make the cross terms 0)."""
        raise NotImplementedError("no skip connection")

    def pool(self) -> "Pooled":
        """Mean over all sites."""
        raise NotImplementedError("no pooling")

    def pool_nodes(self, weights: Float[np.ndarray, " node"]) -> "Pooled":
        """Mean over sites that are the nodes of a quadrature."""
        raise NotImplementedError("no pooling over nodes")

    def pool_windows(self, support: Support) -> "State":
        """Mean over the windows of `support`, both sites of a pair each over its own."""
        raise NotImplementedError("no average pooling inside a network: the variances stand at single sites")

    def rotate(self, rotations: Float[np.ndarray, "element 3 3"]) -> "State":
        """Signals on the sphere become their rotated copies, one site each."""
        raise NotImplementedError("no rotated copies")

    def limit_band(self) -> "State":
        """Functions of the relative rotation are projected on harmonics below the band limit."""
        raise NotImplementedError("no band limit")


@dataclass(frozen=True)
class Pooled(State):
    """K and T when all sites are averaged: what is left is the read-out.

    Examples:
        >>> one = Pooled(jnp.array([[2.0]]), jnp.array([[3.0]]))
        >>> one.pool() is one
        True
    """

    nngp: Float[Array, "sample1 sample2"]
    ntk: Float[Array, "sample1 sample2"]

    @override
    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> "Pooled":
        """A dense read-out."""
        nngp = weight_variance * self.nngp + bias_variance
        return Pooled(nngp, nngp + weight_variance * self.ntk)

    def pool(self) -> "Pooled":
        """There is a single site."""
        return self


@dataclass(frozen=True)
class KernelState(State, ABC):
    """NNGP, NTK and variances of a block of pairs behind the first linear layer, in one layout of the sites.

    Examples:
        >>> from eqntk_cli.domains.support import everywhere
        >>> from eqntk_cli.recursion.activations.registry import get_activation
        >>> from eqntk_cli.recursion.table import InputState
        >>> x = jnp.array([[[1.0], [3.0]]])
        >>> state = InputState(x, x).linear(everywhere(2), 1.0, 0.0).activate(get_activation("relu"))
        >>> round(state.nngp.item(), 5), round(state.ntk.item(), 5)  # 5 E[relu^2], and 5 E[relu'^2]
        (2.5, 2.5)
    """

    nngp: Float[Array, "..."]
    ntk: Float[Array, "..."]
    variance1: Float[Array, "..."]
    variance2: Float[Array, "..."]

    @abstractmethod
    def averaged(self, support: Support) -> Self:
        """Everything as a mean over the taps of a filter, both sites of a pair moved by the same tap."""

    @abstractmethod
    def across(self) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Both variances in shapes that broadcast against `nngp`."""

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> Self:
        """A linear layer: the rule of the module's docstring."""
        mean = self.averaged(support)
        nngp = weight_variance * mean.nngp + bias_variance
        return replace(
            mean,
            nngp=nngp,
            ntk=nngp + weight_variance * mean.ntk,
            variance1=weight_variance * mean.variance1 + bias_variance,
            variance2=weight_variance * mean.variance2 + bias_variance,
        )

    def activate(self, activation: Activation) -> Self:
        """A nonlinearity, applied at every site."""
        dual = activation.dual(self.nngp, *self.across())
        return replace(
            self,
            nngp=dual.value,
            ntk=self.ntk * dual.derivative,
            variance1=self.variance_activated(self.variance1, activation),
            variance2=self.variance_activated(self.variance2, activation),
        )

    def variance_activated(self, variance: Float[Array, "..."], activation: Activation) -> Float[Array, "..."]:
        """A variance after a nonlinearity: the exact value on the diagonal."""
        return activation.diagonal(variance).value

    def add(self, branch: State) -> Self:
        """A skip connection."""
        assert isinstance(branch, type(self)), "a branch that changes the form of the recursion"
        return replace(
            self,
            nngp=self.nngp + branch.nngp,
            ntk=self.ntk + branch.ntk,
            variance1=self.variance1 + branch.variance1,
            variance2=self.variance2 + branch.variance2,
        )


@dataclass(frozen=True)
class NearState(KernelState):
    """Follows D = K(x, x) + K(x', x') - 2 K(x, x') beside K, for pairs of samples that nearly coincide.

    The angle between two pre-activations is the root of their distance. By subtraction a rounding eps of K would move
    it by sqrt(eps), 3e-4 in single precision, in every layer. D is averaged by linear layers as K is, without the
    bias, and nonlinearities know their own rule (`Activation.apart`).
    """

    distance: Float[Array, "..."]

    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> Self:
        """A linear layer; the bias is common to both."""
        new = super().linear(support, weight_variance, bias_variance)
        return replace(new, distance=weight_variance * new.distance)

    def activate(self, activation: Activation) -> Self:
        """A nonlinearity, applied at every site."""
        apart = activation.apart(self.nngp, *self.across(), self.distance)
        return replace(
            self,
            nngp=apart.value,
            ntk=self.ntk * apart.derivative,
            variance1=self.variance_activated(self.variance1, activation),
            variance2=self.variance_activated(self.variance2, activation),
            distance=apart.distance,
        )

    def add(self, branch: State) -> Self:
        """A skip connection."""
        assert isinstance(branch, type(self)), "a branch that changes the form of the recursion"
        return replace(super().add(branch), distance=self.distance + branch.distance)


def refined_distance(
    distance: Float[Array, "..."], scale: Float[Array, "..."], terms: int, term: Callable[[Array], Float[Array, "..."]]
) -> Float[Array, "..."]:
    """The mean of squared differences of two inputs, where subtraction has left too few digits of `distance`.

    Where distance < 1e-4 scale, the sum over its `terms` single terms divided by their number is taken instead. It
    costs more than a matrix product, and is done only if there is such a pair in the block.
    """
    near = distance < _NEAR * scale
    total = partial(_mean_of_terms, terms, term, distance)
    return jnp.where(near, jax.lax.cond(near.any(), total, lambda: distance), distance)


def _mean_of_terms(
    terms: int, term: Callable[[Array], Float[Array, "..."]], like: Float[Array, "..."]
) -> Float[Array, "..."]:
    return jax.lax.fori_loop(0, terms, lambda index, total: total + term(index), jnp.zeros_like(like)) / terms
