"""From settings to kernels: the plain network's, and the group network's by the route asked for."""

import importlib
from types import ModuleType

from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.domains.base import Domain
from eqntk_cli.errors import ConfigError
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.so3 import SO3
from eqntk_cli.recursion.block import PairKernel

ARCHITECTURES = {
    "mlp": "eqntk_cli.architectures.mlp",
    "cnn": "eqntk_cli.architectures.cnn",
    "spherical_mlp": "eqntk_cli.architectures.spherical",
}


def architecture_module(config: ArchitectureConfig) -> ModuleType:
    """The file that builds this architecture.

    Raises:
        ConfigError: if there is no such architecture.
    """
    if config.name not in ARCHITECTURES:
        raise ConfigError(f"architecture={config.name} is not known; expected {' | '.join(ARCHITECTURES)}")
    return importlib.import_module(ARCHITECTURES[config.name])


def plain_kernel(config: ArchitectureConfig, domain: Domain) -> PairKernel:
    """The kernel of the plain network."""
    return architecture_module(config).plain_kernel(config, domain)


def pair_kernel(
    config: ArchitectureConfig, group: FiniteGroup | SO3, domain: Domain, route: str = "auto"
) -> PairKernel:
    """The kernel of the group network.

    Raises:
        ConfigError: if the group does not act on the domain, or if `route=collapsed` is asked for where it does
            not hold.
    """
    return architecture_module(config).pair_kernel(config, group, domain, route)
