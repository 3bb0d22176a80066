"""The first half of the lifting layer on the sphere: a signal becomes its rotated copies, one per group element.

Lifting with a global filter is N(g) = W_std/sqrt(4 pi C) sum_{lm,c} kappa_lm,c (rho(g^-1) f)_lm,c + b_std b. The
copies rho(g^-1) f stand side by side as sites, and a dense layer at each site is the rest. With the identity alone
this is the first layer of a plain network, with parameters of the same shapes.
"""

import math

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.harmonics import wigner_matrices
from eqntk_cli.recursion.sphere.state import NodeInput
from eqntk_cli.recursion.table import InputState


class RotatedCopies(nn.Module):
    """f -> (rho(g^-1) f) for the rotations g of a finite group, or of the nodes of a quadrature."""

    rotations: Float[np.ndarray, "element 3 3"]

    def __call__(self, x: Float[Array, "sample coefficient channel"]) -> Float[Array, "sample element feature"]:
        """All copies, coefficients and channels in one axis; no parameters."""
        inverse = wigner_matrices(math.isqrt(x.shape[1]), self.rotations).transpose(0, 2, 1)
        copies = jnp.einsum("gij,sjc->sgic", jnp.asarray(inverse, x.dtype), x)
        return copies.reshape(*copies.shape[:2], -1)

    def kernel(self, state: InputState | NodeInput) -> InputState | NodeInput:
        """The same for both samples (full recursion), or the relative rotation that the nodes hold already."""
        if isinstance(state, InputState):
            return InputState(self(state.features1), self(state.features2))
        return state.rotated()
