r"""Group convolution over SO(3) with a filter on the whole group, in Fourier space.

N(g) = W_std int kappa(h) . F(g h) dh + b_std b. With F = sum_l sqrt(2l + 1) sum_mn F^l_mn D^l_mn (orthonormal
coefficients) and D(g h) = D(g) D(h) this is a matrix product from the right for every l,
    N^l_mk = W_std/sqrt(C (2l + 1)) sum_{n,c} F^l_mn,c kappa^l_nk,c + b_std b delta_l0,      kappa ~ N(0, 1).
The rotation of the input acts on m only, which makes it equivariant. The sum over n has 2l + 1 terms: each degree
keeps its power on average, so K <- W_std^2 P K + b_std^2 (P: the projection on l < L').
"""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqntk_cli.recursion.sphere.band_limit import Projection


class FourierGroupConv(nn.Module):
    """From features on the nodes to features on the nodes; includes the projection on l < `bandlimit`."""

    projection: Projection
    bandlimit: int
    features: int
    W_std: float
    b_std: float

    @nn.compact
    def __call__(self, x: Float[Array, "sample node channel"]) -> Float[Array, "sample node feature"]:
        """The finite layer; analysis and synthesis carry the factors 2l + 1, so only 1/sqrt(2l + 1) is left here."""
        normal = nn.initializers.normal(1.0)
        spectrum = jnp.einsum("kq,sqc->skc", self.projection.analysis.astype(x.dtype), x)
        outputs = []
        for degree in range(self.bandlimit):
            size, start = 2 * degree + 1, degree * (2 * degree - 1) * (2 * degree + 1) // 3
            part = spectrum[:, start : start + size * size].reshape(-1, size, size, x.shape[-1])
            weight = self.param(f"weight{degree}", normal, (size, size, x.shape[-1], self.features), x.dtype)
            mixed = jnp.einsum("smnc,nkcf->smkf", part, weight) * self.weight_scale(x.shape[-1], size)
            outputs.append(mixed.reshape(-1, size * size, self.features))
        bias = self.param("bias", normal, (self.features,), x.dtype)
        synthesis = self.projection.synthesis.astype(x.dtype)
        return jnp.einsum("qk,skf->sqf", synthesis, jnp.concatenate(outputs, axis=1)) + self.b_std * bias

    def kernel(self, state: Any) -> Any:
        """The recursion: project, then a linear layer whose 2l + 1 terms per degree add up to one fan-in."""
        fan_in = 1
        return state.band_limited().linear(None, self.weight_scale(fan_in, 1) ** 2, self.b_std**2)

    def weight_scale(self, channels: int, size: int) -> float:
        """The factor in front of standard normal weights."""
        return self.W_std / math.sqrt(channels * size)
