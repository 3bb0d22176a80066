"""The kernel of a network on the sphere: one quadrature over SO(3), or one mean over a finite group of rotations.

T(f, f') = sum_q w_q T(k(u_q)), see `eqntk_cli.recursion.sphere.state`. The nodes are taken a few at a time, so that all
arrays of one step stay in cache; every step ends in the read-out, which is affine in the mean over nodes, so that
steps can be added up with the sums of their weights. Where a network is band-limited after every nonlinearity the
limit mixes the nodes, and all are held at once.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqntk_cli.domains.harmonics import wigner_matrices
from eqntk_cli.groups.quadrature import Quadrature
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel
from eqntk_cli.recursion.sphere.band_limit import BandLimitedInput, Projection
from eqntk_cli.recursion.sphere.state import (
    NearNodeInput,
    NodeInput,
    channel_products,
    inner_by_products,
    mean_squares,
    packed_wigner,
    self_products,
)
from eqntk_cli.recursion.state import State

Recursion = Callable[[State], State]  # from the state of the input to the state of the output
_STEP_BYTES = 1 << 17  # of one array over (node, sample1, sample2): about ten of them fit in a second-level cache
_FEWEST_NODES = 8  # per step, however many pairs there are


class SphericalKernel(PairKernel):
    """The kernel of the network with this recursion, averaged over the nodes of a quadrature.

    `recursion` is `Network.kernel` of the plain network or of any corresponding group network: on the relative
    rotation they are the same.

    Examples:
        >>> from eqntk_cli.architectures.registry import pair_kernel
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.sphere import Sphere
        >>> from eqntk_cli.groups.rotations import octahedral
        >>> config, domain = ArchitectureConfig("spherical_mlp", hidden_layers=1, bandlimit=2), Sphere(2, 1)
        >>> kernel = pair_kernel(config, octahedral(), domain)
        >>> x = np.random.default_rng(0).normal(size=(1, 4, 1))
        >>> turned = octahedral().orbit(domain, x)[0]  # all 24 copies
        >>> float(np.ptp(kernel.block(x, turned).ntk)) < 1e-5
        True
    """

    def __init__(
        self, recursion: Recursion, bandlimit: int, quadrature: Quadrature, notes: tuple[str, ...] = ()
    ) -> None:
        self.route = "collapsed"
        self.collapses = True
        self.notes = notes
        self.quadrature = quadrature
        self._recursion = recursion
        self._wigner = packed_wigner(bandlimit, quadrature.rotations)
        self._rotations = wigner_matrices(bandlimit, quadrature.rotations[:_FEWEST_NODES])

    def block(
        self, x1: Float[Array, "sample1 coefficient channel"], x2: Float[Array, "sample2 coefficient channel"]
    ) -> KernelBlock:
        """NNGP and NTK of all pairs."""
        x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
        if self.quadrature.nodes <= _FEWEST_NODES:
            rotations, weights = (jnp.asarray(a, x1.dtype) for a in (self._rotations, self.quadrature.weights))
            return mean_over_nodes(self._recursion, NearNodeInput.by_rotation(x1, x2, rotations, weights))
        norms = mean_squares(x1), mean_squares(x2)
        products = channel_products(x1, x2)

        def add_step(total: KernelBlock, step: tuple[Array, Array]) -> tuple[KernelBlock, None]:
            share = step[1].sum()
            nodes = NodeInput(inner_by_products(step[0], products), *norms, step[1] / share)
            part = mean_over_nodes(self._recursion, nodes)
            return KernelBlock(*(sum_ + share * new for sum_, new in zip(total, part, strict=True))), None

        zero = jnp.zeros((len(x1), len(x2)), x1.dtype)
        steps = self._steps(len(x1) * len(x2), x1.dtype)
        return jax.lax.scan(add_step, KernelBlock(zero, zero), steps)[0]

    def bytes_per_pair(self, x1: Array, x2: Array) -> int:
        """The products of coefficients (l, m, n) twice over, and the arrays of a step of the fewest nodes."""
        del x2
        return (2 * self._wigner.shape[1] + 8 * _FEWEST_NODES) * np.dtype(x1.dtype).itemsize

    def _steps(self, pairs: int, dtype: Any) -> tuple[Float[Array, "step node lmn"], Float[Array, "step node"]]:
        """The nodes in equal steps, filled up with nodes of weight 0."""
        at_once = max(_FEWEST_NODES, _STEP_BYTES // (np.dtype(dtype).itemsize * pairs))
        steps = max(2, math.ceil(self.quadrature.nodes / at_once))  # a loop of one step is unrolled and fused badly
        nodes = math.ceil(self.quadrature.nodes / steps)
        fill = steps * nodes - self.quadrature.nodes
        wigner = np.pad(self._wigner, [(0, fill), (0, 0)], mode="edge").reshape(steps, nodes, -1)
        weights = np.pad(self.quadrature.weights, (0, fill)).reshape(steps, nodes)
        return jnp.asarray(wigner, dtype), jnp.asarray(weights, dtype)


class BandLimitedKernel(PairKernel):
    """The kernel of a network whose layers hold `BandLimit`s."""

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


def mean_over_nodes(recursion: Recursion, nodes: NodeInput) -> KernelBlock:
    """NNGP and NTK with the mean over these nodes (weights of sum 1) for that over the group."""
    state = recursion(nodes).pool()
    return KernelBlock(state.nngp, state.ntk)
