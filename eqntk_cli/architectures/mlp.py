"""architecture=mlp: global filters. Dense corresponds to lifting, hidden dense layers to group convolutions."""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from eqntk_cli.architectures.base import Architecture, by_route
from eqntk_cli.architectures.stack import linears, stack
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.support import Support, everywhere, global_group_convolution, global_lifting, pointwise
from eqntk_cli.groups.base import Group
from eqntk_cli.kernels.pair.base import PairKernel
from eqntk_cli.kernels.pair.collapsed import CollapsedKernel
from eqntk_cli.kernels.pair.network import NetworkKernel
from eqntk_cli.layers.network import Sequential


@dataclass(frozen=True)
class Mlp(Architecture[PixelGrid]):
    """Dense layers on the flattened image.

    Examples:
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.groups.planar import dihedral
        >>> domain = PixelGrid(4, 4, 1)
        >>> network = Mlp(ArchitectureConfig("mlp")).group_network(dihedral(4), domain, width=16, outputs=1)
        >>> [layer.sites for layer in network.layers if layer.sites > 1]  # features on the 8 elements
        [8, 8]
    """

    dimension: ClassVar[int] = 2
    foreign: ClassVar[dict[str, object]] = {
        "bandlimit": None,
        "band_limited": False,
        "per_atom": False,
        "average_pool": 1,
        "readout": "pool",
    }

    def plain_network(self, domain: PixelGrid, width: int, outputs: int) -> Sequential:
        """Dense layers."""
        return self._network(domain, everywhere(domain.height * domain.width), pointwise(1), width, outputs)

    def group_network(self, group: Group, domain: PixelGrid, width: int, outputs: int) -> Sequential:
        """A lifting layer with filters as large as the image, then group convolutions over K."""
        group.require_action(domain)
        finite = group.listed()
        convolution = global_group_convolution(None, finite, self.config.group_support)
        return self._network(domain, global_lifting(domain.lattice, finite), convolution, width, outputs)

    def plain_kernel(self, domain: PixelGrid) -> PairKernel:
        """A dense network has one site, so the table form is the fast one too."""
        return NetworkKernel(self.plain_network(domain, width=1, outputs=1), "collapsed")

    def group_kernel(self, group: Group, domain: PixelGrid, route: str) -> PairKernel:
        """The kernel of the group network."""
        return by_route(
            route,
            self.inexact(group, domain),
            lambda: CollapsedKernel(self.plain_kernel(domain), group.listed(), domain),
            lambda: self.group_network(group, domain, width=1, outputs=1),
        )

    @override
    def check(self, group: Group) -> None:
        """Any depth, any gains: dense layers fit everything."""

    def _network(self, domain: PixelGrid, first: Support, others: Support, width: int, outputs: int) -> Sequential:
        config = self.config
        if config.hidden_layers == 0:  # a linear network: the read-out itself reads the image
            return Sequential(domain, stack(config, [], outputs, flat_readout=first))
        supports = [first] + [others] * (config.hidden_layers - 1)
        return Sequential(domain, stack(config, linears(config, supports, width), outputs))
