"""architecture=mlp: global filters. Dense corresponds to lifting, hidden dense layers to group convolutions."""

from eqntk_cli.architectures.stack import stack
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.support import Support, everywhere, global_group_convolution, global_lifting, pointwise
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.kernels.pair.collapsed import CollapsedKernel, by_route
from eqntk_cli.kernels.pair.network import NetworkKernel
from eqntk_cli.layers.network import Network
from eqntk_cli.recursion.block import PairKernel


def plain_network(config: ArchitectureConfig, domain: PixelGrid, width: int, outputs: int) -> Network:
    """Dense layers on the flattened image."""
    image = everywhere(domain.height * domain.width)
    return _network(config, domain, image, pointwise(1), width, outputs)


def group_network(
    config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid, width: int, outputs: int
) -> Network:
    """A lifting layer with filters as large as the image, then group convolutions over K."""
    domain.permutations(group)  # refuses a group that does not act
    convolution = global_group_convolution(None, group, config.group_support)
    return _network(config, domain, global_lifting(domain.lattice, group), convolution, width, outputs)


def plain_kernel(config: ArchitectureConfig, domain: PixelGrid) -> PairKernel:
    """The kernel of the plain network; a dense network has one site, so the table form is the fast one too."""
    return NetworkKernel(plain_network(config, domain, width=1, outputs=1), "collapsed")


def pair_kernel(config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid, route: str) -> PairKernel:
    """The kernel of the group network."""
    return by_route(
        route,
        inexact(config, group, domain),
        lambda: CollapsedKernel(plain_kernel(config, domain), group, domain),
        lambda: group_network(config, group, domain, width=1, outputs=1),
    )


def inexact(config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid) -> str | None:
    """Why the kernel does not collapse onto the relative group element: with global filters it always does."""
    del config
    domain.permutations(group)
    return None


def equivariant(config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid) -> bool:
    """Whether the group networks are exactly equivariant: with global filters they always are."""
    return inexact(config, group, domain) is None


def _network(
    config: ArchitectureConfig, domain: PixelGrid, first: Support, others: Support, width: int, outputs: int
) -> Network:
    if config.hidden_layers == 0:  # a linear network: the read-out itself reads the image
        return Network(domain, stack(config, [], first, width, outputs))
    hidden = [first] + [others] * (config.hidden_layers - 1)
    return Network(domain, stack(config, hidden, None, width, outputs))
