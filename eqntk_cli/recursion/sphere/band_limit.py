r"""The recursion of a network on SO(3) that is band-limited to l < L' after every nonlinearity.

A network whose features live on a fixed grid in Fourier space cannot hold what a nonlinearity makes of them above
l = L' - 1, so K and T, as functions of the relative rotation u, are projected:
    (P K)(u) = sum_{l < L'} (2l + 1) sum_mn D^l_mn(u) int K(v) D^l_mn(v) dv.
The variances are those of the projected self-kernels K(f, f; u) at u = e, so these are followed over all u too.
Off by a few 0.1 % from the network without a limit at L' = 3 to 6.
"""

from dataclasses import dataclass, replace
from typing import Self

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from typing_extensions import override

from eqntk_cli.domains.support import Support
from eqntk_cli.groups.quadrature import Quadrature
from eqntk_cli.recursion.activations.base import Activation
from eqntk_cli.recursion.sphere.state import NodeState, packed_wigner
from eqntk_cli.recursion.state import State


@dataclass(frozen=True, eq=False)
class Projection:
    """P on functions given at the nodes of a quadrature: analysis by weights, synthesis by D^l_mn."""

    analysis: Float[np.ndarray, "lmn node"]
    synthesis: Float[np.ndarray, "node lmn"]
    at_identity: Float[np.ndarray, " lmn"]

    @classmethod
    def of(cls, rule: Quadrature, bandlimit: int) -> "Projection":
        """Exact for functions of degree up to the rule's minus (bandlimit - 1)."""
        synthesis = packed_wigner(bandlimit, rule.rotations)
        sizes = np.concatenate([np.full((2 * degree + 1) ** 2, 2 * degree + 1) for degree in range(bandlimit)])
        at_identity = packed_wigner(bandlimit, np.eye(3)[None])[0]
        analysis = (synthesis * rule.weights[:, None]).T * sizes[:, None]
        return cls(analysis, synthesis, at_identity)

    def nodes(self, values: Float[Array, "node *any"]) -> Float[Array, "node *any"]:
        """The projected function at the nodes."""
        return jnp.tensordot(self.synthesis.astype(values.dtype), self._coefficients(values), axes=1)

    def nodes_and_identity(self, values: Float[Array, "node sample"]) -> Float[Array, "1+node sample"]:
        """The projected function at u = e, then at the nodes."""
        first = jnp.tensordot(self.at_identity.astype(values.dtype), self._coefficients(values), axes=1)
        return jnp.concatenate([first[None], self.nodes(values)])

    def _coefficients(self, values: Float[Array, "node *any"]) -> Float[Array, "lmn *any"]:
        return jnp.tensordot(self.analysis.astype(values.dtype), values, axes=1)


@dataclass(frozen=True)
class BandLimitedState(NodeState):
    """K and T at all nodes; `variance1` and `variance2` hold the self-kernels at u = e, then at the nodes."""

    projection: Projection

    def across(self) -> tuple[Float[Array, "1 sample1 1"], Float[Array, "1 1 sample2"]]:
        """The variances are the self-kernels at u = e."""
        return self.variance1[:1, :, None], self.variance2[:1, None, :]

    def variance_activated(
        self, variance: Float[Array, "1+node sample"], activation: Activation
    ) -> Float[Array, "1+node sample"]:
        """The self-kernels at every u."""
        return _activated(variance, activation)

    def limit_band(self) -> Self:
        """P on K, T and the self-kernels."""
        limit = self.projection
        return replace(
            self,
            nngp=limit.nodes(self.nngp),
            ntk=limit.nodes(self.ntk),
            variance1=limit.nodes_and_identity(self.variance1[1:]),
            variance2=limit.nodes_and_identity(self.variance2[1:]),
        )


@dataclass(frozen=True)
class BandLimitedInput(State):
    """Two blocks of signals before the lifting layer: inner products with rotated copies, also with the own ones."""

    inner: Float[Array, "node sample1 sample2"]
    self1: Float[Array, "1+node sample1"]
    self2: Float[Array, "1+node sample2"]
    weights: Float[Array, " node"]
    projection: Projection

    @override
    def rotate(self, rotations: Float[np.ndarray, "element 3 3"]) -> Self:
        """The lifting to rotated copies of the signal: it is in `inner` already."""
        return self

    @override
    def linear(self, support: Support, weight_variance: float, bias_variance: float) -> BandLimitedState:
        """The first linear layer, k(u); there T = K."""
        nngp, self1, self2 = (
            weight_variance * values + bias_variance for values in (self.inner, self.self1, self.self2)
        )
        return BandLimitedState(nngp, nngp, self1, self2, self.weights, self.projection)


def _activated(values: Float[Array, "1+node sample"], activation: Activation) -> Float[Array, "1+node sample"]:
    """A self-kernel, at u = e and at the nodes, after a nonlinearity."""
    elsewhere = activation.dual(values[1:], values[:1], values[:1]).value
    return jnp.concatenate([activation.diagonal(values[:1]).value, elsewhere])
