"""Images on a pixel grid, moved by exact permutations of the pixels.

(rho(g) f)(x) = f(g^-1 x): the moved image shows at pixel x what the image had at g^-1 x. Samples have shape
(height, width, channel). A group whose elements swap the axes acts on square images only; whatever would need
interpolation is refused.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from eqntk_cli.domains.lattice import Lattice
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup


@dataclass(frozen=True)
class PixelGrid:
    """Images of `height` x `width` pixels with `channels` channels."""

    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image."""
        return (self.height, self.width, self.channels)

    @property
    def fan_in(self) -> float:
        """H·W·C."""
        return float(self.height * self.width * self.channels)

    @property
    def lattice(self) -> Lattice:
        """The positions of the pixels."""
        return Lattice.of_image(self.height, self.width)

    def permutations(self, group: FiniteGroup) -> Int[np.ndarray, "element pixel"]:
        """`[g, x]`: the pixel g x.

        Raises:
            ConfigError: if the group does not map the pixel grid onto itself.
        """
        planar = isinstance(group, FiniteGroup) and group.matrices.shape[1:] == (2, 2)
        if not planar:
            raise ConfigError(f"group={group.name} does not act on pixels; expected c1 | c2 | c4 | d1 | d2 | d4")
        if not self.lattice.closed_under(group.matrices):
            raise ConfigError(
                f"group={group.name} swaps the axes and needs square images; these have {self.height}x{self.width} "
                "pixels. Use group=c2 or d2, or set dataset.image_size"
            )
        return np.stack([self.lattice.moved(matrix) for matrix in group.matrices])

    def orbit(
        self, group: FiniteGroup, x: Float[Array, "sample height width channel"]
    ) -> Float[Array, "sample element height width channel"]:
        """All copies rho(g) x; at pixel p stands x at g^-1 p.

        Raises:
            ConfigError: if the group does not map the pixel grid onto itself.
        """
        source = self.permutations(group)[group.inverse]
        flat = jnp.asarray(x).reshape(x.shape[0], -1, self.channels)
        return flat[:, source].reshape(x.shape[0], group.order, *self.shape)

    def sites(self, x: Float[Array, "sample height width channel"]) -> Float[Array, "sample site channel"]:
        """Pixels as sites."""
        return x.reshape(x.shape[0], self.height * self.width, self.channels)
