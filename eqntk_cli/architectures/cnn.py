"""architecture=cnn: spatial windows. Convolution corresponds to lifting, then to group convolution.

The kernel collapses onto the relative group element if the group maps the window and every feature map onto
itself: a square window for groups that swap the axes, and positions that stay centred under stride and pooling.
With average_pool=p every hidden activation is followed by the mean over windows of p x p pixels, stride p; a group
network pools over the window turned by g. The collapse is the same, but the offset between two positions is no
longer conserved, as both windows are averaged over by themselves, so the plain kernel follows all pairs of positions.
"""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from eqntk_cli.architectures.base import Architecture, by_route
from eqntk_cli.architectures.stack import linears, stack
from eqntk_cli.config.schema import require
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
from eqntk_cli.groups.base import Group
from eqntk_cli.kernels.pair.base import PairKernel
from eqntk_cli.kernels.pair.collapsed import CollapsedKernel
from eqntk_cli.kernels.pair.network import NetworkKernel, StreamKernel
from eqntk_cli.layers.network import Sequential
from eqntk_cli.layers.pooling import AveragePool

_MIXES_OFFSETS = (
    "average pooling averages both windows of a pair by themselves, which mixes the offsets between positions: the "
    "plain kernel follows all pairs of positions, with memory as the square of the feature map"
)


@dataclass(frozen=True)
class Cnn(Architecture[PixelGrid]):
    """Convolutions over the positions of an image.

    Examples:
        >>> from eqntk_cli.config.schema import ArchitectureConfig
        >>> from eqntk_cli.groups.planar import cyclic
        >>> network = Cnn(ArchitectureConfig("cnn")).group_network(cyclic(4), PixelGrid(6, 6, 1), width=16, outputs=1)
        >>> [layer.sites for layer in network.layers if layer.sites > 1]  # 4 elements times 4x4, then 2x2 positions
        [64, 16]
    """

    dimension: ClassVar[int] = 2
    foreign: ClassVar[dict[str, object]] = {"bandlimit": None, "band_limited": False, "per_atom": False}

    def plain_network(self, domain: PixelGrid, width: int, outputs: int) -> Sequential:
        """Convolutions over the positions."""
        lattices = self._lattices(domain)
        hidden = [convolution(lattice, self._window) for lattice in lattices[:-1]]
        readout = everywhere(lattices[-1].count) if self.config.readout == "flatten" else None
        windows = [convolution(lattice, self._pool_window) for lattice in self._pooled_lattices(lattices)]
        return self._network(domain, hidden, windows, readout, width, outputs)

    def group_network(self, group: Group, domain: PixelGrid, width: int, outputs: int) -> Sequential:
        """A lifting convolution, then group convolutions over K and the positions."""
        group.require_action(domain)
        finite, on, window = group.listed(), self.config.group_support, self._window
        lattices = self._lattices(domain)
        hidden = [lifting(lattices[0], window, finite)]
        hidden += [group_convolution(lattice, window, finite, on) for lattice in lattices[1:-1]]
        readout = None
        if self.config.readout == "flatten":
            readout = global_group_convolution(lattices[-1], finite, on)
        pooled = self._pooled_lattices(lattices)
        windows = [group_convolution(lattice, self._pool_window, finite, "identity") for lattice in pooled]
        return self._network(domain, hidden, windows, readout, width, outputs)

    def plain_kernel(self, domain: PixelGrid) -> PairKernel:
        """Streamed over the offsets between two positions, where these are conserved."""
        network = self.plain_network(domain, width=1, outputs=1)
        if self.config.average_pool > 1:
            return NetworkKernel(network, "collapsed", (_MIXES_OFFSETS,))
        return StreamKernel(network)

    def group_kernel(self, group: Group, domain: PixelGrid, route: str) -> PairKernel:
        """The kernel of the group network."""
        return by_route(
            route,
            self.inexact(group, domain),
            lambda: CollapsedKernel(self.plain_kernel(domain), group.listed(), domain),
            lambda: self.group_network(group, domain, width=1, outputs=1),
        )

    def inexact(self, group: Group, domain: PixelGrid) -> str | None:
        """A feature map or a window that the group does not map onto itself."""
        if not self.equivariant(group, domain):
            return (
                f"with this window, padding, stride and average_pool {group.name} does not preserve the positions of a "
                "feature map; the networks are not exactly equivariant"
            )
        if not window_preserved(self._window, group.listed().matrices):
            height, width = self.config.window
            return (
                f"a window of {height}x{width} pixels is not preserved by {group.name}; plain networks on the orbit "
                "have another kernel"
            )
        return None

    def equivariant(self, group: Group, domain: PixelGrid) -> bool:
        """Whether every feature map is mapped onto itself."""
        group.require_action(domain)
        lattices = self._lattices(domain)
        matrices = group.listed().matrices
        return all(lattice.closed_under(matrices) for lattice in [*lattices, *self._pooled_lattices(lattices)])

    @override
    def check(self, group: Group) -> None:
        """Windows, and skip connections past layers that change the size of a feature map."""
        config = self.config
        require(config.hidden_layers >= 1, "architecture.hidden_layers", config.hidden_layers, "1 or more for a cnn")
        window = config.window  # refuses what is no window
        if config.skip:
            keeps = config.padding != "valid" and config.stride == 1 and config.average_pool == 1
            sizes = f"padding={config.padding} stride={config.stride} average_pool={config.average_pool}"
            legal = f"false with {sizes} window={window[0]}x{window[1]}"
            legal += "; a skip needs layers of one size (same or circular)"
            require(keeps, "architecture.skip", config.skip, legal)

    def _network(
        self,
        domain: PixelGrid,
        hidden: list[Support],
        windows: list[Support],
        readout: Support | None,
        width: int,
        outputs: int,
    ) -> Sequential:
        pools = [AveragePool(window) for window in windows]
        return Sequential(domain, stack(self.config, linears(self.config, hidden, width), outputs, readout, pools))

    @property
    def _window(self) -> Window:
        return Window(self.config.window, self.config.padding, self.config.stride)

    @property
    def _pool_window(self) -> Window:
        side = self.config.average_pool
        return Window((side, side), "valid", side)

    def _lattices(self, domain: PixelGrid) -> list[Lattice]:
        """The positions before each hidden layer and after the last, pooling included.

        Raises:
            ConfigError: no hidden layer, a skip connection past pooling, or a feature map smaller than its window.
        """
        config, side = self.config, self.config.average_pool
        require(config.hidden_layers >= 1, "architecture.hidden_layers", config.hidden_layers, "at least 1 for a cnn")
        require(side == 1 or not config.skip, "architecture.skip", True, "false with architecture.average_pool above 1")
        lattices = [domain.lattice]
        for layer in range(config.hidden_layers):
            lattice = lattices[-1].windowed(self._window)[0]
            if side > 1:
                rows, columns = lattice.rows.count, lattice.columns.count
                legal = f"at most {min(rows, columns)}, as convolution {layer + 1} leaves {rows}x{columns} pixels"
                require(side <= min(rows, columns), "architecture.average_pool", side, legal)
                lattice = lattice.windowed(self._pool_window)[0]
            lattices.append(lattice)
        return lattices

    def _pooled_lattices(self, lattices: list[Lattice]) -> list[Lattice]:
        """The positions between each convolution and its average pooling; none without pooling."""
        if self.config.average_pool == 1:
            return []
        return [lattice.windowed(self._window)[0] for lattice in lattices[:-1]]
