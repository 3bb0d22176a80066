"""The kernel of a network on SO(3) that is band-limited after every nonlinearity."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.groups.quadrature import Quadrature
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.kernels.pair.spherical import Recursion
from eqntk_cli.recursion.sphere.band_limit import BandLimitedInput, Projection
from eqntk_cli.recursion.sphere.state import (
    channel_products,
    inner_by_products,
    mean_squares,
    packed_wigner,
    self_products,
)


class BandLimitedKernel(PairKernel):
    """The kernel of a network whose layers hold `BandLimit`s; all nodes are held at once."""

    def __init__(self, recursion: Recursion, bandlimit: int, rule: Quadrature) -> None:
        self.route = "collapsed"
        self.collapses = True
        self.notes = (
            f"band-limited to l < {bandlimit} after every nonlinearity, on {rule.nodes} nodes of degree {rule.degree}; "
            "a few 0.1 % off the network without a limit",
        )
        self.quadrature = rule
        self._recursion = recursion
        self._wigner = packed_wigner(bandlimit, rule.rotations)
        self._projection = Projection.of(rule, bandlimit)

    def block(
        self, x1: Float[Array, "sample1 coefficient channel"], x2: Float[Array, "sample2 coefficient channel"]
    ) -> KernelBlock:
        """NNGP and NTK of all pairs."""
        x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
        wigner, weights = jnp.asarray(self._wigner, x1.dtype), jnp.asarray(self.quadrature.weights, x1.dtype)
        self1, self2 = (
            jnp.concatenate([mean_squares(x)[None], jnp.tensordot(wigner, self_products(x), axes=1)]) for x in (x1, x2)
        )
        inner = inner_by_products(wigner, channel_products(x1, x2))
        state = self._recursion(BandLimitedInput(inner, self1, self2, weights, self._projection)).pool()
        return KernelBlock(state.nngp, state.ntk)

    def bytes_per_pair(self, x1: Array, x2: Array) -> int:
        """About eight arrays over the nodes."""
        del x2
        return 8 * self.quadrature.nodes * np.dtype(x1.dtype).itemsize
