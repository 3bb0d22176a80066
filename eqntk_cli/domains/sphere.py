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
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.so3 import SO3


@dataclass(frozen=True)
class Sphere:
    """Signals with `channels` channels, band-limited to l < `bandlimit`."""

    bandlimit: int
    channels: int

    @property
    def shape(self) -> tuple[int, int]:
        """(coefficient, channel)."""
        return (self.bandlimit**2, self.channels)

    @property
    def fan_in(self) -> float:
        """4 pi C."""
        return 4 * math.pi * self.channels

    @property
    def features(self) -> int:
        """The number of coefficients of all channels."""
        return self.bandlimit**2 * self.channels

    def orbit(
        self, group: FiniteGroup, x: Float[Array, "sample coefficient channel"]
    ) -> Float[Array, "sample element coefficient channel"]:
        """All copies rho(g) x.

        Raises:
            ConfigError: the group does not rotate the sphere, or has infinitely many elements.
        """
        return self.rotate(finite_rotations(group), x)

    def rotate(
        self, rotations: Float[np.ndarray, "rotation 3 3"], x: Float[Array, "*sample coefficient channel"]
    ) -> Float[Array, "*sample rotation coefficient channel"]:
        """rho(R) x for each rotation: coefficients D(R) x."""
        x = jnp.asarray(x)
        wigner = jnp.asarray(wigner_matrices(self.bandlimit, rotations), x.dtype)
        return jnp.einsum("rij,...jc->...ric", wigner, x)

    def sites(self, x: Float[Array, "sample coefficient channel"]) -> Float[Array, "sample coefficient channel"]:
        """Coefficients as sites, scaled so that a mean over sites is a mean over the sphere.

        A linear layer divides by sites times channels, L^2 C; the factor L^2/(4 pi) turns that into 4 pi C.
        """
        return x * math.sqrt(self.bandlimit**2 / (4 * math.pi))


def finite_rotations(group: FiniteGroup | SO3) -> Float[np.ndarray, "element 3 3"]:
    """The rotation matrices of a finite group of rotations.

    Raises:
        ConfigError: the group does not rotate the sphere, or has infinitely many elements.
    """
    if isinstance(group, SO3):
        raise ConfigError(
            "group=so3 has no finite orbit; use model.augmentation=haar (sampled rotations), or a finite subgroup: "
            "octahedral | icosahedral | cn."
        )
    if group.matrices.shape[1:] != (3, 3):
        raise ConfigError(
            f"group={group.name} does not act on the sphere; expected so3 | octahedral | icosahedral | cn."
        )
    return group.matrices
