"""What an architecture must provide: the plain network, the corresponding group network, and the kernels of both.

The plain and the group network correspond layer by layer, so that the group kernel is the mean over the group of the
plain one wherever nothing in the architecture breaks the symmetry (`inexact` says what does). Another architecture is
one file with a subclass, one line in `eqntk_cli.architectures.registry`, one file in conf/architecture, and its own
settings in `eqntk_cli.config.schema`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from eqntk_cli.config.schema import ArchitectureConfig, require
from eqntk_cli.domains.base import Domain
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group
from eqntk_cli.kernels.pair.base import PairKernel
from eqntk_cli.kernels.pair.network import NetworkKernel
from eqntk_cli.layers.network import Network, Sequential

AnyDomain = TypeVar("AnyDomain", bound=Domain)


@dataclass(frozen=True)
class Architecture(ABC, Generic[AnyDomain]):
    """One architecture with its settings.

    `dimension` is that of the domains that it reads: 2 for images, 3 for signals on the sphere; `foreign` are the
    settings of other architectures with the values that mean that they are not used.

    Examples:
        >>> from eqntk_cli.architectures.registry import get_architecture
        >>> from eqntk_cli.domains.pixels import PixelGrid
        >>> from eqntk_cli.groups.planar import cyclic
        >>> square, flat = (get_architecture(ArchitectureConfig("cnn", filter=size), 2) for size in (3, [3, 1]))
        >>> [one.equivariant(cyclic(4), PixelGrid(6, 6, 1)) for one in (square, flat)]
        [True, False]
    """

    config: ArchitectureConfig

    dimension: ClassVar[int]
    foreign: ClassVar[dict[str, object]]

    @abstractmethod
    def plain_network(self, domain: AnyDomain, width: int, outputs: int) -> Network:
        """The network without a group: one member of the augmented ensemble."""

    @abstractmethod
    def group_network(self, group: Group, domain: AnyDomain, width: int, outputs: int) -> Network:
        """The corresponding group-convolutional network.

        Raises:
            ConfigError: the group does not act on the domain.
        """

    @abstractmethod
    def plain_kernel(self, domain: AnyDomain) -> PairKernel:
        """The kernel of the plain network by the fastest recursion."""

    @abstractmethod
    def group_kernel(self, group: Group, domain: AnyDomain, route: str) -> PairKernel:
        """The kernel of the group network by the route asked for.

        Raises:
            ConfigError: the group does not act on the domain, or the route does not hold.
        """

    def inexact(self, group: Group, domain: AnyDomain) -> str | None:
        """Why the kernel does not collapse onto the relative group element; None where it does, as by default."""
        group.require_action(domain)
        return None

    def equivariant(self, group: Group, domain: AnyDomain) -> bool:
        """Whether the group networks are exactly equivariant."""
        return self.inexact(group, domain) is None

    @abstractmethod
    def check(self, group: Group) -> None:
        """Refuse settings that contradict each other or the group.

        Raises:
            ConfigError: names the key, its value and what would be legal.
        """

    def refuse_foreign(self) -> None:
        """Refuse settings that this architecture does not have.

        Raises:
            ConfigError: names the key, its value and what would be legal.
        """
        for key, unused in self.foreign.items():
            value = getattr(self.config, key)
            legal = f"{'null' if unused is None else unused} with architecture={self.config.name}"
            require(value == unused, f"architecture.{key}", value, legal)


def by_route(
    route: str, reason: str | None, collapsed: Callable[[], PairKernel], network: Callable[[], Sequential]
) -> PairKernel:
    """The kernel by the route asked for; `reason` says why the collapse does not hold, None where it does.

    Raises:
        ConfigError: if `route=collapsed` is asked for where it does not hold.
    """
    if route == "collapsed" and reason is not None:
        raise ConfigError(f"model.route=collapsed does not hold here: {reason}; use model.route=recursion or auto")
    if route == "recursion" or (route == "auto" and reason is not None):
        kernel = NetworkKernel(network(), "recursion", () if reason is None else (f"full recursion, since {reason}",))
        kernel.collapses = reason is None
        return kernel
    return collapsed()
