"""What a domain is: where signals live, and how a group moves them.

A group element g acts on a signal by (rho(g) f)(x) = f(g^-1 x). Everything above this folder (layers, kernels,
models) asks a domain only for what stands here.
"""

from typing import Any, Protocol

import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.samples import Samples


class Domain(Protocol):
    """Where one kind of signal lives.

    `shape` is the shape of one sample; `fan_in` the fan-in of a dense layer on it (pixels: H·W·C, sphere:
    4 pi C, so that its inner product is the L2 product over the sphere).
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""

    @property
    def fan_in(self) -> float:
        """Fan-in of a dense layer on the whole signal."""

    def orbit(self, group: Any, x: Samples) -> Samples:
        """All copies rho(g) x: (sample, element, ...); ConfigError where the group does not act exactly."""

    def sites(self, x: Samples) -> Float[Array, "sample site channel"]:
        """The signal as sites with channels, the form in which a network's first layer takes it."""


class Rotatable(Protocol):
    """A domain on which any rotation of space acts, not only those of a finite group."""

    def rotate(self, rotations: Float[np.ndarray, "rotation 3 3"], x: Samples) -> Samples:
        """rho(R) x for each rotation: (sample, rotation, ...)."""
