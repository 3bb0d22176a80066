"""The mean over SO(3) of features on the nodes of a quadrature: N = sum_q w_q F(u_q)."""

from dataclasses import replace
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.recursion.table import TableState


class NodePool(nn.Module):
    """Weighted mean over all sites; K <- sum_qq' w_q w_q' K(u_q, u_q'), and T likewise."""

    weights: Float[np.ndarray, " node"]

    def __call__(self, x: Float[Array, "sample node channel"]) -> Float[Array, "sample 1 channel"]:
        """The finite layer."""
        return jnp.einsum("q,sqc->sc", jnp.asarray(self.weights, x.dtype), x)[:, None]

    def kernel(self, state: Any) -> Any:
        """The recursion; the collapsed state knows its nodes and weights itself."""
        if not isinstance(state, TableState):
            return state.pool()
        assert state.ntk is not None, "pooling before the first linear layer"
        means = [
            jnp.einsum("q,abqr,r->ab", self.weights, values, self.weights)[:, :, None, None]
            for values in (state.nngp, state.ntk)
        ]
        return replace(state, nngp=means[0], ntk=means[1], variance1=None, variance2=None)
