"""The kernel of a group network by the cheapest recursion that is exact.

The collapsed route uses T_group(f, f') = E_u[ T_plain(f, rho(u) f') ] (u uniform on the group), |G| plain
kernels per pair instead of |G|^2 entries; it holds where the filters and the feature maps are mapped onto
themselves by the group, and needs no group filters at all. The recursion route follows the group network over
all pairs (g, g') and holds always. `auto` takes the collapsed route wherever it holds.
"""

import jax

from eqntk_cli.domains.base import Domain
from eqntk_cli.domains.samples import Samples, count
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.kernels.pair.base import KernelBlock, PairKernel


class CollapsedKernel(PairKernel):
    """Mean over the group of the plain kernel between x and rho(u) x'.

    Examples:
        >>> import numpy as np
        >>> from eqntk_cli.architectures.registry import plain_kernel
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> linear = plain_kernel(ArchitectureConfig("mlp", hidden_layers=0, W_std=1.0, b_std=0.0), PixelGrid(1, 2, 1))
        >>> from eqntk_cli.groups.planar import dihedral
        >>> invariant = CollapsedKernel(linear, dihedral(1), PixelGrid(1, 2, 1))
        >>> x1, x2 = np.array([[[[1.0], [3.0]]]]), np.array([[[[2.0], [0.0]]], [[[0.0], [2.0]]]])
        >>> [np.asarray(kernel.block(x1, x2).ntk).round(5).tolist() for kernel in (linear, invariant)]
        [[[1.0, 3.0]], [[2.0, 2.0]]]
    """

    route = "collapsed"
    collapses = True

    def __init__(self, plain: PairKernel, group: FiniteGroup, domain: Domain) -> None:
        self.plain = plain
        self.group = group
        self.domain = domain
        self.notes = plain.notes

    def block(self, x1: Samples, x2: Samples) -> KernelBlock:
        """NNGP and NTK of all pairs."""
        moved = self.group.orbit(self.domain, x2)
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), moved)
        block = self.plain.block(x1, flat)
        means = [values.reshape(count(x1), count(x2), -1).mean(axis=-1) for values in block]
        return KernelBlock(*means)

    def bytes_per_pair(self, x1: Samples, x2: Samples) -> int:
        """The plain kernel for every element."""
        return self.group.order * self.plain.bytes_per_pair(x1, x2)
