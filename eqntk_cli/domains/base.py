"""What a domain is: where signals live, and how a group moves them.

A group element g acts on a signal by (rho(g) f)(x) = f(g^-1 x); `move` does it, given the element's matrix. Everything
above this folder (layers, kernels, models) asks a domain only for what stands here and in `groups.base.Space`.
"""

from typing import Protocol

from jaxtyping import Array, Float

from eqntk_cli.domains.samples import Samples
from eqntk_cli.groups.base import Space


class Domain(Space, Protocol):
    """Where one kind of signal lives.

    `shape` is the shape of one sample.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> PixelGrid(2, 3, 1).sites(np.arange(6.0).reshape(1, 2, 3, 1))[0, :, 0].tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""

    def sites(self, x: Samples) -> Float[Array, "sample site channel"]:
        """The signal as sites with channels, the form in which a network's first layer takes it."""
