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


@dataclass(frozen=True)
class PixelGrid:
    """Images of `height` x `width` pixels with `channels` channels.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.groups.planar import cyclic
        >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
        >>> copies = PixelGrid(3, 3, 1).move(cyclic(4).matrices, image)
        >>> [bool((copies[0, turns] == np.rot90(image[0], turns)).all()) for turns in range(4)]
        [True, True, True, True]
    """

    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image."""
        return (self.height, self.width, self.channels)

    @property
    def dimension(self) -> int:
        """Of the plane."""
        return 2

    @property
    def lattice(self) -> Lattice:
        """The positions of the pixels."""
        return Lattice.of_image(self.height, self.width)

    def obstacle(self, matrices: Int[np.ndarray, "element 2 2"]) -> str | None:
        """Axes that are swapped need a square image."""
        if self.lattice.closed_under(matrices):
            return None
        return (
            f"swaps the axes and needs square images; these have {self.height}x{self.width} pixels. Use group=c2 or "
            "d2, or set dataset.image_size"
        )

    def move(
        self, matrices: Int[np.ndarray, "element 2 2"], x: Float[Array, "sample height width channel"]
    ) -> Float[Array, "sample element height width channel"]:
        """All copies rho(g) x; at pixel p stands x at g^-1 p (the matrices are orthogonal: g^-1 is the transpose)."""
        source = np.stack([self.lattice.moved(matrix.T) for matrix in matrices])
        flat = jnp.asarray(x).reshape(x.shape[0], -1, self.channels)
        return flat[:, source].reshape(x.shape[0], len(matrices), *self.shape)

    def sites(self, x: Float[Array, "sample height width channel"]) -> Float[Array, "sample site channel"]:
        """Pixels as sites."""
        return x.reshape(x.shape[0], self.height * self.width, self.channels)
