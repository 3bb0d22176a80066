r"""Layers of networks on rotations: lifting a signal, limiting its band, convolving over all of SO(3).

Lifting with a global filter is N(g) = W_std/sqrt(fan_in) sum_{lm,c} kappa_lm,c (rho(g^-1) f)_lm,c + b_std b: the
copies rho(g^-1) f stand side by side as sites (`RotatedCopies`), and a dense layer at each site is the rest; `lifting`
has both in one layer. With the identity alone this is the first layer of a plain network, with the same parameters.

On the nodes of a quadrature a dense layer at each node is an exact group convolution with its filter on the identity.
What a network on a fixed grid in Fourier space does after every nonlinearity is to project the features on harmonics
D^l_mn with l < L' (`BandLimit`); on such features filters over all of SO(3) can act (`FourierGroupConv`):
N(g) = W_std int kappa(h) . F(g h) dh + b_std b. With F = sum_l sqrt(2l + 1) sum_mn F^l_mn D^l_mn (orthonormal
coefficients) and D(g h) = D(g) D(h) this is a matrix product from the right for every l,
    N^l_mk = W_std/sqrt(C (2l + 1)) sum_{n,c} F^l_mn,c kappa^l_nk,c + b_std b delta_l0,      kappa ~ N(0, 1).
The rotation of the input acts on m only, which makes it equivariant. The sum over n has 2l + 1 terms: each degree
keeps its power on average, so K <- W_std^2 P K + b_std^2 (P: the projection on l < L').
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.harmonics import rotated_signals
from eqntk_cli.domains.support import pointwise
from eqntk_cli.layers.base import Layer
from eqntk_cli.layers.linear import weight_scale
from eqntk_cli.recursion.sphere.band_limit import Projection
from eqntk_cli.recursion.state import State


class RotatedCopies(Layer):
    """f -> (rho(g^-1) f) for the rotations g of a finite group, or of the nodes of a quadrature. No parameters.

    Examples:
        >>> from eqntk_cli.groups.rotations import octahedral
        >>> x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 1)))
        >>> copies = RotatedCopies(octahedral().matrices)(x)
        >>> copies.shape, bool(jnp.allclose(copies[..., 0], x[:, 0]))  # no rotation changes the mean, l = 0
        ((1, 24, 4), True)
    """

    rotations: Float[np.ndarray, "element 3 3"]

    def __call__(self, x: Float[Array, "sample coefficient channel"]) -> Float[Array, "sample element feature"]:
        """All copies, coefficients and channels in one axis; the identity alone makes no copy."""
        if len(self.rotations) == 1 and np.array_equal(self.rotations[0], np.eye(3)):
            return x.reshape(x.shape[0], 1, -1)
        return rotated_signals(self.rotations, x)

    def kernel(self, state: State) -> State:
        """The recursion."""
        return state.rotate(self.rotations)


class BandLimit(Layer):
    """F <- P F; K <- P K and T <- P T as functions of the relative rotation. No parameters.

    Examples:
        >>> from eqntk_cli.groups.quadrature import gauss_quadrature
        >>> rule = gauss_quadrature(4)
        >>> layer = BandLimit(Projection.of(rule, bandlimit=2))
        >>> entries = jnp.asarray(rule.rotations[:, 0])[None]  # degree 1: kept as they are
        >>> bool(jnp.allclose(layer(entries), entries, atol=1e-5))
        True
        >>> bool(jnp.allclose(layer(entries**2), 1 / 3, atol=1e-5))  # degree 2: only the mean is left
        True
    """

    projection: Projection

    def __call__(self, x: Float[Array, "sample node channel"]) -> Float[Array, "sample node channel"]:
        """The finite layer."""
        return jnp.moveaxis(self.projection.nodes(jnp.moveaxis(x, 1, 0)), 0, 1)

    def kernel(self, state: State) -> State:
        """The recursion."""
        return state.limit_band()


class FourierGroupConv(Layer):
    """From features on the nodes to features on the nodes; includes the projection on l < `bandlimit`.

    Examples:
        >>> import jax
        >>> from eqntk_cli.groups.quadrature import gauss_quadrature
        >>> rule = gauss_quadrature(2)
        >>> layer = FourierGroupConv(Projection.of(rule, 2), bandlimit=2, features=3, W_std=1.0, b_std=0.0)
        >>> params = layer.init(jax.random.key(0), jnp.ones((1, rule.nodes, 1)))["params"]
        >>> [params[name].shape for name in ("weight0", "weight1")]  # a matrix in (m, n) of every degree
        [(1, 1, 1, 3), (3, 3, 1, 3)]
    """

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
            mixed = jnp.einsum("smnc,nkcf->smkf", part, weight) * weight_scale(self.W_std, x.shape[-1] * size)
            outputs.append(mixed.reshape(-1, size * size, self.features))
        bias = self.param("bias", normal, (self.features,), x.dtype)
        synthesis = self.projection.synthesis.astype(x.dtype)
        return jnp.einsum("qk,skf->sqf", synthesis, jnp.concatenate(outputs, axis=1)) + self.b_std * bias

    def kernel(self, state: State) -> State:
        """The recursion: project, then a linear layer whose 2l + 1 terms per degree add up to one fan-in."""
        return state.limit_band().linear(pointwise(1), weight_scale(self.W_std, 1) ** 2, self.b_std**2)
