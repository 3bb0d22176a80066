"""architecture=cnn: spatial windows. Convolution corresponds to lifting, then to group convolution.

The kernel collapses onto the relative group element if the group maps the window and every feature map onto
itself: a square window for groups that swap the axes, and positions that stay centred under stride and pooling.
With average_pool=p every hidden activation is followed by the mean over windows of p x p pixels, stride p; a group
network pools over the window turned by g. The collapse is the same, but the offset between two positions is no
longer conserved, as both windows are averaged over by themselves, so the plain kernel follows all pairs of positions.
"""

from eqntk_cli.architectures.stack import stack
from eqntk_cli.config.schema import ArchitectureConfig, require
from eqntk_cli.domains.lattice import Lattice, Window, window_preserved
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.domains.support import (
    Support,
    convolution,
    everywhere,
    global_group_convolution,
    group_convolution,
    lifting,
)
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.kernels.pair.collapsed import CollapsedKernel, by_route
from eqntk_cli.kernels.pair.network import NetworkKernel
from eqntk_cli.kernels.pair.stream import StreamKernel
from eqntk_cli.layers.network import Network
from eqntk_cli.recursion.block import PairKernel

_MIXES_OFFSETS = (
    "average pooling averages both windows of a pair by themselves, which mixes the offsets between positions: the "
    "plain kernel follows all pairs of positions, with memory as the square of the feature map"
)


def plain_network(config: ArchitectureConfig, domain: PixelGrid, width: int, outputs: int) -> Network:
    """Convolutions over the positions."""
    window = _window(config)
    lattices = _lattices(config, domain)
    hidden = [convolution(lattice, window) for lattice in lattices[:-1]]
    readout = everywhere(lattices[-1].count) if config.readout == "flatten" else None
    windows = [convolution(lattice, _pool_window(config)) for lattice in _pooled_lattices(config, lattices)]
    return Network(domain, stack(config, hidden, readout, width, outputs, windows))


def group_network(
    config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid, width: int, outputs: int
) -> Network:
    """A lifting convolution, then group convolutions over K and the positions."""
    domain.permutations(group)  # refuses a group that does not act
    window = _window(config)
    lattices = _lattices(config, domain)
    hidden: list[Support] = [lifting(lattices[0], window, group)]
    hidden += [group_convolution(lattice, window, group, config.group_support) for lattice in lattices[1:-1]]
    readout = None
    if config.readout == "flatten":
        readout = global_group_convolution(lattices[-1], group, config.group_support)
    pool = _pool_window(config)
    windows = [group_convolution(lattice, pool, group, "identity") for lattice in _pooled_lattices(config, lattices)]
    return Network(domain, stack(config, hidden, readout, width, outputs, windows))


def plain_kernel(config: ArchitectureConfig, domain: PixelGrid) -> PairKernel:
    """The kernel of the plain network, streamed over the offsets between two positions where these are conserved."""
    network = plain_network(config, domain, width=1, outputs=1)
    if config.average_pool > 1:
        return NetworkKernel(network, "collapsed", (_MIXES_OFFSETS,))
    return StreamKernel(network)


def pair_kernel(config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid, route: str) -> PairKernel:
    """The kernel of the group network."""
    return by_route(
        route,
        inexact(config, group, domain),
        lambda: CollapsedKernel(plain_kernel(config, domain), group, domain),
        lambda: group_network(config, group, domain, width=1, outputs=1),
    )


def inexact(config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid) -> str | None:
    """Why the kernel does not collapse onto the relative group element; None where it does."""
    if not equivariant(config, group, domain):
        return (
            f"with this window, padding, stride and average_pool {group.name} does not preserve the positions of a "
            "feature map; the networks are not exactly equivariant"
        )
    if not window_preserved(_window(config), group.matrices):
        return (
            f"a window of {config.window[0]}x{config.window[1]} pixels is not preserved by {group.name}; plain "
            "networks on the orbit have another kernel"
        )
    return None


def equivariant(config: ArchitectureConfig, group: FiniteGroup, domain: PixelGrid) -> bool:
    """Whether the group networks are exactly equivariant: every feature map is mapped onto itself."""
    domain.permutations(group)
    lattices = _lattices(config, domain)
    return all(lattice.closed_under(group.matrices) for lattice in [*lattices, *_pooled_lattices(config, lattices)])


def _window(config: ArchitectureConfig) -> Window:
    return Window(config.window, config.padding, config.stride)


def _pool_window(config: ArchitectureConfig) -> Window:
    side = config.average_pool
    return Window((side, side), "valid", side)


def _lattices(config: ArchitectureConfig, domain: PixelGrid) -> list[Lattice]:
    """The positions before each hidden layer and after the last, pooling included.

    Raises:
        ConfigError: no hidden layer, a skip connection past pooling, or a feature map smaller than its window.
    """
    require(config.hidden_layers >= 1, "architecture.hidden_layers", config.hidden_layers, "at least 1 for a cnn")
    side = config.average_pool
    require(side == 1 or not config.skip, "architecture.skip", True, "false with architecture.average_pool above 1")
    lattices = [domain.lattice]
    for layer in range(config.hidden_layers):
        lattice = lattices[-1].windowed(_window(config))[0]
        if side > 1:
            rows, columns = lattice.rows.count, lattice.columns.count
            legal = f"at most {min(rows, columns)}, as convolution {layer + 1} leaves {rows}x{columns} pixels"
            require(side <= min(rows, columns), "architecture.average_pool", side, legal)
            lattice = lattice.windowed(_pool_window(config))[0]
        lattices.append(lattice)
    return lattices


def _pooled_lattices(config: ArchitectureConfig, lattices: list[Lattice]) -> list[Lattice]:
    """The positions between each convolution and its average pooling; none without pooling."""
    if config.average_pool == 1:
        return []
    return [lattice.windowed(_window(config))[0] for lattice in lattices[:-1]]
