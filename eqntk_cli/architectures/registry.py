"""All architectures by the name that `architecture=` takes, and their kernels."""

from typing import Any

from eqntk_cli.architectures.base import Architecture
from eqntk_cli.architectures.cnn import Cnn
from eqntk_cli.architectures.mlp import Mlp
from eqntk_cli.architectures.spherical import SphericalMlp
from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.base import Domain
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.base import Group
from eqntk_cli.kernels.pair.base import PairKernel

ARCHITECTURES: dict[str, type[Architecture[Any]]] = {"mlp": Mlp, "cnn": Cnn, "spherical_mlp": SphericalMlp}


def get_architecture(config: ArchitectureConfig, dimension: int) -> Architecture[Any]:
    """The architecture of the settings, for domains of this dimension (2: images, 3: signals on the sphere).

    Raises:
        ConfigError: there is no such architecture, or it reads other domains.
    """
    if config.name not in ARCHITECTURES:
        raise ConfigError(f"architecture={config.name} is not known; expected {' | '.join(ARCHITECTURES)}")
    architecture = ARCHITECTURES[config.name](config)
    if architecture.dimension != dimension:
        kind = {2: "images", 3: "signals on the sphere"}
        legal = " | ".join(name for name, other in ARCHITECTURES.items() if other.dimension == dimension)
        raise ConfigError(
            f"architecture={config.name} needs {kind[architecture.dimension]}; expected {legal} for {kind[dimension]}."
        )
    return architecture


def plain_kernel(config: ArchitectureConfig, domain: Domain) -> PairKernel:
    """The kernel of the plain network."""
    return get_architecture(config, domain.dimension).plain_kernel(domain)


def pair_kernel(config: ArchitectureConfig, group: Group, domain: Domain, route: str = "auto") -> PairKernel:
    """The kernel of the group network.

    Raises:
        ConfigError: if the group does not act on the domain, or if `route=collapsed` is asked for where it does
            not hold.
    """
    return get_architecture(config, domain.dimension).group_kernel(group, domain, route)
