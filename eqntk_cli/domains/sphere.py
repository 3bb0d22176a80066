"""Signals on the sphere as coefficients of real spherical harmonics, rotated exactly by Wigner matrices.

A sample has shape (coefficient, channel) with L^2 coefficients, l < L, in the order and convention of
`eqntk_cli.domains.harmonics`. The fan-in of a dense layer is 4 pi C: then W_std^2/fan_in times the inner product
of coefficients is the inner product over the sphere, averaged over the sphere and the channels.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.harmonics import wigner_matrices


@dataclass(frozen=True)
class Sphere:
    """Signals with `channels` channels, band-limited to l < `bandlimit`.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.groups.rotations import octahedral
        >>> signal = np.random.default_rng(0).normal(size=(1, 9, 1))
        >>> turned = np.asarray(Sphere(bandlimit=3, channels=1).move(octahedral().matrices, signal))
        >>> turned.shape, bool(np.allclose((turned**2).sum(axis=(2, 3)), (signal**2).sum()))  # norms do not change
        ((1, 24, 9, 1), True)
    """

    bandlimit: int
    channels: int

    @property
    def shape(self) -> tuple[int, int]:
        """(coefficient, channel)."""
        return (self.bandlimit**2, self.channels)

    @property
    def fan_in(self) -> float:
        """Of a dense layer on the whole signal, 4 pi C."""
        return dense_fan_in(self.channels)

    @property
    def sphere(self) -> "Sphere":
        """Itself: a sample is one signal."""
        return self

    @property
    def atoms(self) -> None:
        """A sample is no set of atoms."""
        return

    @property
    def dimension(self) -> int:
        """Of space."""
        return 3

    @property
    def features(self) -> int:
        """The number of coefficients of all channels."""
        return self.bandlimit**2 * self.channels

    def obstacle(self, matrices: Float[np.ndarray, "element 3 3"]) -> None:  # noqa: ARG002 (of the protocol)
        """Every rotation maps the sphere onto itself."""
        return

    def move(
        self, matrices: Float[np.ndarray, "element 3 3"], x: Float[Array, "*sample coefficient channel"]
    ) -> Float[Array, "*sample element coefficient channel"]:
        """rho(R) x for each rotation: coefficients D(R) x."""
        x = jnp.asarray(x)
        wigner = jnp.asarray(wigner_matrices(self.bandlimit, matrices), x.dtype)
        return jnp.einsum("rij,...jc->...ric", wigner, x)

    def sites(self, x: Float[Array, "sample coefficient channel"]) -> Float[Array, "sample coefficient channel"]:
        """Coefficients as sites, scaled so that a mean over sites is a mean over the sphere.

        A linear layer divides by sites times channels, L^2 C; the factor L^2/(4 pi) turns that into 4 pi C.
        """
        return x * math.sqrt(self.features / self.fan_in)


def dense_fan_in(channels: int) -> float:
    """4 pi C, by which the inner product of coefficients is a mean over the sphere and the channels."""
    return 4 * math.pi * channels
